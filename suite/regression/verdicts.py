"""From an observation and what was recorded to verdicts, one for each aspect.

- **picks**: `identical`, or `broken`: golden picks have no tolerance, whatever depends on them is keyed by them.
- **metrics** of identical picks: `identical` to the last bit, `equivalent` within the tolerance, else `broken`: equal
  picks have equal metrics. Of other picks: `better` where more metrics say more diverse than say less, or `worse`.
- **time**, **memory**: `worse` or `better` beyond a threshold, else `equivalent`; never `identical`.
- **quality** (see `suite.regression.quality`): by the paired difference of fine-tuned models.

What a session of timing says is the median of its factors against the calibration kernels; what all sessions say, the
median of theirs. The threshold is THRESHOLD on the processor that the baseline was made on, and COARSE elsewhere, where
no calibration makes ratios quite comparable, and for what takes less than SHORT of a kernel's time (about half a
millisecond), where the system's own doings weigh as much. What looks slower or faster is measured again until SESSIONS
have been had, or until they clearly say that nothing changed.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from suite.regression.baseline import Recorded, RecordedTime, made_on, made_on_this_processor
from suite.regression.observing import Observation, first_difference, jaccard

if TYPE_CHECKING:
    from suite.regression.timing import Timing

THRESHOLD = 1.25
"""How many times as long counts: see the docs on how it was chosen from the noise of twenty runs."""
COARSE = 2.0
"""The threshold on another processor, and for what is SHORT."""
SHORT = 0.3
"""Of a calibration kernel's time, the median over kernels."""
MEMORY_THRESHOLD = 1.1
MEMORY_SLACK = 0.01
"""Of a calibrating array: 160 KB, which Python's own bookkeeping may take or leave."""
TOLERANCE = 1e-7
"""Relative, of metrics: ten times what processors and their linear algebra were seen to differ by."""
CLUSTERED = {"cluster-inertia": 0.1}
"""Metrics that run k-means: on another processor a tie falls the other way, and other clusters are found."""
NAMED_METRICS = 3


class Verdict(StrEnum):
    """How an aspect stands to the baseline, from best to worst news as `worst` orders them."""

    identical = "identical"
    equivalent = "equivalent"
    better = "better"
    worse = "worse"
    broken = "broken"


ORDER = list(Verdict)
EXIT_FINE, EXIT_WORSE, EXIT_BROKEN = 0, 1, 2


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The one that decides; `identical` where there is none."""
    return max(verdicts, key=ORDER.index, default=Verdict.identical)


def exit_code(verdict: Verdict) -> int:
    """What a CI job should see: 0 fine, 1 worse, 2 broken."""
    return {Verdict.worse: EXIT_WORSE, Verdict.broken: EXIT_BROKEN}.get(verdict, EXIT_FINE)


@dataclass(frozen=True)
class Aspect:
    """One aspect of a strategy: its verdict, a few words, a sentence where there is more to say, and numbers."""

    name: str
    verdict: Verdict
    short: str
    detail: str = ""
    numbers: Mapping[str, float | int | str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """A strategy held against its baseline."""

    spec: str
    aspects: tuple[Aspect, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of its aspects."""
        return worst(aspect.verdict for aspect in self.aspects)

    def aspect(self, name: str) -> Aspect | None:
        """The aspect of that name, where it was judged."""
        return next((aspect for aspect in self.aspects if aspect.name == name), None)


def judge(found: Observation, recorded: Recorded, *, lower_is_diverse: frozenset[str] = frozenset()) -> Judged:
    """An observation against the record of the same strategy; `lower_is_diverse` names metrics by their direction.

    Judged are the aspects that both have.
    """
    if found.failure:
        return Judged(found.spec, (Aspect("picks", Verdict.broken, "fails", found.failure),))
    picks = _picks(found, recorded)
    aspects = [picks]
    if found.metrics and recorded.metrics:
        same = picks.verdict is Verdict.identical
        aspects.append(_metrics(found, recorded, same_picks=same, lower_is_diverse=lower_is_diverse))
    if found.timings and recorded.time and comparable(found.timings, recorded.time):
        aspects.append(_time(found.timings, recorded.time, threshold_for(recorded)))
    if found.memory is not None and recorded.memory is not None:
        aspects.append(_memory(found.memory, recorded.memory))
    return Judged(found.spec, tuple(aspects))


def unknown(spec: str, reason: str) -> Judged:
    """The verdict on a strategy of the baseline that is not there any more."""
    return Judged(spec, (Aspect("picks", Verdict.broken, "not there", reason),))


def threshold_for(recorded: Recorded) -> float:
    """From how many times the recorded time on a strategy counts as slower here."""
    short = recorded.time is not None and statistics.median(recorded.time.ratios.values()) < SHORT
    return THRESHOLD if made_on_this_processor(recorded) and not short else COARSE


def undecided(found: Observation, recorded: Recorded) -> bool:
    """Whether the sessions of timing so far do not say clearly that the time is what it was.

    They do where the factor is within the root of its threshold: what noise has made look like that is rarely slower.
    """
    if not (found.timings and recorded.time and comparable(found.timings, recorded.time)):
        return False
    clear = math.sqrt(threshold_for(recorded))
    return not 1 / clear <= time_factor(found.timings, recorded.time) <= clear


def comparable(timings: Sequence[Timing], recorded: RecordedTime) -> bool:
    """Whether a calibration kernel of today is one of the record's: another version's file may have others."""
    return all(recorded.ratios.keys() & timing.ratios.keys() for timing in timings)


