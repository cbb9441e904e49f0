"""The correlation study: its panel, its performance, its coefficients, and whether it says that NovelSum leads."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
from panels import METRICS, SPECS, chosen_metrics, panel_measured, panel_plan, panel_results, panel_table
from scipy import stats

from suite.commands.correlate_formats import correlate_csv, correlate_markdown, panel_csv
from suite.errors import StoreError, UsageError
from suite.figures.correlation import coefficients_figure, scatter_figure, scatter_size
from suite.registry import strategies
from suite.report.sections.correlations import correlation_grids
from suite.results import Result
from suite.studies.correlate_table import CorrelateTable, MetricRow, correlate_table
from suite.studies.ladder_plan import plan_ladder
from suite.studies.lead import lead_of
from suite.studies.panel import OTHERS, LeftOut, default_panel, plan_panel, read_panel
from suite.track import load_track

FACTS = {"track": "microworld"}
NOISE = {"novelsum": 0.03, "vendi": 0.2, "self-bleu": 0.1}


@pytest.fixture(scope="module")
def table() -> CorrelateTable:
    return panel_table(NOISE)


def metric(table: CorrelateTable, name: str, over: int = 0) -> MetricRow:
    return next(row for row in table.correlations[over].metrics if row.metric == name)


def test_the_default_panel_is_of_every_kind_and_shares_its_cells_with_the_ladder() -> None:
    track = load_track("microworld")
    plan = plan_panel(track, default_panel(track))
    names = [entry.strategy.name for entry in plan.panel.entries]
    assert len(names) >= 40
    assert plan.panel.left_out == ()
    assert plan.reduced() == ()
    assert plan.reduced(39) == ("39 of at least 40 selections",)
    ranked = {
        cls.info.name
        for cls in strategies
        if not cls.reference and not cls.index_only and cls.__module__.startswith("strategies.")
    }
    assert set(names) == ranked
    assert names.count("random") == track.seeds.random_draws
    assert sum(entry.strategy.degenerate for entry in plan.panel.entries) == 6
    ladder = {cell.identity.id for cell in plan_ladder(track).cells}
    levelled = [cell for cell in plan.cells if cell.strategy and "diversity" in cell.strategy.parameters]
    assert len(levelled) == 6 * 3 * 3
    assert {cell.identity.id for cell in levelled} <= ladder
    for entry in plan.panel.entries:
        cells = plan.cells_of(entry)
        assert [cell.training_seed for cell in cells] == [0, 1, 2]
        if entry.strategy.name == "random":
            assert {cell.selection_seed for cell in cells} == {entry.draw}


def test_a_strategy_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suite.studies.panel.OTHERS", (*OTHERS, "of-tomorrow:x=1"))
    assert default_panel(load_track("microworld")).left_out == (LeftOut("of-tomorrow:x=1", "not installed here"),)


def test_a_panel_of_ones_own_is_a_file(tmp_path: Path) -> None:
    track = load_track("microworld")
    path = tmp_path / "panel.txt"
    path.write_text("# mine\nk-center\nk-means:clusters=50  # few\n\nk-means:clusters=50\nrandom\n")
    panel = read_panel(path, track)
    assert [entry.name for entry in panel.entries] == [
        "k-center",
        "k-means:clusters=50",
        *(f"random draw {draw}" for draw in range(5)),
    ]
    plan = plan_panel(track, panel, seeds=1)
    assert plan.reduced() == ("7 of at least 40 selections", "1 of 3 registered seeds")
    assert len(plan.cells) == 1 + 1 + 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("k-center\nk-centre\n", "line 2: There is no strategy 'k-centre'"),
        ("k-means:clusters=no\n", "line 1: Parameter clusters"),
        ("full\n", "line 1: 'full' is a reference row"),
        ("# nothing\n", "holds no strategy"),
        (None, "cannot be read"),
    ],
)
def test_panels_that_cannot_be(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "panel.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_panel(path, load_track("microworld"))


def test_two_selections_are_no_panel() -> None:
    with pytest.raises(UsageError, match="A panel of 2 selections has no correlation"):
        panel_plan(["k-center", "longest"])


def test_performance_is_the_mean_z_score_over_tasks(table: CorrelateTable) -> None:
    assert len(table.panel) == len(SPECS)
    exact = np.array([row.tasks["exact-0"] for row in table.panel])
    bits = np.array([row.tasks["likelihood"] for row in table.panel])
    expected = (stats.zscore(exact) + stats.zscore(-bits)) / 2
    assert [row.performance for row in table.panel] == pytest.approx(expected)


def test_coefficients_are_those_of_scipy_and_oriented(table: CorrelateTable) -> None:
    everything, sound = table.correlations
    assert (everything.selections, sound.selections) == (len(SPECS), len(SPECS) - 2)
    assert (everything.clusters, sound.clusters) == (9, 8)
    performance = [row.performance for row in table.panel]
    for name in METRICS:
        values = np.array([row.metrics[name] for row in table.panel], dtype=float) * (-1 if name == "self-bleu" else 1)
        row = metric(table, name)
        assert row.spearman is not None
        assert row.pearson is not None
        assert row.kendall is not None
        assert row.mean is not None
        assert row.spearman.value == pytest.approx(stats.spearmanr(values, performance).statistic)
        assert row.pearson.value == pytest.approx(stats.pearsonr(values, performance).statistic)
        assert row.kendall.value == pytest.approx(stats.kendalltau(values, performance).statistic)
        assert row.mean.value == pytest.approx((row.spearman.value + row.pearson.value) / 2)
        assert row.spearman.value > 0.2
        assert row.spearman.n == len(SPECS)
        assert row.lead == {} if name == "novelsum" else row.lead["mean"].value is not None
    ranked = [row.mean.value for row in everything.metrics if row.mean]
    assert ranked == sorted(ranked, reverse=True)


def test_without_degenerate_selections_z_scores_are_taken_anew(table: CorrelateTable) -> None:
    sound = [row for row in table.panel if not row.degenerate]
    exact = np.array([row.tasks["exact-0"] for row in sound])
    bits = np.array([row.tasks["likelihood"] for row in sound])
    expected = stats.pearsonr(
        [row.metrics["vendi"] for row in sound], stats.zscore(exact) + stats.zscore(-bits)
    ).statistic
    found = metric(table, "vendi", over=1).pearson
    assert found is not None
    assert found.value == pytest.approx(expected)


def test_who_leads_is_said_with_the_numbers(table: CorrelateTable) -> None:
    lead = table.correlations[0].lead
    assert lead.standing.startswith("leads")
    assert lead.next == "self-bleu"
    page = correlate_markdown(table, FACTS)
    assert f"- All selections (n = 17 in 9 strategies): {lead.words}" in page
    assert "- Without degenerate selections (n = 15 in 8 strategies): novelsum " in page
    behind = panel_table({"novelsum": 0.4, "vendi": 0.02})
    assert behind.correlations[0].lead.standing == "does not lead"
    assert "that of the best, vendi," in behind.correlations[0].lead.words
    alone = panel_table({"vendi": 0.1})
    assert "is not known: it is not among the metrics" in alone.correlations[0].lead.words


@pytest.mark.parametrize(
    ("values", "apart", "standing", "close"),
    [
        ({"h": 0.8, "a": 0.5, "b": 0.4}, {"a": (0.3, 0.1, 0.5), "b": (0.4, 0.2, 0.6)}, "leads clearly", ()),
        ({"h": 0.8, "a": 0.7, "b": 0.4}, {"a": (0.1, -0.1, 0.3), "b": (0.4, 0.2, 0.6)}, "leads within noise", ("a",)),
        ({"h": 0.8, "a": 0.7}, {"a": (0.1, None, None)}, "leads within noise", ("a",)),
        ({"h": 0.5, "a": 0.7}, {"a": (-0.2, -0.5, 0.1)}, "does not lead", ("a",)),
        ({"h": 0.5, "a": 0.5}, {"a": (0.0, 0.0, 0.0)}, "does not lead", ("a",)),
        ({"a": 0.5}, {}, "unknown", ()),
        ({"h": 0.5}, {}, "unknown", ()),
    ],
)
def test_the_rule_of_leading(
    values: dict[str, float], apart: dict[str, tuple[float, float, float]], standing: str, close: tuple[str, ...]
) -> None:
    lead = lead_of("h", values, apart, "it has no value")
    assert lead.standing == standing
    assert lead.within_noise == close
    assert "h" in lead.words
    assert "None" not in lead.words


def test_a_metric_without_all_values_is_flagged_and_no_number() -> None:
    plan = panel_plan()
    rows = panel_measured(plan, NOISE)
    without = {name: spread for name, spread in NOISE.items() if name != "vendi"}
    failed = {"vendi": "Metric vendi gave nan, which is not a number to compare."}
    broken = [
        dataclasses.replace(row, values={name: row.values[name] for name in without}, failures=failed)
        if row.entry.strategy.degenerate
        else row
        for row in rows
    ]
    constant = [dataclasses.replace(row, values={**row.values, "self-bleu": 0.25}) for row in broken]
    found = correlate_table(plan, constant, chosen_metrics(), panel_results(plan), [])
    vendi, still = metric(found, "vendi"), metric(found, "self-bleu")
    assert "no value for 2 of 17 selections, such as duplicate:times=2: Metric vendi gave nan" in vendi.flag
    assert still.flag == "constant over the selections: nothing to correlate"
    assert {vendi.spearman, vendi.mean, still.kendall} == {None}
    assert vendi.lead == {}
    # Where the broken selections are left out, the metric has its number.
    assert metric(found, "vendi", over=1).mean is not None
    assert "is not known: there is no other metric" in found.correlations[0].lead.words
    page = correlate_markdown(found, FACTS)
    assert "| vendi | flagged |" in page
    assert "- self-bleu: constant over the selections" in page
    lines = list(csv.DictReader(io.StringIO(correlate_csv(found))))
    assert [line["spearman"] for line in lines if line["metric"] == "self-bleu"] == ["", ""]
    assert "flagged: constant" in scatter_figure(found).to_json()
    hero = [dataclasses.replace(row, values={**row.values, "novelsum": 0.5}) for row in rows]
    lost = correlate_table(plan, hero, chosen_metrics(), panel_results(plan), [])
    assert "Whether novelsum leads is not known: constant" in lost.correlations[0].lead.words


@pytest.mark.parametrize(
    ("specs", "strategies", "clusters"),
    [
        (("k-means:clusters=5", "k-means:clusters=9", "k-means:clusters=20"), "1 strategy gives", "1 cluster gives"),
        (("k-means:clusters=5", "k-means:clusters=9", "k-center"), "2 strategies give", "2 clusters give"),
    ],
)
def test_without_an_interval_the_reason_is_said_and_nothing_leads(
    specs: tuple[str, ...], strategies: str, clusters: str
) -> None:
    """Settings of one or two strategies: coefficients, and neither interval nor verdict."""
    plan = panel_plan(specs)
    found = correlate_table(plan, panel_measured(plan, NOISE), chosen_metrics(), panel_results(plan), [])
    (one,) = found.correlations
    assert one.lead.standing == "unknown"
    assert f"is not known: {strategies} no interval" in one.lead.words
    for row in one.metrics:
        assert row.spearman is not None
        assert row.spearman.value is not None
        assert (row.spearman.low, row.spearman.p) == (None, None)
        assert row.remark == f"{clusters} no interval"
    page = correlate_markdown(found, FACTS)
    assert f"- vendi: {clusters} no interval." in page
    lines = list(csv.DictReader(io.StringIO(correlate_csv(found))))
    assert {(line["flag"], line["note"]) for line in lines} == {("", f"{clusters} no interval")}
    (grid,) = correlation_grids(found)
    assert {row[-1] for row in grid.rows} == {f"{clusters} no interval"}


def test_a_selection_that_lacks_a_seed_does_not_count() -> None:
    plan = panel_plan()
    results = panel_results(plan)
    kept = [record for record in results if (record.cell.spec, record.cell.training_seed) != ("k-center", 1)]
    entry = next(entry for entry in plan.panel.entries if entry.name == "k-center")
    lost = plan.cells_of(entry)[1]
    found = correlate_table(plan, panel_measured(plan, NOISE), chosen_metrics(), kept, [lost])
    row = next(row for row in found.panel if row.name == "k-center")
    assert (row.complete, row.performance, row.seeds) == (False, None, (0, 2))
    assert found.correlations[0].selections == len(SPECS) - 1
    assert "**Incomplete**: 1 cells have no result (k-center" in correlate_markdown(found, FACTS)
    assert "Incomplete" in coefficients_figure(found).layout.title.subtitle.text


def changed(record: Result, **cell: object) -> Result:
    return record.model_copy(update={"cell": record.cell.model_copy(update=cell)})


def test_two_budgets_or_pools_are_refused() -> None:
    plan = panel_plan()
    results = panel_results(plan)
    measured = panel_measured(plan, NOISE)
    other = [changed(record, budget=900) for record in results if record.cell.spec == "longest"]
    with pytest.raises(StoreError, match=r"several budgets \(500, 900\)"):
        correlate_table(plan, measured, chosen_metrics(), results + other, [])
    pool = results[-1].model_copy(update={"hashes": results[-1].hashes.model_copy(update={"pool": "0" * 64})})
    with pytest.raises(StoreError, match="2 pools"):
        correlate_table(plan, measured, chosen_metrics(), [*results, pool], [])
    with pytest.raises(StoreError, match="No result of track microworld"):
        correlate_table(plan, measured, chosen_metrics(), [], [])


def test_without_a_task_in_the_score_there_is_no_correlation() -> None:
    plan = panel_plan()
    results = [record for record in panel_results(plan) if record.cell.spec != "full"]
    found = correlate_table(plan, panel_measured(plan, NOISE), chosen_metrics(), results, [])
    assert found.correlations == ()
    assert "no `full` row" in found.withheld
    assert "**No correlation**" in correlate_markdown(found, FACTS)


def test_what_was_left_out_and_reduced_is_said() -> None:
    plan = panel_plan(seeds=1)
    left = [LeftOut("skewed:by=source", "The pool | has one source")]
    found = correlate_table(plan, panel_measured(plan, NOISE), chosen_metrics(), panel_results(plan), [], left)
    page = correlate_markdown(found, FACTS)
    assert "(reduced)" in page
    assert "17 of at least 40 selections; 1 of 3 registered seeds" in page
    assert r"- skewed:by=source: The pool \| has one source" in page
    assert "left out: The pool | has one source" in panel_csv(found)
    assert "Reduced: 17 of at least 40" in scatter_figure(found).layout.title.subtitle.text


def test_the_outcome_survives_json_and_csv(table: CorrelateTable) -> None:
    text = table.model_dump_json()
    assert CorrelateTable.model_validate_json(text) == table
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    lines = list(csv.DictReader(io.StringIO(correlate_csv(table))))
    assert len(lines) == 2 * len(METRICS)
    vendi = metric(table, "vendi").spearman
    assert vendi is not None
    assert float(next(line for line in lines if line["metric"] == "vendi")["spearman"]) == vendi.value
    selections = list(csv.DictReader(io.StringIO(panel_csv(table))))
    assert [float(line["novelsum"]) for line in selections] == [row.metrics["novelsum"] for row in table.panel]


def test_figures_show_every_selection_and_metric(table: CorrelateTable) -> None:
    drawn = scatter_figure(table)
    points = [trace for trace in drawn.data if trace.x is not None and len(trace.x) == len(SPECS)]
    assert len(points) == len(METRICS)
    assert sum(symbol.endswith("-open") for symbol in points[0].marker.symbol) == 2
    assert [axis.autorange for axis in drawn.select_xaxes()].count("reversed") == 1
    assert scatter_size(table)[0] >= 640
    forest = coefficients_figure(table)
    assert [len(trace.x) for trace in forest.data] == [3, 3]
    hostile = table.model_copy(update={"track": "<script>"})
    assert "<script" not in coefficients_figure(hostile).layout.title.text
