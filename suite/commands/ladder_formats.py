"""The ladder as CSV and Markdown: scores in points (hundredths of the normalised score)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from suite.plain_text import Value, csv_text, markdown_table, markdown_text

if TYPE_CHECKING:
    from suite.studies.ladder_table import KeptEstimate, LadderLevel, LadderStrategy, LadderTable
    from suite.studies.slopes import FittedLine, PartialSlope

LEVELS = (
    "strategy",
    "level_kind",
    "length_controlled",
    "level",
    "state",
    "kept_types",
    "all_types",
    "mean_response_tokens",
    "seeds",
    "score",
    "score_low",
    "score_high",
    "difference_to_random",
    "difference_low",
    "difference_high",
    "difference_p",
)


def ladder_csv(table: LadderTable) -> str:
    """One line a level of a strategy, scores normalised (0 chance, 1 perfect or full), and one column a seed."""
    seeds = table.training_seeds
    header = [*LEVELS, *(f"score_seed_{seed}" for seed in seeds), "problem", "reduced", "incomplete"]
    lines: list[list[Value]] = []
    for strategy in table.strategies:
        for level in strategy.levels:
            of_seed = dict(zip(level.seeds, level.scores, strict=True))
            lines.append(
                [
                    strategy.spec,
                    strategy.family,
                    "yes" if strategy.controlled else "no",
                    level.level,
                    level.state,
                    level.kept_types,
                    level.all_types,
                    level.mean_length,
                    len(level.seeds),
                    *_parts(level.score),
                    *_parts(level.difference),
                    level.difference.p if level.difference else None,
                    *(of_seed.get(seed) for seed in seeds),
                    level.problem or None,
                    "; ".join(table.reduced) or None,
                    "yes" if table.incomplete else None,
                ]
            )
    return csv_text(header, lines)


def ladder_markdown(table: LadderTable, facts: Mapping[str, str]) -> str:
    """The slopes of all strategies, then a table a strategy, with how to read them."""
    parts = [
        f"# Ladder of diversity: {table.track}" + (" (reduced)" if table.reduced else ""),
        "",
        "; ".join(f"{name}: {markdown_text(value)}" for name, value in facts.items()) + ".",
        "",
        *_warnings(table),
        "## How the score goes with the level",
        "",
        "Scores are normalised and in points: 0 is chance (or the untuned base), 100 perfect (or fine-tuned on the "
        "whole pool). `slope` is points per unit of level, from the lowest level to the highest, by Bayesian linear "
        "regression over the mean scores of the levels, ± one standard deviation of its posterior (Student t, two "
        "degrees of freedom fewer than levels; three fewer at equal length). It counts how far levels stand from a "
        "straight line, not seeds: a shift common to all levels is not in it. `at equal length` is the slope with the "
        "mean response length as a covariate; `above the lowest` leaves out the lowest level, whose few types can make "
        "a slope by themselves. `rho` is Spearman over the levels' mean scores.",
        "",
        *_slopes(table.strategies),
        "",
    ]
    for strategy in table.strategies:
        parts += [f"## {markdown_text(strategy.spec)}", "", *_levels(strategy, len(table.training_seeds)), ""]
        problems = dict.fromkeys(level.problem for level in strategy.levels if level.problem)
        parts += [f"{number}. {markdown_text(problem)}" for number, problem in enumerate(problems, 1)]
        parts += [""] * bool(problems)
    return "\n".join(parts).rstrip() + "\n"


def points(value: float | None, sign: bool = False) -> str:
    """A normalised value in points."""
    return "-" if value is None else f"{100 * value:{'+' if sign else ''}.1f}"


def slope_words(fitted: FittedLine | PartialSlope | None, noted: bool = True) -> str:
    """A slope in points with its standard deviation, such as `+3.4 ± 1.2`, and with `noted` what keeps it from one."""
    if fitted is None:
        return "-"
    spread = f" ± {points(fitted.slope_sd)}" if fitted.slope_sd is not None else ""
    return points(fitted.slope, sign=True) + spread + (f" ({fitted.note})" if noted and fitted.note else "")


def _warnings(table: LadderTable) -> list[str]:
    said = []
    if table.reduced:
        said.append(f"**Reduced**: {markdown_text('; '.join(table.reduced))}.")
    if table.incomplete:
        shown = ", ".join(table.incomplete[:5]) + (", ..." if len(table.incomplete) > 5 else "")
        said.append(f"**Incomplete**: {len(table.incomplete)} cells have no result: {markdown_text(shown)}.")
    if table.withheld:
        said.append(f"**No scores**: {markdown_text(table.withheld)}.")
    return [line for text in said for line in (text, "")]


def _slopes(strategies: Sequence[LadderStrategy]) -> list[str]:
    headings = ["strategy", "level", "rho", "slope (points)", "above the lowest", "at equal length", "fine-tunes"]
    lines = []
    for one in strategies:
        if one.line is None or one.spearman is None or one.at_equal_length is None:
            lines.append([markdown_text(one.spec), one.family, markdown_text(one.why_no_slope), "-", "-", "-", "-"])
            continue
        lines.append(
            [
                markdown_text(one.spec),
                one.family,
                spearman_words(one),
                *(markdown_text(slope_words(part)) for part in (one.line, one.above_lowest, one.at_equal_length)),
                str(sum(len(level.scores) for level in one.levels)),
            ]
        )
    return markdown_table(headings, lines, left=3)


def spearman_words(strategy: LadderStrategy) -> str:
    """Spearman with n in the label, and whether it reaches what n levels must show, such as `+0.89 (n = 7: yes)`."""
    found = strategy.spearman
    if found is None or found.rho is None:
        return f"- ({found.note})" if found and found.note else "-"
    if found.critical is None:
        verdict = "too few levels for any to count"
    else:
        verdict = f"{'reaches' if found.reaches else 'short of'} {found.critical:.3f}"
    return f"{found.rho:+.2f} (n = {found.levels}: {verdict})"


def _levels(strategy: LadderStrategy, seeds: int) -> list[str]:
    problems = list(dict.fromkeys(level.problem for level in strategy.levels if level.problem))
    headings = ["level", "k", "response tokens", "score", "95 %", "vs random", "95 %", "seeds"]
    return markdown_table(headings, [_line(level, problems, seeds) for level in strategy.levels], left=0)


def _line(level: LadderLevel, problems: Sequence[str], seeds: int) -> list[str]:
    place = f"{level.level:.2f}"
    if level.problem:
        return [place, f"out of reach ({problems.index(level.problem) + 1})", *[""] * 6]
    types = "-" if level.kept_types is None else f"{level.kept_types:,}"
    length = "-" if level.mean_length is None else f"{level.mean_length:.1f}"
    done = f"{len(level.seeds)}/{seeds}" + (" incomplete" if level.state == "incomplete" else "")
    score, difference = level.score, level.difference
    return [
        place,
        types,
        length,
        points(score.mean if score else None),
        _interval(score),
        points(difference.mean if difference else None, sign=True),
        _interval(difference, sign=True),
        done,
    ]


def _interval(estimate: KeptEstimate | None, sign: bool = False) -> str:
    if estimate is None or estimate.low is None:
        return "-"
    return f"{points(estimate.low, sign)} to {points(estimate.high, sign)}"


def _parts(estimate: KeptEstimate | None) -> list[Value]:
    return [estimate.mean, estimate.low, estimate.high] if estimate else [None, None, None]
