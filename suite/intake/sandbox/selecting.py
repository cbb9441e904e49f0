"""A code submission's picks: selected in the sandbox, twice, and handed on as an index-only submission.

Whatever runs inside may lie. What comes out is therefore a list of rows and nothing else, held against the pool here
and written as `selection.jsonl`, which passes the checks of every index-only submission before anything is trained.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from suite.atomic import write_text
from suite.errors import FeatureError, SelectionError
from suite.intake.evaluator import Control, EvaluationFailed
from suite.intake.given import Spent
from suite.intake.names import module_name
from suite.intake.requests import Fault, Request
from suite.intake.run_log import scrubbed
from suite.intake.sandbox.handed import (
    Asking,
    described_context,
    feature_places,
    same_for_all,
    wished,
    write_pool,
)
from suite.intake.sandbox.isolation import Isolation
from suite.intake.sandbox.limits import Limits
from suite.intake.sandbox.supervise import Outcome, run_job
from suite.intake.selections import Which, as_lines
from suite.intake.submission import CODE, MANIFEST, SELECTION
from suite.reporting import Notify, Progress
from suite.selection import checked_rows

if TYPE_CHECKING:
    from suite.runner.selecting import Selector
    from suite.stores import Store
    from suite.track import Track

LONGEST_REASON = 600
LARGEST_DESCRIPTION = 64 * 2**10


@dataclass(frozen=True)
class Selected:
    """What a code submission picked, as an index-only submission in `folder`.

    `overlap` is the mean share of a selection's ids that the second run picked as well; `same` says that all of them
    came again, in the same order.
    """

    folder: Path
    same: bool
    overlap: float
    spent: Mapping[Which, Spent] = field(default_factory=dict)


@dataclass(frozen=True)
class _Task:
    """One track's share of the work: the selector, and what every run on it is told and handed."""

    selector: Selector
    job: Mapping[str, Any]
    handed: Mapping[str, Path]
    feature_seconds: float
    deterministic: bool


class SandboxedCode:
    """Selects with submitted code; see `suite.intake.running.CodeSelector`."""

    def __init__(
        self,
        store: Store,
        tracks: Mapping[str, Track],
        isolation: Isolation,
        *,
        limits: Limits,
        notify: Notify,
        progress: Callable[[str], Progress],
    ):
        self.store, self.tracks, self.isolation, self.limits = store, tracks, isolation, limits
        self._notify, self._progress = notify, progress

    def __call__(self, request: Request, folder: Path, control: Control) -> Selected:
        """Select everything that the request asks for, each selection twice, each time in a new sandbox.

        Raises EvaluationFailed with what the code did wrong, Stopped soon after `control` says so.
        """
        control.say(f"Sandbox: {self.isolation.words}")
        picked: dict[Which, tuple[str, ...]] = {}
        spent: dict[Which, Spent] = {}
        shares: list[float] = []
        same = True
        for name, budgets in request.wanted.tracks.items():
            track = self.tracks[name]
            with tempfile.TemporaryDirectory(prefix="breadth-handed-") as work:
                task = self._prepared(request.wanted.name, track, folder, Path(work), control)
                draws = 1 if task.deterministic else len(track.seeds.training)
                for which in (Which(name, budget, seed) for budget in budgets for seed in range(draws)):
                    first, outcome, seconds = self._select(task, which, control)
                    again, _, _ = self._select(task, which, control)
                    shares.append(len(set(first.tolist()) & set(again.tolist())) / len(first))
                    same = same and np.array_equal(first, again)
                    picked[which] = task.selector.pool.id_of(first)
                    spent[which] = Spent(seconds, task.feature_seconds)
                    control.say(
                        f"{which}: {len(first)} ids in {outcome.seconds:.1f} s, at most "
                        f"{outcome.peak_memory / 2**20:.0f} MiB ({outcome.memory_by}); {shares[-1]:.1%} of them again"
                    )
        return Selected(_written(picked, folder), same, float(np.mean(shares)), spent)

    def _prepared(self, name: str, track: Track, folder: Path, work: Path, control: Control) -> _Task:
        """Ask the code what it wants to read, and compute that."""
        from suite.features.store import compute_features
        from suite.runner.experiment import Experiment

        experiment = Experiment(track=track, store=self.store, notify=self._notify, progress=self._progress)
        code = work / CODE
        shutil.copyfile(folder / CODE, code)
        code.chmod(0o644)
        models = [model.name for model in track.base_models]
        context = described_context(experiment.selector_for(models[0], []).context)
        job = {"name": name, "module": module_name(name), "context": context}
        handed = {f"/job/{CODE}": code}
        outcome = self._run({**job, "do": "describe"}, handed, control, track.name)
        described = _answer(outcome, track.name)
        try:
            if len(outcome.answer) > LARGEST_DESCRIPTION:
                raise FeatureError("requires(track) says too much.")
            asking = Asking(wished(described.get("requires")))
            selectors = {model: experiment.selector_for(model, [asking]) for model in models}
            contexts = {model: selector.context for model, selector in selectors.items()}
            if not same_for_all(dict.fromkeys(models, asking.wanted), contexts):
                raise FeatureError(
                    f"Its features read the base model, of which {track.name} has several, while one selection holds "
                    "for all of them. Leave that track out, or read other features."
                )
            selector = selectors[models[0]]
            computed = compute_features(
                asking.wanted, selector.pool, selector.context, selector.features, progress_for=self._progress
            )
        except FeatureError as error:
            _fail(str(error), track.name)
        places, arrays = feature_places(asking.wanted, selector.pool, selector.context, selector.features, work)
        write_pool(selector.pool, work / "pool.arrow")
        return _Task(
            selector,
            {**job, "features": described["requires"], "arrays": arrays, "fingerprint": selector.pool.fingerprint},
            {**handed, **places, "/job/pool.arrow": work / "pool.arrow"},
            computed.seconds,
            described.get("deterministic") is True,
        )

    def _select(self, task: _Task, which: Which, control: Control) -> tuple[np.ndarray, Outcome, float]:
        job = {**task.job, "do": "select", "size": which.budget, "seed": which.seed}
        outcome = self._run(job, task.handed, control, str(which))
        rows, seconds = picked_rows(outcome, which, len(task.selector.pool))
        return rows, outcome, seconds

    def _run(self, job: Mapping[str, Any], handed: Mapping[str, Path], control: Control, where: str) -> Outcome:
        control.check()
        outcome = run_job(self.isolation, job, handed, self.limits, lambda: control.stopped)
        control.check()
        if outcome.printed:
            control.say(f"{where}: the code printed, in the end:\n{outcome.printed}")
        return outcome


