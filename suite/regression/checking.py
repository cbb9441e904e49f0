"""Holding strategies against a baseline, and making one: what the command and the pytest fixture both stand on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.errors import UnknownNameError
from suite.regression.baseline import Baseline, Recorded, made_on_this_processor
from suite.regression.timing import SESSIONS
from suite.regression.verdicts import Judged, Verdict, judge, undecided, unknown, worst
from suite.reporting import Progress, no_progress

if TYPE_CHECKING:
    from suite.registry import Metric, Strategy
    from suite.regression.observing import Laboratory, Observation


@dataclass(frozen=True)
class Check:
    """What a check came to: a verdict a strategy, what was observed, and strategies that no baseline knows."""

    judged: tuple[Judged, ...]
    found: dict[str, Observation]
    unrecorded: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst of all."""
        return worst(one.verdict for one in self.judged)


def check(
    baseline: Baseline,
    specs: Iterable[str],
    laboratory: Laboratory,
    *,
    measured: bool = True,
    timed: bool = True,
    recording: bool = False,
    watch: Progress = no_progress,
) -> Check:
    """Observe the strategies of these one-line forms and judge each that the baseline has a record of.

    `recording` times for as many sessions as a record wants what has none, or one of another processor.
    A strategy of the baseline whose name is registered no more is judged broken; other wrong forms raise UsageError.
    """
    there, gone = _there(specs, baseline)
    found = observe(there, laboratory, measured=measured, timed=timed, watch=watch)
    known = [strategy for strategy in there if strategy.spec in baseline.strategies]
    for strategy in there:
        recorded = baseline.strategies.get(strategy.spec)
        found[strategy.spec] = timed_enough(strategy, found[strategy.spec], recorded, laboratory, recording=recording)
    lower = lower_is_diverse(laboratory.metrics)
    judged = [
        judge(found[strategy.spec], baseline.strategies[strategy.spec], lower_is_diverse=lower) for strategy in known
    ]
    unrecorded = tuple(strategy.spec for strategy in there if strategy.spec not in baseline.strategies)
    return Check((*judged, *gone), found, unrecorded)


def observe(
    strategies: Sequence[Strategy],
    laboratory: Laboratory,
    *,
    measured: bool = True,
    timed: bool = True,
    watch: Progress = no_progress,
) -> dict[str, Observation]:
    """What each strategy does now, by its one-line form."""
    found = {}
    for done, strategy in enumerate(strategies):
        watch(done, len(strategies))
        found[strategy.spec] = laboratory.observe(strategy, measured=measured, timed=timed)
        watch(done + 1, len(strategies))
    return found


def timed_enough(
    strategy: Strategy,
    found: Observation,
    recorded: Recorded | None,
    laboratory: Laboratory,
    *,
    recording: bool = False,
) -> Observation:
    """The same observation, timed again until it is clear that the time has not changed, or SESSIONS have been had."""

    def wanted() -> bool:
        if recorded is None or recorded.time is None or (recording and not made_on_this_processor(recorded)):
            return recording
        return undecided(found, recorded)

    while found.timings and len(found.timings) < SESSIONS and wanted():
        found = laboratory.timed_again(strategy, found)
    return found


def lower_is_diverse(metrics: Iterable[Metric]) -> frozenset[str]:
    """The metrics of which a lower value is the more diverse one, by their one-line form."""
    return frozenset(metric.spec for metric in metrics if not metric.higher_is_diverse)


def renewed(baseline: Baseline, checked: Check) -> Baseline:
    """The baseline with what was observed, but for what lies within noise, which stays as it was.

    Strategies that failed keep their record; those whose name is registered no more lose it.
    """
    judged = {one.spec: one for one in checked.judged}
    entries = {
        spec: _kept_where_equivalent(Recorded.of(found), baseline.strategies.get(spec), judged.get(spec))
        for spec, found in checked.found.items()
        if not found.failure
    }
    gone = [one.spec for one in checked.judged if one.spec not in checked.found]
    return baseline.merged(entries, gone)


def _kept_where_equivalent(now: Recorded, was: Recorded | None, judged: Judged | None) -> Recorded:
    if was is None or judged is None:
        return now
    # A baseline of another processor is made anew as a whole: its times and rounding are not those of this one.
    if not made_on_this_processor(was):
        return now

    def within_noise(name: str) -> bool:
        aspect = judged.aspect(name)
        return aspect is None or aspect.verdict in (Verdict.identical, Verdict.equivalent)

    kept = {name: getattr(was, name) for name in ("metrics", "time", "memory") if within_noise(name)}
    kept = {name: value for name, value in kept.items() if value not in (None, {})}
    again = now.model_copy(update=kept)
    unchanged = again.model_copy(update={"made_on": was.made_on}) == was
    return was if unchanged else again


def _there(specs: Iterable[str], baseline: Baseline) -> tuple[list[Strategy], list[Judged]]:
    from suite.registry import strategies

    there: dict[str, Strategy] = {}
    gone: list[Judged] = []
    for spec in specs:
        try:
            strategy = strategies.parse(spec)
        except UnknownNameError as error:
            if spec not in baseline.strategies:
                raise
            gone.append(unknown(spec, str(error)))
            continue
        there.setdefault(strategy.spec, strategy)
    return list(there.values()), gone
