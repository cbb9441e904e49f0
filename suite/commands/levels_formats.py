"""The tables of the levels study as CSV and Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from suite.plain_text import Value, csv_text, markdown_text

if TYPE_CHECKING:
    from suite.studies.levels import LevelRow, LevelsPlan, LevelsTable
    from suite.studies.movement import Movement

SUMMARY = (
    "strategy",
    "budget",
    "level",
    "seed",
    "types_kept",
    "fewest_types_in_reach",
    "all_types",
    "types_covered",
    "kept_types_covered",
    "mean_response_tokens",
    "selection_seconds",
    "selection",
    "selection_sha256",
    "problem",
)


def levels_csv(table: LevelsTable, plan: LevelsPlan) -> str:
    """One line a selection, with a column for each metric (empty where it was not measured)."""
    names = [metric.spec for metric in plan.metrics]
    lines = [[*_summary(row), *(row.metrics.get(name) for name in names)] for row in table.rows]
    return csv_text([*SUMMARY, *names], lines)


def movement_csv(table: LevelsTable) -> str:
    """One line a strategy and metric: how far it moves from the lowest level to the highest."""
    header = [
        "strategy",
        "budget",
        "metric",
        "from_level",
        "to_level",
        "value_at_lowest",
        "value_at_highest",
        "change",
        "random_mean",
        "random_deviation",
        "change_in_random_deviations",
        "spearman_with_level",
    ]
    lines: list[list[Value]] = [
        [
            item.strategy,
            item.budget,
            item.metric,
            item.from_level,
            item.to_level,
            item.lowest,
            item.highest,
            item.change,
            item.random_mean,
            item.random_deviation,
            item.relative,
            item.spearman,
        ]
        for item in table.movements
    ]
    return csv_text(header, lines)


def as_markdown(table: LevelsTable, plan: LevelsPlan, facts: Mapping[str, str]) -> str:
    """Levels and movement for a document, with how to read them."""
    parts = [
        "# Levels of diversity",
        "",
        "; ".join(f"{name}: {markdown_text(value)}" for name, value in facts.items()) + ".",
        "",
        "## Levels",
        "",
        "k is how many types the level keeps, k_min the fewest whose samples still reach the budget; `covered` is how "
        "many types the selection holds, types that were not kept included (samples hold several).",
        "",
        *_levels_table([row for row in table.rows if row.point.level is not None]),
        "",
    ]
    problems = dict.fromkeys(row.problem for row in table.rows if row.problem)
    parts += [f"{number}. {markdown_text(problem)}" for number, problem in enumerate(problems, 1)] + [""] * bool(
        problems
    )
    if table.movements:
        draws = sum(row.point.level is None for row in table.rows)
        parts += [
            f"## How far each metric moves at budget {plan.measured_budget:,}",
            "",
            f"From the lowest level that could be selected to the highest. `in sd` is the change over the standard "
            f"deviation of {draws} random draws of the same size; `rho` is Spearman's correlation with the level. "
            "`better` says where a more diverse selection lies by the metric's own account.",
            "",
        ]
        better = {metric.spec: "high" if metric.higher_is_diverse else "low" for metric in plan.metrics}
        for family in dict.fromkeys(item.strategy for item in table.movements):
            own = [item for item in table.movements if item.strategy == family]
            parts += [f"### {markdown_text(family)}", "", *_movement_table(own, better), ""]
    return "\n".join(parts).rstrip() + "\n"


def _levels_table(rows: Sequence[LevelRow]) -> list[str]:
    problems = list(dict.fromkeys(row.problem for row in rows if row.problem))
    lines = [
        "| strategy | budget | level | k | k_min | all types | covered | mean response tokens |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        place = f"| {markdown_text(row.point.family)} | {row.point.budget:,} | {row.point.level:.2f} |"
        report, length = row.report, row.mean_response_length
        if report is None or length is None:
            lines.append(f"{place} not selected ({problems.index(row.problem) + 1}) | | | | |")
            continue
        counts = (report.kept_types, report.fewest_types, report.all_types, report.covered_types)
        lines.append(f"{place} {' | '.join(f'{count:,}' for count in counts)} | {length:.1f} |")
    return lines


def _movement_table(items: Sequence[Movement], better: Mapping[str, str]) -> list[str]:
    lines = [
        "| metric | better | levels | lowest | highest | change | in sd | rho |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for item in items:
        cells = (
            markdown_text(item.metric),
            better[item.metric],
            f"{item.from_level:.2f} to {item.to_level:.2f}",
            f"{item.lowest:.5g}",
            f"{item.highest:.5g}",
            f"{item.change:+.3g}",
            "-" if item.relative is None else f"{item.relative:+.1f}",
            "-" if item.spearman is None else f"{item.spearman:+.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _summary(row: LevelRow) -> list[Value]:
    report = row.report
    return [
        row.point.family,
        row.point.budget,
        row.point.level,
        row.point.seed,
        report.kept_types if report else None,
        report.fewest_types if report else None,
        report.all_types if report else None,
        report.covered_types if report else None,
        report.covered_kept_types if report else None,
        row.mean_response_length,
        row.seconds,
        f"selections/{row.point.file}" if row.selection else None,
        row.selection.sha256 if row.selection else None,
        row.problem or None,
    ]
