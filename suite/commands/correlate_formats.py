"""The correlation study as CSV and Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from suite.plain_text import Value, csv_text, markdown_table, markdown_text

if TYPE_CHECKING:
    from suite.studies.correlate_table import CorrelateTable, Correlations, KeptCoefficient, MetricRow

COEFFICIENTS = ("spearman", "pearson", "kendall", "mean")


def correlate_csv(table: CorrelateTable) -> str:
    """One line a metric and set of selections, with every coefficient, and NovelSum's lead over the metric.

    `flag` says why there is no correlation, `note` what keeps a coefficient from its interval.
    """
    header = ["selections", "metric", "metric_family", "higher_is_diverse", "n", "clusters"]
    header += [f"{name}{part}" for name in COEFFICIENTS for part in ("", "_low", "_high", "_p")]
    header += [f"novelsum_lead_{name}{part}" for name in ("mean", "spearman") for part in ("", "_low", "_high", "_p")]
    lines: list[list[Value]] = []
    for one in table.correlations:
        for row in one.metrics:
            line: list[Value] = [
                "all" if one.degenerate_included else "without degenerate",
                row.metric,
                row.family,
                "yes" if row.higher_is_diverse else "no",
                one.selections,
                one.clusters,
            ]
            for name in COEFFICIENTS:
                line += _parts(getattr(row, name))
            for name in ("mean", "spearman"):
                line += _parts(row.lead.get(name))
            note = None if row.flag else row.remark or None
            lines.append([*line, row.flag or None, note, "; ".join(table.reduced) or None])
    return csv_text([*header, "flag", "note", "reduced"], lines)


def panel_csv(table: CorrelateTable) -> str:
    """One line a selection: performance, raw task means, and every metric's raw value."""
    names = list(dict.fromkeys(name for row in table.panel for name in (*row.metrics, *row.failures)))
    tasks = list(dict.fromkeys(name for row in table.panel for name in row.tasks))
    header = ["selection", "strategy", "level_kind", "degenerate", "complete", "seeds", "performance"]
    lines: list[list[Value]] = [
        [
            row.name,
            row.strategy,
            row.family,
            "yes" if row.degenerate else "no",
            "yes" if row.complete else "no",
            len(row.seeds),
            row.performance,
            *(row.tasks.get(name) for name in tasks),
            *(row.metrics.get(name) for name in names),
        ]
        for row in table.panel
    ]
    lines += [[one.name, None, None, None, f"left out: {one.reason}"] for one in table.left_out]
    return csv_text(
        [*header, *(f"task_{name}" for name in tasks), *names], [_padded(line, header, tasks, names) for line in lines]
    )


def correlate_markdown(table: CorrelateTable, facts: Mapping[str, str]) -> str:
    """Whether NovelSum leads, the table twice, what was left out, and how to read it."""
    parts = [
        f"# Which metric predicts performance: {table.track}" + (" (reduced)" if table.reduced else ""),
        "",
        "; ".join(f"{name}: {markdown_text(value)}" for name, value in facts.items()) + ".",
        "",
        *_warnings(table),
        "## Does NovelSum lead here?",
        "",
    ]
    for one in table.correlations:
        parts += [f"- {_over(one)}: {markdown_text(one.lead.words)}{_close(one)}"]
    parts += [
        "",
        "It *leads clearly* when its mean of Pearson and Spearman is the highest and the 95 % interval of the paired "
        "difference to the next metric lies above zero, *leads within noise* when it is the highest and that interval "
        "does not, and *does not lead* otherwise.",
        "",
        "Performance is the mean over tasks of z-scores over the selections. Coefficients are oriented: positive means "
        "that more diverse selections do better. Brackets hold 95 % intervals that count strategies, not selections "
        "(cluster jackknife on Fisher's scale); p flips the share of each strategy. `lead` is NovelSum's mean less the "
        "metric's, on the same selections.",
        "",
    ]
    for one in table.correlations:
        parts += [f"## {_over(one)}", "", *_table(one), ""]
        told = [row for row in one.metrics if row.remark]
        parts += [f"- {markdown_text(row.metric)}: {markdown_text(row.remark)}." for row in told] + [""] * bool(told)
    if table.left_out:
        parts += ["## Left out of the panel", ""]
        parts += [f"- {markdown_text(one.name)}: {markdown_text(one.reason)}" for one in table.left_out]
    return "\n".join(parts).rstrip() + "\n"


def _over(one: Correlations) -> str:
    which = "All selections" if one.degenerate_included else "Without degenerate selections"
    return f"{which} (n = {one.selections} in {one.clusters} strategies)"


def _close(one: Correlations) -> str:
    close = one.lead.within_noise
    if not close:
        return ""
    return f" Not told apart from it: {', '.join(markdown_text(name) for name in close)}."


def _warnings(table: CorrelateTable) -> list[str]:
    said = []
    if table.reduced:
        said.append(f"**Reduced**: {markdown_text('; '.join(table.reduced))}.")
    if table.incomplete:
        lacking = sum(not row.complete for row in table.panel)
        shown = ", ".join(table.incomplete[:5]) + (", ..." if len(table.incomplete) > 5 else "")
        said.append(
            f"**Incomplete**: {len(table.incomplete)} cells have no result ({markdown_text(shown)}); "
            f"{lacking} selections do not count."
        )
    if table.withheld:
        said.append(f"**No correlation**: no task enters the score ({markdown_text(table.withheld)}).")
    return [line for text in said for line in (text, "")]


def _table(one: Correlations) -> list[str]:
    headings = ["metric", "Spearman", "p", "Pearson", "Kendall", "mean", "lead of NovelSum"]
    return markdown_table(headings, [_line(row) for row in one.metrics])


def _line(row: MetricRow) -> list[str]:
    name = markdown_text(row.metric) + ("" if row.higher_is_diverse else " (lower is more diverse)")
    if row.flag:
        return [name, "flagged", *[""] * 5]
    p = row.spearman.p if row.spearman else None
    return [
        name,
        with_interval(row.spearman),
        "-" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}",
        with_interval(row.pearson),
        with_interval(row.kendall),
        with_interval(row.mean),
        with_interval(row.lead.get("mean")),
    ]


def with_interval(one: KeptCoefficient | None) -> str:
    """A coefficient with its interval, such as `+0.81 [+0.40, +0.95]`."""
    if one is None or one.value is None:
        return "-"
    if one.low is None or one.high is None:
        return f"{one.value:+.2f}"
    return f"{one.value:+.2f} [{one.low:+.2f}, {one.high:+.2f}]"


def _parts(one: KeptCoefficient | None) -> list[Value]:
    return [one.value, one.low, one.high, one.p] if one else [None] * 4


def _padded(line: Sequence[Value], *parts: Sequence[str]) -> list[Value]:
    return [*line, *[None] * (sum(map(len, parts)) - len(line))]
