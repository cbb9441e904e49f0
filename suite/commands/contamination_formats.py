"""How `breadth contamination` writes its outcome: for a terminal, as CSV, as Markdown, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from suite.plain_text import Value, csv_text, markdown_text, visible
from suite.studies.contamination_marks import LEVEL

if TYPE_CHECKING:
    from rich.console import Console

    from suite.studies.contamination import ContaminationOutcome, OverlapRow
    from suite.studies.contamination_marks import SelectionMark

COLUMNS = ("kind", "name", "questions", "checked", "overlapping", "share", "whole", "samples")
MARK_COLUMNS = ("picks", "different", "expected", "low", "high", "p", "p_holm", "marked")
MARKED = "over-samples"


def as_json(outcome: ContaminationOutcome) -> str:
    """The outcome as it is kept."""
    return json.dumps(outcome.model_dump(mode="json"), indent=1, ensure_ascii=False, allow_nan=False)


def as_csv(outcome: ContaminationOutcome) -> str:
    """One line a task, set and selection; columns that do not apply to it are empty."""
    return csv_text([*COLUMNS, *MARK_COLUMNS], _lines(outcome))


def as_markdown(outcome: ContaminationOutcome) -> str:
    """Tables for a document: tasks and sets, the selections, the examples."""
    parts = [
        "| task or set | questions | checked | overlapping | share | whole | samples |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(f"| {markdown_text(row.name)} | {' | '.join(_counts(row))} |" for row in outcome.rows),
        "",
        _summary(outcome),
        "",
        *(f"- Not checked: {markdown_text(one.name)}: {markdown_text(one.reason)}." for one in outcome.not_checked),
    ]
    if outcome.selections:
        parts += [
            "",
            "| selection | picks | different | overlapping | share [95 %] | by chance | p | p (Holm) | |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
            *(f"| {markdown_text(mark.name)} | {' | '.join(_mark(mark))} |" for mark in outcome.selections),
        ]
    examples = [(row, example) for row in outcome.rows for example in row.examples]
    if examples:
        parts += ["", "| task or set | question | sample | words in common |", "| --- | --- | --- | --- |"]
    for row, example in examples:
        shared = f"{example.shared} of {example.of}: {example.words}"
        cells = (row.name, example.question, example.sample, shared)
        parts.append(f"| {' | '.join(map(markdown_text, cells))} |")
    return "\n".join(parts).rstrip() + "\n"


def show(outcome: ContaminationOutcome) -> None:
    """Tasks, and the sets with an overlap, as a table on the terminal; then examples and selections."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False, title=f"{outcome.track}: questions in its pool")
    table.add_column("task or set")
    for heading in ("questions", "checked", "overlapping", "share", "whole", "samples"):
        table.add_column(heading, justify="right")
    for row in outcome.rows:
        if row.kind == "task" or row.overlapping:
            table.add_row(escape(visible(row.name)), *_counts(row), style="bold" if row.overlapping else "")
    console.print(table)
    _say(console, _summary(outcome))
    if clean := [row.name for row in outcome.rows if row.kind != "task" and not row.overlapping]:
        _say(console, f"No overlap with {len(clean)} more sets: {', '.join(clean)}.")
    for one in outcome.not_checked:
        _say(console, f"Not checked: {one.name}: {one.reason}.")
    for row in outcome.rows:
        for example in row.examples:
            _say(
                console,
                f"  {row.name} {example.question} = {example.sample} ({example.shared} of {example.of} words): "
                f"{_short(example.words)}",
            )
    if outcome.selections:
        _show_marks(console, outcome)


def _show_marks(console: Console, outcome: ContaminationOutcome) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, title="Selections against a random draw")
    table.add_column("selection")
    for heading in ("rows", "overlapping", "share % [95 %]", "by chance", "p (Holm)"):
        table.add_column(heading, justify="right", no_wrap=True)
    for mark in outcome.selections:
        share = escape(f"{100 * mark.share:.2f} [{100 * mark.low:.2f}, {100 * mark.high:.2f}]")
        counts = (f"{mark.different:,}", f"{mark.overlapping:,}", share, f"{mark.expected:.1f}", f"{mark.p_holm:.2g}")
        table.add_row(escape(visible(mark.name)), *counts, style="bold red" if mark.marked else "")
    console.print(table)
    if marked := [mark.name for mark in outcome.selections if mark.marked]:
        _say(console, f"More overlapping rows than chance gives (p < {LEVEL}): {', '.join(marked)}.")


def _lines(outcome: ContaminationOutcome) -> Iterator[list[Value]]:
    for row in outcome.rows:
        yield [*(getattr(row, column) for column in COLUMNS), *[None] * len(MARK_COLUMNS)]
    for mark in outcome.selections:
        own = [getattr(mark, column) for column in MARK_COLUMNS]
        yield ["selection", mark.name, None, None, mark.overlapping, mark.share, None, None, *own]


def _counts(row: OverlapRow) -> list[str]:
    counts = (f"{number:,}" for number in (row.questions, row.checked, row.overlapping))
    return [*counts, f"{100 * row.share:.2f} %", f"{row.whole:,}", f"{row.samples:,}"]


def _mark(mark: SelectionMark) -> list[str]:
    return [
        f"{mark.picks:,}",
        f"{mark.different:,}",
        f"{mark.overlapping:,}",
        f"{100 * mark.share:.2f} % [{100 * mark.low:.2f}, {100 * mark.high:.2f}]",
        f"{mark.expected:.1f}",
        f"{mark.p:.3g}",
        f"{mark.p_holm:.3g}",
        MARKED if mark.marked else "",
    ]


def _summary(outcome: ContaminationOutcome) -> str:
    share = 100 * outcome.overlapping_samples / outcome.pool_size
    return (
        f"{outcome.overlapping_samples:,} of {outcome.pool_size:,} samples ({share:.2g} %) share a question of 6 to "
        f"{outcome.run_words - 1} words or {outcome.run_words} words in a row of a longer one"
        f"{', passages included' if outcome.passages else ''}."
    )


def _say(console: Console, text: str) -> None:
    console.print(visible(text), highlight=False, markup=False)


def _short(words: str) -> str:
    return words if len(words) <= 160 else f"{words[:157]}..."