def time_factor(timings: Sequence[Timing], recorded: RecordedTime) -> float:
    """How many times the recorded time: the median over sessions of the median over calibration kernels."""
    return statistics.median(
        statistics.median(
            timing.ratios[name] / ratio for name, ratio in recorded.ratios.items() if name in timing.ratios
        )
        for timing in timings
    )


def _picks(found: Observation, recorded: Recorded) -> Aspect:
    golden = recorded.picks
    step = first_difference(found.ids, golden)
    if step is None:
        return Aspect("picks", Verdict.identical, f"all {len(golden):,}", numbers={"jaccard": 1.0})
    overlap = jaccard(found.ids, golden)
    now, was = (ids[step] if step < len(ids) else "nothing" for ids in (found.ids, golden))
    detail = f"Other picks than the golden ones from step {step + 1} on: {now} where {was} was (Jaccard {overlap:.3f})."
    return Aspect(
        "picks",
        Verdict.broken,
        f"from step {step + 1}, J {overlap:.2f}",
        f"{detail} {_cause(found, recorded)}",
        {"jaccard": round(overlap, 6), "first_difference": step + 1, "picked": now, "golden": was},
    )


def _cause(found: Observation, recorded: Recorded) -> str:
    """Where to look first: at what the strategy reads, or at the strategy itself."""
    changed = sorted(
        label for label, digest in found.features.items() if recorded.features.get(label, digest) != digest
    )
    if not changed:
        return "Every feature it reads has the bytes it had, so the strategy or its kernel changed."
    here = made_on()
    elsewhere = f" The baseline was made on: {recorded.made_on}; this is: {here}." if recorded.made_on != here else ""
    return f"Of what it reads, {', '.join(changed)} changed as well: look there first.{elsewhere}"


def _metrics(found: Observation, recorded: Recorded, *, same_picks: bool, lower_is_diverse: frozenset[str]) -> Aspect:
    moved: list[tuple[str, float | None, float | None]] = []
    exact = True
    here = made_on_this_processor(recorded)
    for name, was in recorded.metrics.items():
        now = found.metrics.get(name)
        exact = exact and now == was
        if not _close(now, was, tolerance_of(name, here)):
            moved.append((name, was, now))
    count = len(recorded.metrics)
    if not moved:
        verdict = Verdict.identical if exact else Verdict.equivalent
        return Aspect("metrics", verdict, f"all {count}" if exact else f"all {count}, rounding apart")
    moved.sort(key=lambda one: -_relative(one[2], one[1]))
    named = "; ".join(f"{name} {_written(was)} -> {_written(now)}" for name, was, now in moved[:NAMED_METRICS])
    numbers = {f"{name}": now for name, _, now in moved}
    if same_picks:
        detail = f"{len(moved)} of {count} metrics of the same picks have another value: {named}."
        reasons = "".join(f" {name}: {found.reasons[name]}" for name, _, _ in moved if name in found.reasons)
        return Aspect("metrics", Verdict.broken, f"{len(moved)} of {count}", detail + reasons, numbers)
    more = sum(_more_diverse(was, now, name in lower_is_diverse) for name, was, now in moved)
    verdict = (
        Verdict.better if 2 * more > len(moved) else Verdict.worse if 2 * more < len(moved) else Verdict.equivalent
    )
    detail = f"Of the other picks {more} of {len(moved)} metrics that moved say more diverse: {named}."
    return Aspect("metrics", verdict, f"{more} of {len(moved)} more diverse", detail, numbers)


def tolerance_of(metric: str, same_processor: bool) -> float:
    """The relative difference within which a metric of the same picks is the same."""
    return TOLERANCE if same_processor else CLUSTERED.get(metric.partition(":")[0], TOLERANCE)


def _close(now: float | None, was: float | None, tolerance: float) -> bool:
    if now is None or was is None:
        return now is was
    return abs(now - was) <= tolerance * max(abs(was), abs(now), 1e-9)


def _relative(now: float | None, was: float | None) -> float:
    if now is None or was is None:
        return float("inf")
    return abs(now - was) / max(abs(was), abs(now), 1e-9)


def _more_diverse(was: float | None, now: float | None, lower: bool) -> bool:
    if was is None or now is None:
        return was is None
    return (now < was) if lower else (now > was)


def _time(timings: Sequence[Timing], recorded: RecordedTime, threshold: float) -> Aspect:
    factor = time_factor(timings, recorded)
    numbers = {"factor": round(factor, 3), "sessions": len(timings), "threshold": threshold}
    short = f"{factor:.2f} times"
    if 1 / threshold <= factor <= threshold:
        return Aspect("time", Verdict.equivalent, short, numbers=numbers)
    verdict = Verdict.worse if factor > threshold else Verdict.better
    counts = f"counts from {threshold:g}" if factor > threshold else f"counts below {1 / threshold:.2g}"
    detail = f"{factor:.2f} times the recorded time, the median of {len(timings)} sessions ({counts})."
    return Aspect("time", verdict, short, detail, numbers)


def _memory(now: float, was: float) -> Aspect:
    numbers = {"now": round(now, 4), "recorded": was, "threshold": MEMORY_THRESHOLD}
    short = f"{now / was:.2f} times" if was > MEMORY_SLACK else "little"
    detail = f"Peak memory {now:.3f} calibrating arrays of 16 MB where {was:.3f} were."
    if now > was * MEMORY_THRESHOLD + MEMORY_SLACK:
        return Aspect("memory", Verdict.worse, short, detail, numbers)
    if now < was / MEMORY_THRESHOLD - MEMORY_SLACK:
        return Aspect("memory", Verdict.better, short, detail, numbers)
    return Aspect("memory", Verdict.equivalent, short, numbers=numbers)


def _written(value: float | None) -> str:
    return "no value" if value is None else f"{value:.8g}"
