"""The shape of a model: all that its cost depends on, from a track, from its config, or from a list of known ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.errors import BreadthError

if TYPE_CHECKING:
    from suite.track import BuiltModel, HubModel, Lora

KNOWN = "known_models.json"


class ShapeUnknown(BreadthError):  # noqa: N818 - not wrong, only not known here
    """What a base model looks like cannot be told without downloading it."""


@dataclass(frozen=True)
class Shape:
    """A decoder of Llama's kind: gated feed-forward layers, grouped keys and values, one output matrix."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    intermediate: int
    tied: bool

    @property
    def projections(self) -> dict[str, tuple[int, int]]:
        """(inputs, outputs) of the linear maps of one layer."""
        query, key = self.heads * self.head, self.kv_heads * self.head
        return {
            "q_proj": (self.hidden, query),
            "k_proj": (self.hidden, key),
            "v_proj": (self.hidden, key),
            "o_proj": (query, self.hidden),
            "gate_proj": (self.hidden, self.intermediate),
            "up_proj": (self.hidden, self.intermediate),
            "down_proj": (self.intermediate, self.hidden),
        }

    @property
    def matrix_parameters(self) -> int:
        """Parameters that every token is multiplied with: the layers' and the output matrix, not the embedding."""
        return self.layers * sum(a * b for a, b in self.projections.values()) + self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """All parameters; norms counted, biases of queries and keys (Qwen2, 0.01 %) not."""
        embedding = 0 if self.tied else self.vocabulary * self.hidden
        return self.matrix_parameters + embedding + (2 * self.layers + 1) * self.hidden

    def lora_parameters(self, lora: Lora) -> int:
        """Trained parameters of an adapter: rank x (inputs + outputs) of each map (Hu et al., 2022, section 4)."""
        named = self.projections if lora.target_modules == "all-linear" else lora.target_modules
        adapted = [self.projections[name] for name in named if name in self.projections]
        return self.layers * lora.rank * sum(a + b for a, b in adapted)

    def kv_bytes_per_token(self, width: int) -> int:
        """Keys and values of one token in all layers, `width` bytes a number."""
        return 2 * self.layers * self.kv_heads * self.head * width


def shape_of(model: HubModel | BuiltModel) -> Shape:
    """The shape of a base model; a model of the Hub need not be downloaded if it is among the known ones.

    Raises ShapeUnknown for one that is neither known nor in the Hub's cache on this disk.
    """
    if model.kind == "built":
        return Shape(
            model.vocabulary,
            model.hidden,
            model.layers,
            model.heads,
            model.kv_heads,
            model.hidden // model.heads,
            model.intermediate,
            tied=True,
        )
    config = _cached_config(model) or _known().get(model.hub)
    if config is None:
        raise ShapeUnknown(
            f"The size of {model.hub} is not known here: it is not in the Hub's cache on this disk. Fetch its config "
            f"with `hf download {model.hub} config.json` and ask again."
        )
    return shape_from_config(config)


def shape_from_config(config: dict[str, Any]) -> Shape:
    """The shape that a `config.json` in the Hub's format states."""
    heads = config["num_attention_heads"]
    return Shape(
        vocabulary=config["vocab_size"],
        hidden=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head=config.get("head_dim") or config["hidden_size"] // heads,
        intermediate=config["intermediate_size"],
        tied=bool(config.get("tie_word_embeddings", False)),
    )


def _cached_config(model: HubModel) -> dict[str, Any] | None:
    from huggingface_hub import try_to_load_from_cache

    revision = None if model.revision == "not pinned" else model.revision
    found = try_to_load_from_cache(model.hub, "config.json", revision=revision)
    return json.loads(Path(found).read_text(encoding="utf-8")) if isinstance(found, str) else None


def _known() -> dict[str, dict[str, Any]]:
    return dict(json.loads((files("suite.cost") / KNOWN).read_text(encoding="utf-8")))
