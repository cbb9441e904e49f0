"""The outcome of `breadth regress` in the terminal, as Markdown for a pull request, and as JSON for programs."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from typing import TYPE_CHECKING, Any

from suite.plain_text import markdown_code, markdown_table, markdown_text
from suite.regression.baseline import made_on
from suite.regression.observing import first_difference, jaccard
from suite.regression.verdicts import ORDER, Aspect, Judged, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from suite.regression.baseline import Baseline, Recorded
    from suite.regression.checking import Check
    from suite.regression.quality import Trained

ASPECTS = ("picks", "metrics", "time", "memory", "quality")
COLOURS = {
    Verdict.identical: "dim",
    Verdict.equivalent: "dim",
    Verdict.better: "green",
    Verdict.worse: "yellow",
    Verdict.broken: "bold red",
}
SCHEMA_VERSION = 1


def show(found: Check, console: Console) -> None:
    """A table with a line a strategy, then a sentence for whatever is not as it was."""
    from rich.table import Table
    from rich.text import Text

    if found.judged:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for heading in ("strategy", "verdict", *_columns(found)):
            table.add_column(heading, no_wrap=heading == "strategy")
        for one in found.judged:
            cells = [_shown(one.aspect(name)) for name in _columns(found)]
            table.add_row(one.spec, Text(one.verdict, COLOURS[one.verdict]), *cells)
        console.print(table)
    for spec, sentence in sentences(found):
        console.print(Text.assemble((f"{spec}: ", "bold"), sentence))
    console.print(Text(summary(found), COLOURS[found.verdict]))


def summary(found: Check) -> str:
    """One line: how many strategies had which verdict."""
    if not found.judged:
        return f"Nothing to hold against: {len(found.unrecorded)} strategies without a record."
    counts = Counter(one.verdict for one in found.judged)
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in reversed(ORDER) if counts[verdict])
    unrecorded = f"; no record of {', '.join(found.unrecorded)}" if found.unrecorded else ""
    return f"{len(found.judged)} strategies: {told}{unrecorded}."


def sentences(found: Check) -> list[tuple[str, str]]:
    """What is to say of each strategy: the details of its aspects, the worst first."""
    told = []
    for one in sorted(found.judged, key=lambda judged: -ORDER.index(judged.verdict)):
        for aspect in sorted(one.aspects, key=lambda aspect: -ORDER.index(aspect.verdict)):
            if aspect.detail and aspect.verdict not in (Verdict.identical, Verdict.equivalent):
                told.append((one.spec, f"{aspect.name} {aspect.verdict}. {aspect.detail}"))
    return told


def as_markdown(found: Check) -> str:
    """A summary for a pull request."""
    headings = ("strategy", "verdict", *_columns(found))
    lines = []
    for one in found.judged:
        cells = [_marked(aspect) for aspect in (one.aspect(name) for name in _columns(found))]
        verdict = one.verdict if one.verdict in (Verdict.identical, Verdict.equivalent) else f"**{one.verdict}**"
        lines.append((markdown_code(one.spec), verdict, *cells))
    page = ["### Selection strategies against the baseline", "", markdown_text(summary(found)), ""]
    page += markdown_table(headings, lines, left=len(headings)) if lines else []
    told = [f"- {markdown_code(spec)}: {markdown_text(sentence)}" for spec, sentence in sentences(found)]
    page += ["", *told] if told else []
    page += ["", f"<sub>Checked on {markdown_text(made_on())}.</sub>"]
    return "\n".join(page) + "\n"


def as_json(found: Check, exit_status: int) -> str:
    """Everything, for programs."""
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "verdict": found.verdict,
        "exit_status": exit_status,
        "made_on": made_on(),
        "unrecorded": list(found.unrecorded),
        "strategies": {one.spec: _as_json(one, found) for one in found.judged},
    }
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)


def _as_json(one: Judged, found: Check) -> dict[str, Any]:
    seen = found.found.get(one.spec)
    return {
        "verdict": one.verdict,
        "seconds": statistics.median(one.seconds for one in seen.timings) if seen and seen.timings else None,
        "aspects": {
            aspect.name: {
                "verdict": aspect.verdict,
                "summary": aspect.short,
                "detail": aspect.detail,
                "numbers": dict(aspect.numbers),
            }
            for aspect in one.aspects
        },
    }


def changes(before: Baseline, after: Baseline) -> list[str]:
    """What an update changes, a line a strategy and fact; empty where nothing changes."""
    lines = []
    if before.strategies and before.setting.fingerprint != after.setting.fingerprint:
        lines.append(f"pool: fingerprint {before.setting.fingerprint[:12]} -> {after.setting.fingerprint[:12]}")
    for spec in sorted(before.strategies.keys() | after.strategies.keys()):
        was, now = before.strategies.get(spec), after.strategies.get(spec)
        if was is None and now is not None:
            lines.append(f"{spec}: new, {len(now.picks):,} picks, {len(now.metrics)} metrics")
        elif now is None:
            lines.append(f"{spec}: removed")
        elif was is not None and was != now:
            lines.append(f"{spec}: " + "; ".join(_changed(was, now)))
    return lines


def quality_changes(trained: Trained, path: Path) -> list[str]:
    """What an update changes beside the baseline at `path`: each row's score, where it has another, and its results."""
    aspects = {one.spec: one.aspect("quality") for one in trained.check.judged}
    lines = []
    for row, (added, removed) in trained.renewing(path).items():
        aspect, score = aspects.get(row), ""
        if aspect is not None and "baseline" in aspect.numbers:
            was, moved = (float(aspect.numbers[name] or 0) for name in ("baseline", "difference"))
            score = f"quality {was:.1f} -> {was + moved:.1f} ({aspect.short}), "
        instead = f" in place of {removed}" if removed else ", new"
        lines.append(f"{row}: {score}{added} results of fine-tuned models{instead}")
    return lines


def _changed(was: Recorded, now: Recorded) -> list[str]:
    told = []
    if (step := first_difference(now.picks, was.picks)) is not None:
        told.append(f"picks from step {step + 1} on (Jaccard {jaccard(now.picks, was.picks):.3f})")
    if moved := sorted(
        name for name in was.metrics.keys() | now.metrics.keys() if was.metrics.get(name) != now.metrics.get(name)
    ):
        told.append(f"{len(moved)} metrics ({', '.join(moved[:3])}{', ...' if len(moved) > 3 else ''})")
    if was.time != now.time:
        before, after = (one.time.ratios if one.time else {} for one in (was, now))
        factors = [after[name] / before[name] for name in before.keys() & after.keys()]
        told.append(f"time {min(factors):.2f} to {max(factors):.2f} times" if factors else "time")
    if was.memory != now.memory:
        told.append(f"memory {was.memory} -> {now.memory}")
    if was.features != now.features:
        told.append("the bytes of its features")
    if was.made_on != now.made_on:
        told.append(f"made on {now.made_on}")
    return told


def _columns(found: Check) -> list[str]:
    there = {aspect.name for one in found.judged for aspect in one.aspects}
    return [name for name in ASPECTS if name in there]


def _shown(aspect: Aspect | None) -> Any:
    from rich.text import Text

    if aspect is None:
        return ""
    return Text(f"{aspect.verdict} ({aspect.short})" if aspect.short else str(aspect.verdict), COLOURS[aspect.verdict])


def _marked(aspect: Aspect | None) -> str:
    return "" if aspect is None else markdown_text(f"{aspect.verdict} ({aspect.short})")
