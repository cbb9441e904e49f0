"""What the gated MLPs of a causal language model compute, one value a neuron and sample, reduced inside of hooks.

A gated MLP is `down_proj(act_fn(gate_proj(h)) * up_proj(h))`: Llama, Mistral, Qwen and Gemma have one in each layer.
Its neurons are the entries of `act_fn`'s output (`gate`) or of that product (`product`, what `down_proj` reads).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal

from suite.errors import FeatureError

if TYPE_CHECKING:
    import torch

Activation = Literal["gate", "product"]
Aggregate = Literal["mean", "share_positive", "max", "last"]
Take = Callable[[int, "torch.Tensor"], None]
PARTS = ("act_fn", "gate_proj", "up_proj", "down_proj")


class GatedLayers:
    """The gated MLPs of a model (its body, as `AutoModel` loads it), first layer first; `widths` are their neurons.

    Raises FeatureError for a model whose decoder layers do not each hold one.
    """

    def __init__(self, model: Any):
        self.model = model
        self.mlps = _gated_mlps(model)
        self.widths = [int(mlp.down_proj.in_features) for mlp in self.mlps]

    def run(
        self, ids: torch.Tensor, response: torch.Tensor, take: Take, *, activation: Activation, aggregate: Aggregate
    ) -> None:
        """One forward pass; `take(layer, values)` gets values (batch, width), float32, of each layer in turn.

        `ids` and `response` (bool) are (batch, tokens), padded on the right; each row has a response token. Under
        causal attention what stands after a text cannot reach it, so no mask is needed.
        """
        import torch

        reduce = _reduction(response, aggregate)
        current = -1
        taken = 0

        def enter(layer: int) -> Callable[..., None]:
            def note(*_: Any) -> None:
                nonlocal current
                current = layer

            return note

        def catch(values: torch.Tensor) -> None:
            nonlocal current, taken
            # Modules may be shared between layers, or called by others: only the layer being run tells whose it is.
            if current >= 0:
                take(current, reduce(values))
                taken += 1
                current = -1

        with ExitStack() as hooks, torch.inference_mode():
            for layer, mlp in enumerate(self.mlps):
                hooks.callback(mlp.register_forward_pre_hook(enter(layer)).remove)
            for module in {id(one): one for one in self._sources(activation)}.values():
                if activation == "gate":
                    handle = module.register_forward_hook(lambda _, __, output: catch(output))
                else:
                    handle = module.register_forward_pre_hook(lambda _, inputs: catch(inputs[0]))
                hooks.callback(handle.remove)
            self.model(input_ids=ids, use_cache=False)
        if taken != len(self.mlps):
            raise FeatureError(
                f"{type(self.model).__name__} ran {taken} of its {len(self.mlps)} gated MLPs through their modules; "
                "fused kernels must be off for activations to be read."
            )

    def _sources(self, activation: Activation) -> list[Any]:
        return [mlp.act_fn if activation == "gate" else mlp.down_proj for mlp in self.mlps]


def _gated_mlps(model: Any) -> list[Any]:
    import torch

    decoder = model.get_decoder() if hasattr(model, "get_decoder") else model
    layers = getattr(decoder, "layers", None)
    wanted = f"each of `layers` must have an `mlp` with {', '.join(PARTS)}"
    if not isinstance(layers, torch.nn.ModuleList) or not len(layers):
        raise FeatureError(
            f"{type(model).__name__} has no gated MLPs that can be read: {wanted}, but it has no `layers`. Choose a "
            "Llama, Mistral, Qwen or Gemma."
        )
    mlps = [getattr(layer, "mlp", None) for layer in layers]
    for number, mlp in enumerate(mlps):
        missing = [part for part in PARTS if not isinstance(getattr(mlp, part, None), torch.nn.Module)]
        if missing:
            raise FeatureError(
                f"{type(model).__name__} has no gated MLPs that can be read: {wanted}, but layer {number} lacks "
                f"{', '.join(missing)}. Choose a Llama, Mistral, Qwen or Gemma."
            )
    return mlps


def _reduction(response: torch.Tensor, aggregate: Aggregate) -> Callable[[torch.Tensor], torch.Tensor]:
    """A function from (batch, tokens, width) to (batch, width), float32, over response positions."""
    import torch

    if aggregate == "last":
        positions = torch.arange(response.shape[1], device=response.device)
        last = (response * positions).amax(1)
        rows = torch.arange(response.shape[0], device=response.device)
        return lambda values: values[rows, last].float()
    if aggregate == "max":
        outside = ~response[:, :, None]
        return lambda values: values.masked_fill(outside, -torch.inf).amax(1).float()
    weights = (response / response.sum(1, keepdim=True)).float()[:, None, :]
    if aggregate == "share_positive":
        return lambda values: torch.bmm(weights, (values > 0).float())[:, 0]
    return lambda values: torch.bmm(weights, values.float())[:, 0]
