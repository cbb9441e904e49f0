"""Neuron states: which neurons of a selector model stand out while it reads each sample (MADS, arXiv 2605.30857)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from suite.errors import FeatureError
from suite.features.base import Feature, Features, TrackContext
from suite.features.gated_layers import Activation, Aggregate
from suite.reporting import Progress

if TYPE_CHECKING:
    from pathlib import Path

    from suite.features.activation_spool import Reader
    from suite.features.neuron_states import Scale, SignStates
    from suite.pool import Pool

State = Literal["top", "sign"]
STANDARDISE_SEED = 0
ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class NeuronSets:
    """The neurons of n samples, end to end: sample i holds `ids[offsets[i]:offsets[i + 1]]`, ascending.

    `ids` is uint16 (uint32 for more than 65,536 neurons), shape (held,), layer by layer; `offsets` is int64, shape
    (n + 1,); `scores` holds the z-score of each held neuron, float16, and is None for states without one.
    """

    ids: np.ndarray
    offsets: np.ndarray
    scores: np.ndarray | None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.ids[self.offsets[row] : self.offsets[row + 1]]


@dataclass(frozen=True)
class NeuronStates(Feature):
    """The state of every sample: a set of neurons of a causal language model with gated MLPs, opened as NeuronSets.

    The model reads the whole conversation, written in its chat template (in `template` of `suite.templates` where one
    is named, `plain` where the model has none), cut after `max_length` tokens or its own limit. A neuron's activation
    is the output of `act_fn` (`gate`) or what `down_proj` reads (`product`), aggregated over response tokens: `mean`,
    `share_positive`, `max` or `last`. It becomes a z-score by the mean and deviation of `standardise` samples, drawn
    with a fixed seed (0: all, in a pass of its own). `top` keeps the `density` share of each layer's neurons with the
    largest z: sets of one size. `sign` keeps the neurons above 0 (for `share_positive`: above a half), many more.

    A sample without a response token (an empty response, or a prompt as long as `max_length`) holds no neuron.
    `model` is a folder or Hub name; None is the track's base model. Activations are float32 on a CPU, bfloat16 on a
    GPU. Deterministic on one kind of machine, whether it was killed and resumed or not.
    """

    density: float = 0.01
    activation: Activation = "gate"
    aggregate: Aggregate = "mean"
    standardise: int = 4096
    state: State = "top"
    max_length: int = 1024
    template: str | None = None
    model: str | None = None

    kind: ClassVar[str] = "neuron-states"
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "tokenizers", "torch", "transformers")

    def __post_init__(self) -> None:
        if not 0.0 < self.density <= 1.0:
            raise FeatureError(
                f"density is the share of neurons that are kept, above 0 and up to 1, not {self.density}."
            )
        if self.standardise < 0 or self.max_length < 1:
            raise FeatureError(
                f"standardise is a number of samples (0 for all) and max_length at least 1, not {self.standardise} and "
                f"{self.max_length}."
            )

    def resolve(self, track: TrackContext) -> NeuronStates:
        """The track's base model filled in, and a template's name checked."""
        from suite.templates import get_template

        if self.template is not None:
            get_template(self.template)
        model = self.model or track.base_model
        if not model:
            raise FeatureError("No model is known to read activations of: name one (model=FOLDER or a Hub name).")
        return replace(self, model=model)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of its key: where the model lies is left out, its content stands in `identity`."""
        return {name: value for name, value in super().parameters.items() if name != "model"}

    def identity(self) -> dict[str, Any]:
        """The model's content and the device it runs on."""
        from suite.features.pretrained import locate_model
        from suite.features.text_models import device_name

        return {"model": locate_model(self.model or "").identity, "device": device_name()}

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        """One pass over the sample that standardises, one over the pool; what is finished survives a kill."""
        from suite.features.activation_spool import spool_states
        from suite.features.neuron_states import SignStates, TopStates

        reader = self._reader(pool)
        rows = np.flatnonzero(reader.chats.response_lengths)
        drawn = self._standardising(rows)
        scratch = features.scratch

        def told(done: int, total: int) -> None:
            progress(done + len(drawn), total + len(drawn))

        widths = reader.layers.widths
        layers = np.cumsum([0, *widths])
        if self.state == "sign":
            signs = SignStates(widths, threshold=0.5 if self.aggregate == "share_positive" else 0.0)
            bits = spool_states(reader, rows, signs, scratch, told)["bits"]
            return {**_unpacked(signs, bits, rows, len(pool)), "layers": layers}
        scale = self._scale(reader, drawn, scratch, lambda done, _: progress(done, len(drawn) + len(rows)))
        states = TopStates(widths, self.density, scale)
        kept = spool_states(reader, rows, states, scratch, told)
        sizes = np.zeros(len(pool) + 1, dtype=np.int64)
        sizes[rows + 1] = sum(states.kept)
        return {
            "ids": kept["ids"].reshape(-1),
            "scores": kept["scores"].reshape(-1),
            "offsets": np.cumsum(sizes),
            "layers": layers,
        }

    def open(self, arrays: Mapping[str, np.ndarray]) -> NeuronSets:
        """Neuron sets over the memory-mapped arrays."""
        return NeuronSets(arrays["ids"], np.asarray(arrays["offsets"]), arrays.get("scores"))

    def _reader(self, pool: Pool) -> Reader:
        from suite.features.activation_spool import Reader
        from suite.features.chats import encode_chats
        from suite.features.gated_layers import GatedLayers
        from suite.features.pretrained import locate_model
        from suite.features.text_models import load_causal_lm

        tokenizer, model, device = load_causal_lm(locate_model(self.model or "").path)
        layers = GatedLayers(model)
        limit = getattr(model.config.get_text_config(), "max_position_embeddings", None) or self.max_length
        chats = encode_chats(pool, tokenizer, template=self.template, max_length=min(self.max_length, limit))
        return Reader(layers, chats, device, self.activation, self.aggregate)

    def _standardising(self, rows: np.ndarray) -> np.ndarray:
        if self.state == "sign":
            return rows[:0]
        if not self.standardise or self.standardise >= len(rows):
            return rows
        rng = np.random.default_rng(STANDARDISE_SEED)
        return np.sort(rng.choice(rows, size=self.standardise, replace=False))

    def _scale(self, reader: Reader, drawn: np.ndarray, scratch: Path, progress: Progress) -> Scale:
        from suite.features.activation_spool import measure_scale

        return measure_scale(reader, drawn, scratch, progress)


def _unpacked(signs: SignStates, bits: np.ndarray, rows: np.ndarray, samples: int) -> dict[str, np.ndarray]:
    parts = []
    sizes = np.zeros(samples + 1, dtype=np.int64)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        ids, counts = signs.unpacked(np.asarray(bits[start : start + ROWS_AT_ONCE]))
        parts.append(ids)
        sizes[rows[start : start + ROWS_AT_ONCE] + 1] = counts
    ids = np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint16)
    return {"ids": ids, "offsets": np.cumsum(sizes)}
