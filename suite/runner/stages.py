"""Stage keys and stage outputs: each stage's key chains the content of the one before it.

    selection  <- feature keys, strategy with parameters and code, budget, selection seed
    training   <- the selection's sha256, base weights, recipe, training seed
    evaluation <- the trained weights' sha256, tasks, engine with versions

Equal picks therefore train once, whoever picked them. Outputs live under their key in the cache folder, whole or
absent; a damaged one is found by its hash, reported and made again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from suite.atomic import write_text
from suite.hashing import content_key, library_versions, sources_sha256
from suite.reporting import Notify
from suite.results import TaskScore
from suite.sealed import sealed, unsealed
from suite.training.job import LIBRARIES as TRAINING_LIBRARIES

if TYPE_CHECKING:
    from suite.engines import EngineFacts
    from suite.evaluation.protocol import Task
    from suite.registry import Strategy
    from suite.track import Recipe, Track

STAGES_VERSION = 1
TRAINING_CODE = ("suite.reproducible", "suite.templates", "suite.training")
"""What of ours decides how a fine-tune comes out, beside what its key holds."""

Stored = TypeVar("Stored", bound=BaseModel)


class EvaluatedRecord(BaseModel):
    """What evaluation of one set of weights gave."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tasks: tuple[TaskScore, ...]
    engine: str
    versions: dict[str, str]
    first_prompt_ids: tuple[int, ...]
    first_prompt: str | None = None
    """None in records that were made before it was kept."""
    tokens: int
    seconds: float
    peak_memory_bytes: int


@dataclass(frozen=True)
class StageFolders:
    """Where each stage's outputs live."""

    cache: Path

    def selection(self, key: str) -> Path:
        """A file: the selection with its cost."""
        return self.cache / "selections" / f"{key}.json"

    def model(self, key: str) -> Path:
        """A folder: adapter or weights, and `trained.json`."""
        return self.cache / "models" / key

    def evaluation(self, key: str) -> Path:
        """A file: scores with per-item values."""
        return self.cache / "evaluations" / f"{key}.json"

    @property
    def locks(self) -> Path:
        """The file locks that share training and evaluation of one key between runners."""
        return self.cache / "locks"

    @property
    def logs(self) -> Path:
        """What worker processes print."""
        return self.cache.parent / "logs"


def selection_key(strategy: Strategy, budget: int, seed: int, pool_fingerprint: str, features: Sequence[str]) -> str:
    """Key of a selection; a change of the plugin's code makes a new one."""
    return content_key(
        {
            "stage": ["selection", STAGES_VERSION],
            "strategy": strategy.name,
            "parameters": strategy.parameters,
            # Picking again is cheap next to training on what an older version of the code picked.
            "code": strategy.source_sha256 or sources_sha256(type(strategy).__module__.partition(".")[0]),
            "budget": budget,
            "seed": seed,
            "pool": pool_fingerprint,
            "features": sorted(features),
        }
    )


def training_key(selection_sha256: str, base_weights: str, recipe: Recipe, seed: int, *, code: str = "") -> str:
    """Key of a fine-tune; `code` is that of who must not be given what other code trained (see `training_code`)."""
    facts = {
        "stage": ["training", STAGES_VERSION],
        "selection": selection_sha256,
        "base": base_weights,
        # Which keys were borrowed says nothing about how training runs.
        "recipe": recipe.model_dump(mode="json", exclude={"borrowed"}),
        "seed": seed,
        "libraries": library_versions(TRAINING_LIBRARIES),
    }
    return content_key(facts | {"code": code} if code else facts)


def training_code() -> str:
    """The sha256 of Breadth's own code that trains."""
    return content_key([sources_sha256(module) for module in TRAINING_CODE])


def trainer_key() -> str:
    """Key of whatever trains here: the libraries with their versions, and the code."""
    return content_key({"libraries": library_versions(TRAINING_LIBRARIES), "code": training_code()})


def evaluation_key(
    weights_sha256: str, base_weights: str, track: Track, tasks: Sequence[Task], engine: EngineFacts
) -> str:
    """Key of an evaluation."""
    from suite.evaluation.protocol import describe

    asked: list[str | int] = [engine.name, track.evaluation.dtype, track.evaluation.batch_size]
    if engine.name == "vllm":
        # Its batches change answers, unless its kernels see to it that they do not.
        asked.append("batch-invariant" if engine.batch_invariant else "in batches")
    return content_key(
        {
            "stage": ["evaluation", STAGES_VERSION],
            "weights": weights_sha256,
            "base": base_weights,
            "tasks": describe(tasks),
            "engine": asked,
            "template": track.recipe.template,
            "length": track.recipe.max_length,
            "libraries": engine.versions,
        }
    )


def read_record(path: Path, model: type[Stored], notify: Notify) -> Stored | None:
    """A stage's record, or None when it is absent; a damaged one is reported, removed and made again."""
    try:
        return model.model_validate(unsealed(path.read_bytes()))
    except FileNotFoundError:
        return None
    except ValueError as error:
        first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        notify(f"{path} is damaged ({first}); it is made again.")
        path.unlink(missing_ok=True)
        return None


def write_record(path: Path, record: BaseModel) -> None:
    """Write a stage's record, whole or not at all."""
    write_text(path, sealed(record.model_dump(mode="json")))


def as_json(value: Any) -> Any:
    """Parameters as plain JSON values (tuples become lists), for a record."""
    return json.loads(json.dumps(value))
