"""The ladder: what it plans, what its table claims, and what it refuses to claim."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ladders import TWO, ladder_plan, ladder_results, ladder_selected, of_track
from tiny_track import TINY

from suite.aggregate import Registration, score_v1
from suite.commands.ladder_formats import ladder_csv, ladder_markdown
from suite.errors import StoreError, UnknownNameError, UsageError
from suite.figures.ladder import ladder_figure, ladder_size
from suite.report.blocks import Grid
from suite.report.sections.ladder import ladder_blocks
from suite.runner.cells import Wanted, chosen_strategies, plan_cells
from suite.studies.kept import read_kept
from suite.studies.ladder_plan import plan_ladder
from suite.studies.ladder_table import LadderStrategy, LadderTable, ladder_table
from suite.studies.slopes import fitted_line, partial_slope
from suite.track import load_track

FACTS = {"track": "microworld"}
LENGTHS = (10.0, 14.0, 11.0, 13.0, 16.0, 12.0, 15.0)


def length_of(point: object) -> float:
    """A length that does not follow the level."""
    return LENGTHS[round(6 * point.level)]  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def rising() -> LadderTable:
    """micro-response gains with its level, macro-instruction loses."""
    plan = ladder_plan()
    results = ladder_results(plan, lambda point: (0.3 if point.family == TWO[0] else -0.2) * (point.level or 0))
    return ladder_table(plan, ladder_selected(plan, length_of), results, [])


def one(table: LadderTable, name: str) -> LadderStrategy:
    return next(strategy for strategy in table.strategies if strategy.name == name)


def slopes_shown(table: LadderTable) -> list[dict[str, object]]:
    """The report's table of slopes, a row a strategy, by names of columns."""
    (grid,) = (block for block in ladder_blocks(table) if getattr(block, "identifier", "") == "ladder-slopes")
    assert isinstance(grid, Grid)
    return [dict(zip([column.name for column in grid.columns], row, strict=True)) for row in grid.rows]


def test_the_plan_is_every_strategy_level_and_seed_with_its_references() -> None:
    track = load_track("microworld")
    plan = plan_ladder(track)
    assert len(plan.families) == 6
    assert plan.levels == tuple(np.linspace(0, 1, 7).tolist())
    assert plan.reduced == ()
    assert len(plan.cells) == 1 + 3 + 5 * 3 + 6 * 7 * 3
    assert len(plan.draws) == 6 * 7 * 3
    micro = [cell for cell in plan.cells if cell.strategy and cell.strategy.name == "micro-response"]
    assert {(cell.selection_seed, cell.training_seed) for cell in micro} == {(0, 0), (1, 1), (2, 2)}


def test_its_cells_are_those_of_a_run() -> None:
    track = load_track("microworld")
    chosen, _ = chosen_strategies(track, ("micro-response:diversity=0.3333333333333333",))
    run = {cell.identity.id for cell in plan_cells(track, chosen, Wanted())}
    ladder = {cell.identity.id for cell in plan_ladder(track).cells}
    # The run's other rows are `duplicate` and `oracle`.
    assert len(run - ladder) == 2 * len(track.seeds.training)


def test_what_a_ladder_lacks_is_said() -> None:
    plan = plan_ladder(load_track("microworld"), specs=["micro-response:rare=3"], levels=4, seeds=2)
    assert len(plan.cells) == 1 + 2 + 5 * 2 + 4 * 2
    missing, levels, seeds = plan.reduced
    assert missing.startswith("without macro-instruction, macro-response,")
    assert "micro-response" not in missing
    assert levels == "4 of 7 levels"
    assert seeds == "2 of 3 registered seeds"
    assert plan_ladder(load_track("microworld"), levels=9).reduced == ()


