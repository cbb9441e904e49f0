"""Golden picks for a test suite: one laboratory for all tests, one sentence where a strategy picks something else."""

from __future__ import annotations

from pathlib import Path

from suite.errors import BreadthError, RegressionError
from suite.regression.baseline import Baseline, Recorded, changing, read_baseline
from suite.regression.checking import Check, lower_is_diverse, renewed, timed_enough
from suite.regression.observing import Laboratory, Observation
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

    def complaint(self, spec: str, *, metrics: bool = False, timed: bool = False) -> str:
        """What is wrong with a strategy, or nothing; with `update` it is recorded, and only a failure is wrong.

        `timed` asks for time and memory as well, measured as `breadth regress` measures them.
        """
        from suite.registry import strategies

        try:
            strategy = strategies.parse(spec)
            baseline = self._read()
            recorded = baseline.strategies.get(strategy.spec)
            if recorded is None and not self.update:
                return f"{self.path} has no record of {strategy.spec}: run pytest --breadth-update once, and commit it."
            laboratory = self._laboratory = self._laboratory or Laboratory(baseline.setting)
            found = laboratory.observe(strategy, measured=metrics or self.update, timed=timed)
            found = timed_enough(strategy, found, recorded, laboratory, recording=self.update)
        except BreadthError as error:
            return str(error)
        if found.failure:
            return found.failure
        lower = lower_is_diverse(laboratory.metrics)
        if self.update:
            self._record(found, lower)
            return ""
        assert recorded is not None
        judged = judge(found, recorded, lower_is_diverse=lower)
        if timed and judged.aspect("time") is None:
            return f"{self.path} has no time of {judged.spec} to compare with: run pytest --breadth-update once."
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

    def _record(self, found: Observation, lower: frozenset[str]) -> None:
        # Tests may run in several processes, each with strategies of its own to record.
        with changing(self.path) as there:
            was, now = there.strategies.get(found.spec), Recorded.of(found)
            if found.timings:
                judged = () if was is None else (judge(found, was, lower_is_diverse=lower),)
                made = renewed(there, Check(judged, {found.spec: found}))
                if made != there:
                    made.write(self.path)
                return
            if was is not None and was.made_on == now.made_on:
                # This test measures no time; what another, or the command, measured on this machine stays.
                now = now.model_copy(update={"time": was.time, "memory": was.memory})
            if was is None or (was.ids, was.metrics, was.features) != (now.ids, now.metrics, now.features):
                there.merged({found.spec: now}).write(self.path)
