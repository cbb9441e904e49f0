"""Golden picks for a test suite: one laboratory for all tests, one sentence where a strategy picks something else."""

from __future__ import annotations

from pathlib import Path

from suite.errors import BreadthError, RegressionError
from suite.regression.baseline import Baseline, Recorded, changing, read_baseline
from suite.regression.checking import lower_is_diverse
from suite.regression.observing import Laboratory
from suite.regression.verdicts import Verdict, judge


class Golden:
    """A baseline that tests assert against, or with `update` record in. Use as a context manager."""

    def __init__(self, path: Path, *, update: bool = False):
        self.path = path
        self.update = update
        self._baseline: Baseline | None = None
        self._laboratory: Laboratory | None = None

    def __enter__(self) -> Golden:
        return self

    def __exit__(self, *_: object) -> None:
        if self._laboratory is not None:
            self._laboratory.close()

    def complaint(self, spec: str, *, metrics: bool = False) -> str:
        """What is wrong with a strategy, or nothing; with `update` it is recorded, and only a failure is wrong."""
        from suite.registry import strategies

        try:
            strategy = strategies.parse(spec)
            baseline = self._read()
            recorded = baseline.strategies.get(strategy.spec)
            if recorded is None and not self.update:
                return f"{self.path} has no record of {strategy.spec}: run pytest --breadth-update once, and commit it."
            laboratory = self._laboratory = self._laboratory or Laboratory(baseline.setting)
            found = laboratory.observe(strategy, measured=metrics or self.update, timed=False)
        except BreadthError as error:
            return str(error)
        if found.failure:
            return found.failure
        if self.update:
            self._record(strategy.spec, Recorded.of(found))
            return ""
        assert recorded is not None
        judged = judge(found, recorded, lower_is_diverse=lower_is_diverse(laboratory.metrics))
        told = [aspect.detail for aspect in judged.aspects if aspect.verdict in (Verdict.broken, Verdict.worse)]
        if not told:
            return ""
        meant = "If that is meant, run pytest --breadth-update, and commit the baseline."
        return f"{judged.spec}: {' '.join(told)} {meant}"

    def _read(self) -> Baseline:
        if self._baseline is None:
            try:
                self._baseline = read_baseline(self.path)
            except RegressionError:
                if self.path.exists():
                    raise
                # Nothing recorded is nothing to assert; what a test asks for then says how to record it.
                self._baseline = Baseline()
        return self._baseline

    def _record(self, spec: str, now: Recorded) -> None:
        # Tests may run in several processes, each with strategies of its own to record.
        with changing(self.path) as there:
            was = there.strategies.get(spec)
            if was is not None and was.made_on == now.made_on:
                # Tests measure no time; what the command measured on this machine stays.
                now = now.model_copy(update={"time": was.time, "memory": was.memory})
            if was is None or (was.ids, was.metrics, was.features) != (now.ids, now.metrics, now.features):
                there.merged({spec: now}).write(self.path)