def test_with_length_control_every_strategy_stands_twice() -> None:
    plan = ladder_plan(length_control=True)
    controlled = [family for family in plan.families if family.controlled]
    assert [family.spec for family in controlled] == [f"{name}:match_length=true" for name in TWO]
    assert len(plan.cells) == 1 + 3 + 15 + 2 * 2 * 7 * 3
    specs = {point.strategy.spec for point in plan.points}
    assert "micro-response:diversity=0.5,match_length=true" in specs


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"specs": ["k-center"]}, UsageError, "has no levels of diversity"),
        ({"specs": ["micro-response:diversity=1"]}, UsageError, "Leave `diversity` out"),
        ({"specs": ["micro-response:match_length=true"], "length_control": True}, UsageError, "Leave match_length out"),
        ({"specs": ["micro-responses"]}, UnknownNameError, "Did you mean"),
        ({"levels": 1}, UsageError, "at least 2"),
        ({"seeds": 4}, UsageError, "between 1 and 3"),
        ({"base_model": "gpt-9"}, UnknownNameError, "base model"),
    ],
)
def test_plans_that_cannot_be(changes: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ladder_plan(**changes)


def test_the_table_holds_the_boards_scores_and_their_slope() -> None:
    plan = ladder_plan()
    results = ladder_results(plan, lambda point: 0.3 * (point.level or 0) * (1 if point.family == TWO[0] else -1))
    table = ladder_table(plan, ladder_selected(plan, length_of), results, [])
    assert (table.reduced, table.incomplete, table.withheld) == (plan.reduced, (), "")
    (board,) = score_v1(results, Registration.of(plan.track)).tables
    rows = {row.spec: row for row in board.rows}
    for strategy in table.strategies:
        assert [level.state for level in strategy.levels] == ["complete"] * 7
        for level in strategy.levels:
            row = rows[level.spec]
            assert row.score is not None
            assert row.difference is not None
            assert level.score is not None
            assert level.difference is not None
            assert level.score.mean == pytest.approx(row.score.mean) == pytest.approx(np.mean(level.scores))
            assert level.difference.low == row.difference.low
            assert level.seeds == (0, 1, 2)
            assert level.kept_types == round(10 + 90 * level.level)
            assert level.mean_length == pytest.approx(LENGTHS[round(6 * level.level)] + 0.1)
        at = [level.level for level in strategy.levels]
        scores = [float(np.mean(level.scores)) for level in strategy.levels]
        lengths = [float(np.mean(level.lengths)) for level in strategy.levels]
        slope = np.polyfit(at, scores, 1)[0]
        assert strategy.line is not None
        assert strategy.at_equal_length is not None
        assert strategy.spearman is not None
        assert strategy.line.slope == pytest.approx(slope)
        assert strategy.line == fitted_line(at, scores)
        assert strategy.line.points == 7
        above = np.polyfit(at[1:], scores[1:], 1)[0]
        assert strategy.above_lowest is not None
        assert strategy.above_lowest.slope == pytest.approx(above)
        assert strategy.above_lowest.points == 6
        assert strategy.at_equal_length == partial_slope(at, lengths, scores)
        assert strategy.at_equal_length.slope is not None
        assert strategy.at_equal_length.slope * slope > 0
        assert strategy.spearman.rho == pytest.approx(np.sign(slope))
        assert strategy.spearman.reaches
    assert len(table.random_draws) == 5
    assert table.random is not None
    assert table.random.mean == pytest.approx(np.mean(table.random_draws))


def test_a_strategy_that_lacks_a_seed_gets_no_slope() -> None:
    plan = ladder_plan()
    lost = next(cell for cell in plan.cells if cell.strategy and cell.strategy.spec == "micro-response:diversity=0.5")
    results = [
        record
        for record in ladder_results(plan, lambda point: 0.2 * (point.level or 0))
        if (record.cell.spec, record.cell.training_seed) != (lost.identity.spec, lost.training_seed)
    ]
    table = ladder_table(plan, ladder_selected(plan, length_of), results, [lost])
    micro, macro = one(table, TWO[0]), one(table, TWO[1])
    assert table.incomplete == (str(lost),)
    assert (micro.line, micro.at_equal_length, micro.spearman) == (None, None, None)
    assert micro.why_no_slope == "incomplete: 1 of 7 levels lack results of seeds"
    assert [level.state for level in micro.levels].count("incomplete") == 1
    assert macro.line is not None
    page = ladder_markdown(table, FACTS)
    assert "**Incomplete**: 1 cells have no result: micro-response:diversity=0.5 draw 0 seed 0" in page
    assert "2/3 incomplete" in page
    assert "incomplete" in ladder_figure(table).to_json()


def test_a_level_out_of_reach_is_a_row_that_says_why() -> None:
    plan = ladder_plan()

    def problem(point: object) -> str:
        return "types are | too few" if point.level == 0 and point.family == TWO[0] else ""  # type: ignore[attr-defined]

    results = ladder_results(plan, lambda point: 0.3 * (point.level or 0))
    reached = [record for record in results if record.cell.spec != "micro-response:diversity=0.0"]
    table = ladder_table(plan, ladder_selected(plan, length_of, problem), reached, [])
    micro = one(table, TWO[0])
    assert micro.levels[0].state == "out of reach"
    assert (micro.levels[0].score, micro.levels[0].mean_length, micro.levels[0].scores) == (None, None, ())
    assert micro.spearman is not None
    assert micro.spearman.levels == 6
    assert micro.line is not None
    assert micro.line.points == 6
    assert [row["levels-in-reach"] for row in slopes_shown(table)] == [6, 7]
    page = ladder_markdown(table, FACTS)
    assert "| 0.00 | out of reach (1) |" in page
    assert r"1. types are \| too few" in page
    assert "types are | too few" in ladder_csv(table)


def test_two_levels_in_reach_are_no_ladder() -> None:
    plan = ladder_plan(levels=2)
    table = ladder_table(plan, ladder_selected(plan, length_of), ladder_results(plan, lambda point: 0.1), [])
    assert {strategy.why_no_slope for strategy in table.strategies} == {
        "2 of 2 levels are in reach, and a slope needs 3"
    }


def test_without_full_there_is_no_score() -> None:
    plan = ladder_plan()
    results = [record for record in ladder_results(plan, lambda point: 0.1) if record.cell.spec != "full"]
    table = ladder_table(plan, ladder_selected(plan, length_of), results, [])
    assert "the `full` row is missing" in table.withheld
    assert all(strategy.line is None and "no score" in strategy.why_no_slope for strategy in table.strategies)
    assert table.random is None
    assert ladder_figure(table).to_json()


def test_results_that_cannot_stand_together_are_refused() -> None:
    plan = ladder_plan()
    results = ladder_results(plan, lambda point: 0.1)
    selected = ladder_selected(plan, length_of)
    with pytest.raises(StoreError, match="No result of track microworld"):
        ladder_table(plan, selected, [], [])
    larger = [record.model_copy(update={"cell": record.cell.model_copy(update={"budget": 900})}) for record in results]
    others = [record for record in larger if record.cell.strategy == "random"]
    with pytest.raises(StoreError, match=r"several budgets \(500, 900\)"):
        ladder_table(plan, selected, results + others, [])
    for part, message in (("pool", "2 pools"), ("base_weights", "2 sets of base weights")):
        foreign = results[-1].model_copy(update={"hashes": results[-1].hashes.model_copy(update={part: "0" * 64})})
        with pytest.raises(StoreError, match=message):
            ladder_table(plan, selected, [*results, foreign], [])
    older = [record.model_copy(update={"cell": record.cell.model_copy(update={"track": "m2m"})}) for record in results]
    with pytest.raises(StoreError, match="of another track"):
        ladder_table(plan, selected, older, [])


def test_a_reduced_ladder_says_so_everywhere() -> None:
    plan = ladder_plan(levels=4, seeds=2)
    table = ladder_table(plan, ladder_selected(plan, length_of), ladder_results(plan, lambda point: 0.1), [])
    assert table.training_seeds == (0, 1)
    page = ladder_markdown(table, FACTS)
    assert page.startswith("# Ladder of diversity: microworld (reduced)")
    assert "4 of 7 levels; 2 of 3 registered seeds" in page
    assert "too few levels for any to count" in page or "- (" in page
    assert "4 of 7 levels" in ladder_csv(table)
    assert "Reduced: " in ladder_figure(table).layout.title.subtitle.text


def test_the_outcome_survives_json(rising: LadderTable) -> None:
    text = rising.model_dump_json()
    assert LadderTable.model_validate_json(text) == rising
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_ladder_of_version_1_is_fitted_anew_or_refused(rising: LadderTable, tmp_path: Path) -> None:
    """It took seeds for independent points; its scores are all there."""
    narrow = {"slope_sd": 0.001, "points": 21}
    old = rising.model_dump(mode="json") | {"schema_version": 1}
    for strategy in old["strategies"]:
        strategy["line"] |= narrow
        strategy["at_equal_length"] |= narrow
        strategy["above_lowest"] = None
    kept_at = tmp_path / "studies" / "microworld" / "ladder.json"
    kept_at.parent.mkdir(parents=True)
    kept_at.write_text(json.dumps(old))
    assert read_kept(tmp_path, "microworld", "ladder", LadderTable) == rising
    old["strategies"][0]["levels"][2]["scores"] = []
    kept_at.write_text(json.dumps(old))
    with pytest.raises(StoreError, match=r"older version .* \(a level lacks its scores .* `breadth ladder`"):
        read_kept(tmp_path, "microworld", "ladder", LadderTable)


def test_what_keeps_a_slope_from_its_band_is_said() -> None:
    """On pages and in the table: points on a line, and length that follows the level."""
    plan = ladder_plan()
    following = ladder_selected(plan, lambda point: 10 + 30 * (point.level or 0))
    table = ladder_table(plan, following, ladder_results(plan, lambda point: 0.1 * (point.level or 0)), [])
    exact = fitted_line([0, 0.5, 1], [0.1, 0.2, 0.3])
    table = table.model_copy(
        update={"strategies": tuple(one.model_copy(update={"above_lowest": exact}) for one in table.strategies)}
    )
    page = ladder_markdown(table, FACTS)
    assert "+20.0 (the points lie on a line: no noise to judge by)" in page
    for shown in slopes_shown(table):
        assert (shown["above-lowest"], shown["above-lowest-sigma"]) == (pytest.approx(0.2), None)
        assert (shown["equal-length"], shown["equal-length-sigma"]) == (None, None)
        assert "above the lowest: the points lie on a line" in str(shown["remark"])
        assert "at equal length: length follows the level" in str(shown["remark"])


def test_tables_and_figure_agree_with_the_numbers(rising: LadderTable) -> None:
    micro = one(rising, TWO[0])
    assert micro.line is not None
    assert micro.line.slope is not None
    page = ladder_markdown(rising, FACTS)
    assert f"{100 * micro.line.slope:+.1f} ± " in page
    assert "+1.00 (n = 7: reaches 0.786)" in page
    assert len(ladder_csv(rising).splitlines()) == 1 + 2 * 7
    drawn = ladder_figure(rising)
    titles = [annotation.text for annotation in drawn.layout.annotations]
    assert f"slope {100 * micro.line.slope:+.1f}" in next(title for title in titles if TWO[0] in title)
    assert "ρ = +1.00 (n = 7)" in titles[0] + titles[1]
    assert ladder_size(rising)[0] >= 640


def test_names_of_strangers_are_harmless() -> None:
    plan = ladder_plan()
    table = ladder_table(plan, ladder_selected(plan, length_of), ladder_results(plan, lambda point: 0.1), [])
    evil = table.strategies[0].model_copy(update={"spec": "x:a=<script>|b\x1b"})
    hostile = table.model_copy(update={"strategies": (evil, *table.strategies[1:])})
    page = ladder_markdown(hostile, FACTS)
    assert "<script" not in page
    assert "\x1b" not in page + ladder_csv(hostile)
    assert "<script" not in "".join(annotation.text for annotation in ladder_figure(hostile).layout.annotations)


def test_the_tiny_track_has_a_ladder() -> None:
    track = load_track(str(TINY))
    assert len(plan_ladder(track, specs=["micro-response"]).cells) == 1 + 2 + 4 + 7 * 2
    assert of_track([], track) == []
