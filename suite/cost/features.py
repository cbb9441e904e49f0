"""What features cost that a model computes, once a pool: embeddings, activations, tags. Those without one are free.

A feature's view is taken to be as long as the whole sample, and what is cut off by its own limit is not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from suite.cost.formulas import DISK_BYTES_A_SECOND, decoding_seconds, reading_seconds
from suite.cost.shapes import ShapeUnknown, shape_of_named
from suite.errors import BreadthError
from suite.features.activations import NeuronStates
from suite.features.base import Feature, TrackContext
from suite.features.embeddings import Embeddings, parse_embedder
from suite.features.tags import Tags, parse_tagger

if TYPE_CHECKING:
    from suite.cost.cards import Card
    from suite.registry import Strategy
    from suite.track import Track

EMBEDDED, TOKENS_A_BATCH = 256, 65536
"""As `suite.features.text_models` has it: tokens of a text, and of a batch on a GPU."""
STATES_ROWS = 64
TAG_ROWS, TAG_TEXT, TAG_FRAME, TAG_WRITTEN = 64, 1024, 300, 100
"""Rows and most tokens of a text by default; tokens around it and written of it are assumptions."""


def wanted_features(track: Track, base_model: str, chosen: Iterable[Strategy]) -> set[Feature]:
    """All features that these strategies read for one base model, and those that they are computed from."""
    model = track.base_model(base_model)
    name = model.hub if model.kind == "hub" else ""
    context = TrackContext(
        track=track.name,
        pool_size=track.pool.size,
        embedder=track.features.embedder,
        tokenizer=name or model.name,
        base_model=name,
    )
    found: set[Feature] = set()
    for strategy in chosen:
        try:
            waiting = [feature.resolve(context) for feature in strategy.requires(context)]
            while waiting:
                feature = waiting.pop()
                found.add(feature)
                waiting += feature.requires()
        except BreadthError:  # it cannot select in this track, as a run will say
            continue
    return found


def feature_costs(
    track: Track, features: Iterable[Feature], card: Card, lengths: Sequence[float], notes: list[str]
) -> Iterator[tuple[str, float]]:
    """(what, seconds of the card) of each feature that a model computes; `notes` take those of unknown size.

    `lengths` are the tokens of samples, not cut.
    """
    for feature in features:
        model = _model(feature)
        if not model:
            continue
        what = f"{feature.label} by {model}"
        try:
            yield what, _seconds(feature, model, track.pool.size, card, lengths)
        except ShapeUnknown as error:
            notes.append(f"Not counted: {what}. {error}")


def _model(feature: Feature) -> str:
    """The model that computes it; empty for none."""
    if isinstance(feature, Embeddings):
        return parse_embedder(feature.embedder or "").model
    if isinstance(feature, Tags):
        return parse_tagger(feature.tagger or "").model
    return feature.model or "" if isinstance(feature, NeuronStates) else ""


def _seconds(feature: Feature, model: str, samples: int, card: Card, lengths: Sequence[float]) -> float:
    name, _, revision = model.partition("@")
    shape = shape_of_named(name, revision or "not pinned")

    def mean(most: int) -> float:
        return sum(min(length, most) for length in lengths) / len(lengths)

    def reading(texts: float, length: float, rows: int) -> float:
        return reading_seconds(shape, card, "bfloat16", tokens=texts * length, length=length, rows=rows)

    loaded = 2.0 * shape.parameters / DISK_BYTES_A_SECOND
    if isinstance(feature, NeuronStates):
        # Their mean and deviation are had of some samples first, or of all (0).
        first = min(feature.standardise or samples, samples)
        return loaded + reading(samples + first, mean(feature.max_length), STATES_ROWS)
    if isinstance(feature, Tags):
        options = parse_tagger(feature.tagger or "").options
        rows, length = options.get("batch_size", TAG_ROWS), TAG_FRAME + mean(options.get("max_text_tokens", TAG_TEXT))
        return (
            loaded
            + reading(samples, length, rows)
            + decoding_seconds(
                shape, card, "bfloat16", sequences=samples, new=TAG_WRITTEN, length=length + TAG_WRITTEN, rows=rows
            )
        )
    assert isinstance(feature, Embeddings)
    length = mean(parse_embedder(feature.embedder or "").options.get("max_length", EMBEDDED))
    return loaded + reading(samples, length, max(1, int(TOKENS_A_BATCH / length)))
