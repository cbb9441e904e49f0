"""`breadth regress --train`: fine-tune on the picks of now, and hold the models against the baseline's.

The baseline's results lie in a store beside its file. They are what is compared with wherever the base model has the
weights it had; it is pretrained in place, and another kind of processor gives it others, whose results are never
paired. There the golden picks are trained here as well, so that picks are compared under equal conditions (a change of
the training itself then shows on the baseline's own kind of machine alone). Equal picks are trained once by the same
libraries and code: models and results of others serve as the baseline's alone, never as those of now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import InitVar, dataclass, field, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from suite.aggregate.board import Registration
from suite.errors import RegressionError
from suite.hashing import content_key
from suite.home import home
from suite.registry import PluginInfo, Strategy
from suite.regression.paired import Anchors, Compared, compared, quality_aspects
from suite.regression.verdicts import Aspect, Judged
from suite.runner.cells import FULL, UNTUNED, Cell, Wanted, plan_cells
from suite.track import Track, load_track

if TYPE_CHECKING:
    from suite.features.base import Features
    from suite.pool import Pool
    from suite.regression.baseline import Baseline
    from suite.regression.checking import Check
    from suite.reporting import Notify, Progress
    from suite.results import Result
    from suite.runner.experiment import Experiment
    from suite.runner.runner import Watcher
    from suite.stores.local import LocalStore


@dataclass(frozen=True)
class GivenPicks(Strategy):
    """Picks that a strategy made, to be trained on as they are; registered nowhere."""

    info: ClassVar[PluginInfo] = PluginInfo(name="given-picks", deterministic=True, origin=__name__)

    of: str
    sha256: str
    rows: InitVar[np.ndarray]
    _rows: ClassVar[dict[str, np.ndarray]] = {}

    def __post_init__(self, rows: np.ndarray) -> None:
        self._rows[self.sha256] = rows

    @classmethod
    def made(cls, of: str, ids: Sequence[str], pool: Pool) -> GivenPicks:
        """The picks `ids` of the strategy `of`."""
        return cls(of, content_key(list(ids))[:16], pool.rows(ids))

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """The rows given."""
        return self._rows[self.sha256]


@dataclass
class Trained:
    """A check with the aspect `quality`, and the results that a new baseline keeps."""

    check: Check
    results: list[Result] = field(default_factory=list)

    def renewing(self, baseline: Path) -> dict[str, tuple[int, int]]:
        """Of each row that `keep` changes (a strategy, `full`, `untuned`): how many results it adds, and removes."""
        there = list(beside(baseline).results())
        known = {result.record_id for result in there}
        added = Counter(_row_of(new) for new in self.results if new.record_id not in known)
        removed = Counter(_row_of(old) for old in self._replaced(there))
        return {row: (added[row], removed[row]) for row in sorted(added.keys() | removed.keys())}

    def keep(self, baseline: Path) -> int:
        """Put the results beside the baseline, in place of those of the same strategies; returns how many."""
        store = beside(baseline)
        for old in self._replaced(list(store.results())):
            (store.folder / old.path).unlink()
        store.put_many(self.results)
        return len(self.results)

    def _replaced(self, there: Iterable[Result]) -> list[Result]:
        return [
            old for old in there if old.record_id not in self._ids and any(_same_row(old, new) for new in self.results)
        ]

    @property
    def _ids(self) -> set[str]:
        return {result.record_id for result in self.results}


def training_track() -> Track:
    """The track that picks are trained on."""
    with as_file(files("suite.regression").joinpath("training.toml")) as path:
        return load_track(str(path))


def beside(baseline: Path) -> LocalStore:
    """The store of a baseline's results: `breadth-baseline-results` beside `breadth-baseline.json`."""
    from suite.stores.local import LocalStore

    return LocalStore(baseline.with_name(f"{baseline.stem}-results"))


def train(
    checked: Check,
    baseline: Baseline,
    path: Path,
    *,
    lanes: int,
    watcher: Watcher,
    notify: Notify,
    progress: Callable[[str], Progress],
    track: Track | None = None,
) -> Trained:
    """Fine-tune on the picks that were observed, and judge the quality of each strategy that has golden picks.

    Raises RegressionError where the baseline's pool is another than the track's, or a cell fails.
    """
    from suite.runner.experiment import Experiment
    from suite.runner.runner import Runner
    from suite.runner.stages import trainer_key, training_code
    from suite.stores.local import LocalStore

    used = track or training_track()
    # What is compared may be the training itself: whatever other libraries or other code trained is not of now.
    store = LocalStore(home() / "regression" / trainer_key()[:16])
    experiment = Experiment(used, store, notify, progress, training_code=training_code())
    if baseline.setting.pinned().fingerprint != experiment.pool.fingerprint or (
        baseline.setting.budget != used.default_budget
    ):
        raise RegressionError("--train needs the default pool and budget; this baseline was made in another setting.")
    cells = _cells(checked, baseline, experiment, _comparable(beside(path).results(), experiment))
    outcome = Runner(experiment, jobs=lanes, watcher=watcher).run([cell for row in cells.values() for cell in row])
    if outcome.failed:
        raise RegressionError(f"{len(outcome.failed)} cells failed; the first: {outcome.failed[0].reason}")
    results = {
        key: [experiment.results_of_now(cell, experiment.pick(cell), by_now=True)[0] for cell in row]
        for key, row in cells.items()
    }
    kept = _comparable(beside(path).results(), experiment)
    moved = _other_versions(kept, results)
    if moved:
        notify(f"The baseline's models were trained by {', '.join(moved)}: a difference may be that of the libraries.")
    return _judged(checked, baseline, results, kept, Registration.of(used))