def picked_rows(outcome: Outcome, which: Which, pool_size: int) -> tuple[np.ndarray, float]:
    """The rows of an answer, shape (budget,), int64, and the strategy's own seconds as far as they can be.

    Raises EvaluationFailed when the run ended badly or the answer is no selection.
    """
    answer = _answer(outcome, str(which))
    rows, seconds = answer.get("rows"), answer.get("seconds")
    if not isinstance(rows, list) or not all(type(row) is int for row in rows):
        _fail("select must return row positions: a one-dimensional array of integers", str(which))
    if any(not 0 <= row < pool_size for row in rows):
        wrong = next(row for row in rows if not 0 <= row < pool_size)
        _fail(f"select returned row {wrong!r:.40}, outside 0 to {pool_size - 1}", str(which))
    try:
        checked = checked_rows(
            np.array(rows, dtype=np.int64), strategy="select", pool_size=pool_size, size=which.budget
        )
    except SelectionError as error:
        _fail(str(error), str(which))
    told = seconds if isinstance(seconds, int | float) else outcome.seconds
    # Compared before it becomes a float: an integer may have thousands of digits.
    return checked, float(min(max(told, 0.0), outcome.seconds))


def _answer(outcome: Outcome, where: str) -> dict[str, Any]:
    """The answer as plain JSON. Raises EvaluationFailed with what went wrong instead."""
    if outcome.broken:
        _fail(outcome.broken, where, "unknown" if outcome.broken.endswith("SIGKILL") else "submission")
    try:
        found = json.loads(outcome.answer, parse_constant=_no_number)
    except (ValueError, RecursionError):
        _fail("it ended without an answer that could be read", where)
    if not isinstance(found, dict):
        _fail("it ended without an answer that could be read", where)
    if "error" in found:
        _fail(str(found["error"]), where)
    return found


def _fail(what: str, where: str, fault: Fault = "submission") -> NoReturn:
    said = scrubbed(what[: 4 * LONGEST_REASON])[:LONGEST_REASON].replace("\n", " ")
    raise EvaluationFailed(f"{CODE} failed in the sandbox ({where}): {said}", fault)


def _no_number(written: str) -> NoReturn:
    raise ValueError(f"{written} is no JSON")


def _written(picked: Mapping[Which, tuple[str, ...]], folder: Path) -> Path:
    """An index-only submission of these ids beneath the folder of the code."""
    made = folder / "selected"
    made.mkdir()
    shutil.copyfile(folder / MANIFEST, made / MANIFEST)
    write_text(made / SELECTION, "".join(as_lines(picked)))
    return made
