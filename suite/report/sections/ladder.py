"""The ladder of diversity: how a score goes with a strategy's level."""

from __future__ import annotations

from collections.abc import Iterator

from suite.figures.ladder import ladder_figure
from suite.report.blocks import P_VALUE, Block, Column, Grid, Listing, NotRun, Paragraph, Picture, Section
from suite.report.material import Material
from suite.studies.ladder_table import LadderStrategy, LadderTable, in_reach
from suite.studies.slopes import FittedLine, PartialSlope

HOW_TO_READ = (
    "Each panel is a strategy from its least diverse level (left) to its most diverse (right); dots are single seeds, "
    "the line is a Bayesian regression of the levels' means with its one-sigma band, grey is random. A line that rises "
    "says that diversity pays, unless its lowest level alone makes it rise; open marks and dashed lines are the same "
    "strategy kept to equal response lengths."
)
SLOPES = (
    Column("strategy", role="name"),
    Column("family", role="family"),
    Column("slope (points a unit of level)", "+.2f", 100, key="slope"),
    Column("one sigma", ".2f", 100, key="slope-sigma"),
    Column("slope above the lowest level", "+.2f", 100, key="above-lowest"),
    Column("one sigma", ".2f", 100, key="above-lowest-sigma"),
    Column("slope with length as covariate", "+.2f", 100, key="equal-length"),
    Column("one sigma", ".2f", 100, key="equal-length-sigma"),
    Column("Spearman", "+.3f"),
    Column("p", P_VALUE),
    Column("levels in reach", "d"),
    Column("remark"),
)
LEVELS = (
    Column("strategy", role="name"),
    Column("level", ".3f"),
    Column("state"),
    Column("types kept", "d"),
    Column("response length (tokens)", ".1f"),
    Column("seeds", "d"),
    Column("score (points)", ".1f", 100),
    Column("95 % low", ".1f", 100),
    Column("95 % high", ".1f", 100),
    Column("difference to random (points)", "+.1f", 100),
    Column("remark"),
)


def ladder_section(material: Material) -> Section:
    """The kept ladder, or the command that makes it."""
    table, why = material.kept("ladder", LadderTable)
    if table is None:
        return Section("ladder", "Ladder of diversity", (NotRun(why, f"breadth ladder --track {material.asked}"),))
    return Section("ladder", "Ladder of diversity", tuple(ladder_blocks(table)))


def ladder_blocks(table: LadderTable) -> Iterator[Block]:
    """A ladder in words, its figure with a panel a strategy, its slopes and every level."""
    yield Paragraph(f"Budget {table.budget:,} on {table.base_model}, training seeds {_joined(table.training_seeds)}.")
    warnings = [f"Reduced against the registered ladder: {reason}." for reason in table.reduced]
    if table.withheld:
        warnings.append(f"No scores: {table.withheld}.")
    if table.incomplete:
        warnings.append(f"{len(table.incomplete)} cells have no result yet; levels that need them are incomplete.")
    if warnings:
        yield Listing(tuple(warnings))
    if any(level.score for strategy in table.strategies for level in strategy.levels):
        yield Picture("ladder-figure", ladder_figure(table), "Score against level of diversity", HOW_TO_READ)
    yield Grid(
        "ladder-slopes",
        "How the score goes with the level",
        SLOPES,
        tuple(
            (
                strategy.spec,
                strategy.family,
                *_slope(strategy.line),
                *_slope(strategy.above_lowest),
                *_slope(strategy.at_equal_length),
                strategy.spearman.rho if strategy.spearman else None,
                strategy.spearman.p if strategy.spearman else None,
                len(in_reach(strategy.levels)),
                _remark(strategy),
            )
            for strategy in table.strategies
        ),
    )
    yield Grid(
        "ladder-levels",
        "Every level",
        LEVELS,
        tuple(
            (
                strategy.spec,
                level.level,
                level.state,
                level.kept_types,
                level.mean_length,
                len(level.seeds),
                level.score.mean if level.score else None,
                level.score.low if level.score else None,
                level.score.high if level.score else None,
                level.difference.mean if level.difference else None,
                level.problem,
            )
            for strategy in table.strategies
            for level in strategy.levels
        ),
    )


def _slope(fitted: FittedLine | PartialSlope | None) -> tuple[float | None, float | None]:
    return (fitted.slope, fitted.slope_sd) if fitted else (None, None)


def _remark(strategy: LadderStrategy) -> str:
    """Why there is no line, or what keeps a part of it from a number."""
    parts = {
        "slope": strategy.line,
        "above the lowest": strategy.above_lowest,
        "at equal length": strategy.at_equal_length,
        "Spearman": strategy.spearman,
    }
    notes = [f"{name}: {part.note}" for name, part in parts.items() if part is not None and part.note]
    return "; ".join([strategy.why_no_slope, *notes] if strategy.why_no_slope else notes)


def _joined(seeds: tuple[int, ...]) -> str:
    return ", ".join(map(str, seeds))