Key = tuple[str, str]
"""A row of cells: the strategy it is of (or `full`, `untuned`), and whether its picks are of `now` or `golden`."""


def _cells(
    checked: Check, baseline: Baseline, experiment: Experiment, kept: dict[str, list[Result]]
) -> dict[Key, list[Cell]]:
    from suite.registry import strategies

    track = experiment.track
    anchors = plan_cells(track, [strategies.parse(FULL)], Wanted())
    rows: dict[Key, list[Cell]] = {
        (FULL, "now"): [cell for cell in anchors if cell.strategy],
        (UNTUNED, "now"): [cell for cell in anchors if not cell.strategy],
    }
    for spec, found in checked.found.items():
        # What repeats samples on purpose is a floor for others, and its results may not repeat them either.
        if found.failure or strategies.parse(spec).allows_repeats:
            continue
        rows[spec, "now"] = _row(track, GivenPicks.made(spec, found.ids, experiment.pool))
        if spec in baseline.strategies and not _usable(spec, kept):
            golden = baseline.strategies[spec].picks
            rows[spec, "golden"] = _row(track, GivenPicks.made(spec, golden, experiment.pool))
    return rows


def _row(track: Track, strategy: Strategy) -> list[Cell]:
    model = track.base_models[0].name
    return [Cell(track, strategy, track.default_budget, model, 0, seed) for seed in track.seeds.training]


def _usable(spec: str, kept: dict[str, list[Result]]) -> bool:
    return all(kept.get(row) for row in (spec, FULL, UNTUNED))


def _comparable(kept: Iterable[Result], experiment: Experiment) -> dict[str, list[Result]]:
    """The baseline's results that may be paired with results of now, by strategy."""
    items = {task.name: task.items_sha256 for task in experiment.tasks}
    base = experiment.base(experiment.track.base_models[0].name).weights_sha256
    found: dict[str, list[Result]] = {}
    for result in kept:
        alike = {task.name: task.items_sha256 for task in result.tasks} == items
        if result.cell.track_identity == experiment.track.identity and result.hashes.base_weights == base and alike:
            found.setdefault(_row_of(result), []).append(result)
    return found


def _other_versions(kept: dict[str, list[Result]], results: dict[Key, list[Result]]) -> list[str]:
    """The libraries by which the baseline's models were trained, and those of now were not, with both versions."""

    def versions(rows: Iterable[list[Result]]) -> set[tuple[str, str]]:
        trainings = [result.training for row in rows for result in row if result.training]
        return {library for training in trainings for library in training.versions.items()}

    of_now = versions(results.values())
    there = dict(of_now)
    return [f"{name} {old} (now {there.get(name, 'absent')})" for name, old in sorted(versions(kept.values()) - of_now)]


def _row_of(result: Result) -> str:
    return str(result.parameters.get("of", result.cell.strategy))


def _same_row(one: Result, other: Result) -> bool:
    """Whether both are of one strategy's row, whatever it picked; rows are renewed as a whole."""
    return one.cell.track == other.cell.track and _row_of(one) == _row_of(other)


def _judged(
    checked: Check,
    baseline: Baseline,
    results: dict[Key, list[Result]],
    kept: dict[str, list[Result]],
    registration: Registration,
) -> Trained:
    here = Anchors(results[FULL, "now"], results[UNTUNED, "now"])
    pairs: dict[str, Compared | None] = {}
    for spec in baseline.strategies:
        if (spec, "now") not in results:
            continue
        then, anchors = results.get((spec, "golden")), here
        if _usable(spec, kept):
            then, anchors = kept[spec], Anchors(kept[FULL], kept[UNTUNED])
        pairs[spec] = compared(results[spec, "now"], then or [], anchors, registration)
    aspects = quality_aspects(pairs)
    judged = tuple(_with(one, aspects.get(one.spec)) for one in checked.judged)
    now = [result for (_, kind), row in results.items() if kind == "now" for result in row]
    return Trained(replace(checked, judged=judged), now)


def _with(one: Judged, aspect: Aspect | None) -> Judged:
    return one if aspect is None else replace(one, aspects=(*one.aspects, aspect))
