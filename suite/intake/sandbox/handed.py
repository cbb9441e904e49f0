"""What is handed into the sandbox: the pool as one Arrow file, and the features that the code asks for.

Features are computed outside, by Breadth's own code. What is asked for comes from strangers: only known features, with
the track's own models and with sizes that a worker can bear, are computed for them.
"""

from __future__ import annotations

import math
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from suite.errors import FeatureError
from suite.features import Density, Embeddings, Feature, Neighbours, NeuronStates, Tags, Tokens, Topics, TrackContext
from suite.features.tokens import WORDS
from suite.registry import Strategy

if TYPE_CHECKING:
    import numpy as np

    from suite.features import Features
    from suite.features.store import FeatureStore
    from suite.pool import Pool

KNOWN: dict[str, type[Feature]] = {
    cls.__name__: cls for cls in (Density, Embeddings, Neighbours, NeuronStates, Tags, Tokens, Topics)
}
"""What submitted code may require; what reads files of one's own, or what a pool hides, is not among it."""
MOST_FEATURES = 8
MODELS = ("embedder", "tokenizer", "tagger", "merge", "model", "template")
"""Fields that name a model or a file: they are left as they are, for nobody's model is loaded for a stranger."""
LARGEST = {"dimensions": 1024, "neighbours": 100, "components": 100, "max_length": 2048, "standardise": 4096}
LARGEST_NUMBER = 100_000
"""Of fields that LARGEST does not name."""


@dataclass(frozen=True)
class Asking(Strategy):
    """Stands outside for a strategy that lives inside: asks for the same features, and selects nothing."""

    wanted: tuple[Feature, ...] = ()

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """The features as the code named them."""
        return self.wanted

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Never asked."""
        raise FeatureError("the strategy selects inside the sandbox alone")


def wished(described: Any) -> tuple[Feature, ...]:
    """The features that a description of the child names. FeatureError for what is not computed for strangers."""
    if not isinstance(described, list) or len(described) > MOST_FEATURES:
        raise FeatureError(f"requires(track) must name at most {MOST_FEATURES} features.")
    return tuple(_wished(one) for one in described)


def _wished(described: Any) -> Feature:
    name = described.get("feature") if isinstance(described, dict) else None
    given = described.get("fields") if isinstance(described, dict) else None
    cls = KNOWN.get(name) if isinstance(name, str) else None
    if cls is None or not isinstance(given, dict):
        raise FeatureError(
            f"requires(track) names {str(name)[:80]!r}, which the board does not compute for code that was sent; there "
            f"are: {', '.join(KNOWN)}."
        )
    defaults = {field.name: field.default for field in fields(cls)}
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in defaults:
            raise FeatureError(f"{name} has no field {key[:80]!r}.")
        if value == defaults[key] and type(value) is type(defaults[key]):
            continue
        if key in MODELS and not (key == "tokenizer" and value == WORDS):
            raise FeatureError(f"{name}: `{key}` must be left out, so that the track's own is taken.")
        try:
            values[key] = TypeAdapter(hints[key]).validate_python(value, strict=True)
        except ValidationError as error:
            raise FeatureError(f"{name}: {key} is wrong: {error.errors()[0]['msg']}.") from error
        _check_size(name, key, values[key])
    return cls(**values)


def _check_size(name: Any, key: str, value: Any) -> None:
    if isinstance(value, int | float):
        most = LARGEST.get(key, LARGEST_NUMBER)
        if not math.isfinite(value) or abs(value) > most:
            raise FeatureError(f"{name}: {key} is {value!r:.40}; at most {most:,} is computed for code that was sent.")


def described_context(context: TrackContext) -> dict[str, Any]:
    """What the code is told of the track: names and sizes, no place on this machine and nothing the pool hides."""
    return {
        "track": context.track,
        "pool_size": context.pool_size,
        "embedder": context.embedder,
        "tokenizer": "the track's tokenizer",
        "base_model": "the track's base model",
        "rare_token_count": context.rare_token_count,
        "common_token_count": context.common_token_count,
    }


def write_pool(pool: Pool, path: Path) -> None:
    """The pool's columns as one Arrow file, to be mapped into memory."""
    import pyarrow as pa

    from suite.pool.pool import COLUMNS

    names = [*COLUMNS, *(["turns"] if "turns" in pool.table.column_names else [])]
    table = pool.table.select(names).replace_schema_metadata(None)
    with pa.ipc.new_file(path, table.schema) as file:
        file.write_table(table)
    path.chmod(0o644)


def feature_places(
    wanted: Sequence[Feature], pool: Pool, context: TrackContext, store: FeatureStore, folder: Path
) -> tuple[dict[str, Path], list[list[str]]]:
    """Where the arrays of computed features lie, by their place inside, and the names of each one's arrays."""
    places: dict[str, Path] = {}
    names: list[list[str]] = []
    for number, feature in enumerate(wanted):
        stored = store.ensure(feature.resolve(context), pool, context)
        names.append(sorted(stored.arrays))
        for name in stored.arrays:
            file = _readable(store.folder / stored.key / f"{name}.npy", folder / f"{number}-{name}.npy")
            places[f"/features/{number}/{name}.npy"] = file
    return places, names


def _readable(file: Path, copy: Path) -> Path:
    """The file, or a copy of it where others may not read it, as under a strict umask."""
    if file.stat().st_mode & stat.S_IROTH:
        return file
    shutil.copyfile(file, copy)
    copy.chmod(0o644)
    return copy


def same_for_all(wishes: Mapping[str, tuple[Feature, ...]], contexts: Mapping[str, TrackContext]) -> bool:
    """Whether the features are the same whatever the track's base model, so that one selection holds for all."""
    resolved = [[wish.resolve(contexts[model]) for wish in wanted] for model, wanted in wishes.items()]
    return all(one == resolved[0] for one in resolved)
