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

    Raises ShapeUnknown for one that is neither known nor on this disk, and for one of another kind than Llama's.
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
    return shape_of_named(model.hub, model.revision)


def shape_of_named(model: str, revision: str) -> Shape:
    """The shape of a folder's model, or of one of the Hub; raises as `shape_of` does."""
    path = config_here(model, revision)
    config = json.loads(path.read_text(encoding="utf-8")) if path else _known().get(model)
    if config is None:
        raise ShapeUnknown(
            f"The size of {model} is not known here: it is not in the Hub's cache on this disk. Fetch its config with "
            f"`hf download {model} config.json` and ask again."
        )
    try:
        return shape_from_config(config)
    except KeyError as error:
        raise ShapeUnknown(f"The config of {model} states no {error}: its size is not known here.") from error


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


def config_here(model: str, revision: str) -> Path | None:
    """The `config.json` of a model that is a folder or in the Hub's cache on this disk; None for others."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if Path(model).is_dir():
        path = Path(model) / "config.json"
        return path if path.is_file() else None
    try:
        found = try_to_load_from_cache(model, "config.json", revision=None if revision == "not pinned" else revision)
    except HFValidationError:  # no name that the Hub could have
        return None
    return Path(found) if isinstance(found, str) else None


def _known() -> dict[str, dict[str, Any]]:
    return dict(json.loads((files("suite.cost") / KNOWN).read_text(encoding="utf-8")))
