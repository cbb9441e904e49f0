"""The baseline file: what strategies did when somebody looked and said that it is right.

JSON with sorted keys, a line a fact, so that a change reads well in a diff:

    {
      "schema_version": 1,
      "setting": {"samples": 2000, "budget": 200, "fingerprint": "...", ...},
      "strategies": {
        "k-center": {
          "features": {"embeddings (both)": "<digest of its bytes>"},
          "ids": ["1873 12 940 ...", ...],                  in the order picked, twenty a line
          "made_on": "AMD EPYC; Python 3.11, numpy 2.3.5, ...",
          "memory": 0.0078,                                  in calibrating arrays
          "metrics": {"ttr": 0.312, ...},                    null: it has no value for this selection
          "time": {"noise": 0.02, "ratios": {"arithmetic": 1.2, "interpreter": 1.4, "memory": 0.6}}
        }, ...
      }
    }

A version that this Breadth does not know is refused; what a baseline does not record (`time`, `memory`) is not judged.
"""

from __future__ import annotations

import json
import platform
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from suite.atomic import write_text
from suite.errors import RegressionError
from suite.hashing import content_key, library_versions
from suite.machine import processor
from suite.regression.setting import Setting

if TYPE_CHECKING:
    from suite.regression.observing import Observation
    from suite.regression.timing import Timing

SCHEMA_VERSION = 1
FILE = "breadth-baseline.json"
IDS_A_LINE = 20
LIBRARIES = ("numba", "numpy", "scikit-learn", "scipy")

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Part(BaseModel):
    """Base of every part of a baseline."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RecordedTime(Part):
    """Ratios to the calibration kernels, and the noise of a round when they were measured: medians of sessions."""

    ratios: dict[str, Positive] = Field(min_length=1)
    noise: Annotated[float, Field(ge=0, allow_inf_nan=False)]

    @classmethod
    def of(cls, timings: Sequence[Timing]) -> RecordedTime:
        """Timings as they are recorded: four digits."""
        ratios = {name: statistics.median(timing.ratios[name] for timing in timings) for name in timings[0].ratios}
        return cls(
            ratios={name: float(f"{ratio:.4g}") for name, ratio in ratios.items()},
            noise=round(statistics.median(timing.noise for timing in timings), 4),
        )


class Recorded(Part):
    """One strategy: its golden picks and all that was measured with them."""

    ids: tuple[str, ...] = Field(min_length=1)
    metrics: dict[str, Finite | None] = {}
    features: dict[str, str] = {}
    time: RecordedTime | None = None
    memory: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    made_on: str = Field(default="", max_length=400)

    @property
    def picks(self) -> tuple[str, ...]:
        """The golden picks, in order."""
        return tuple(identifier for line in self.ids for identifier in line.split())

    @classmethod
    def of(cls, found: Observation) -> Recorded:
        """An observation as it is recorded."""
        lines = range(0, len(found.ids), IDS_A_LINE)
        return cls(
            ids=tuple(" ".join(found.ids[start : start + IDS_A_LINE]) for start in lines),
            metrics=found.metrics,
            features=found.features,
            time=RecordedTime.of(found.timings) if found.timings else None,
            memory=None if found.memory is None else round(found.memory, 4),
            made_on=made_on(),
        )


class Baseline(Part):
    """A setting and what was recorded in it, by the one-line form of each strategy."""

    schema_version: Literal[1] = 1
    setting: Setting = Setting()
    strategies: dict[str, Recorded] = {}

    def to_json(self) -> str:
        """The file's text: sorted keys, one line a fact."""
        return json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        write_text(path, self.to_json())

    def on_the_pool_of_now(self) -> Baseline:
        """The baseline, or where this Breadth generates another pool than it pins, an equal one that pins that pool."""
        setting = Setting.model_validate({**self.setting.model_dump(), "fingerprint": ""}).pinned()
        same = self.setting.fingerprint in ("", setting.fingerprint)
        return self if same else self.model_copy(update={"setting": setting})

    def merged(self, entries: dict[str, Recorded], gone: Sequence[str] = ()) -> Baseline:
        """The baseline with these strategies recorded anew, and without those that are gone."""
        kept = {spec: entry for spec, entry in self.strategies.items() if spec not in gone}
        return self.model_copy(update={"strategies": kept | entries, "setting": self.setting.pinned()})


def made_on() -> str:
    """This machine and the libraries that picks, metrics and times hang on, in a line."""
    versions = ", ".join(f"{name} {version}" for name, version in library_versions(LIBRARIES).items())
    python = ".".join(platform.python_version_tuple()[:2])
    return f"{_processor()}; Python {python}, {versions}"


def _processor() -> str:
    """The processor's name and its kind: a virtual machine may name no more than the maker."""
    import llvmlite.binding

    return f"{processor()} ({llvmlite.binding.get_host_cpu_name()})"


def made_on_this_processor(recorded: Recorded) -> bool:
    """Whether an entry was measured on this kind of processor."""
    return recorded.made_on.partition(";")[0] == _processor()


def baseline_path(written: Path | None) -> Path:
    """Where the baseline lies: a file, or `breadth-baseline.json` in a folder; by default in the present one."""
    path = written or Path()
    return path / FILE if path.is_dir() or (written is not None and not path.suffix) else path


def read_baseline(path: Path) -> Baseline:
    """The baseline at `path`. Raises RegressionError where there is none, or what lies there is none."""
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise RegressionError(
            f"There is no baseline {path}. Make one with `breadth regress --update --baseline {path}`."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise RegressionError(f"The baseline {path} cannot be read: {error}.") from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if type(version) is int and version > SCHEMA_VERSION:
        raise RegressionError(
            f"The baseline {path} has schema version {version}, and this Breadth reads up to {SCHEMA_VERSION}: "
            "update Breadth."
        )
    try:
        return Baseline.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise RegressionError(f"The baseline {path} is not one: {place}: {first['msg']}.") from error


@contextmanager
def changing(path: Path) -> Iterator[Baseline]:
    """The baseline at `path` (an empty one where there is none), while no other process changes it."""
    from filelock import FileLock

    # Not beside the baseline, which lies in somebody's repository; and never removed: somebody may wait for it.
    lock = Path(tempfile.gettempdir()) / f"breadth-baseline-{content_key(str(path.resolve()))[:16]}.lock"
    with FileLock(lock):
        yield read_baseline(path) if path.exists() else Baseline()
