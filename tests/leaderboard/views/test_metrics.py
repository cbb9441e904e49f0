"""The view of metrics: the chosen one in words and as a scatter, and links by which another is chosen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from boards import COMMITTED, made_up, page_at, snapshot_of
from panels import panel_table

from leaderboard.snapshot import Snapshot
from leaderboard.views import metrics
from suite.report.blocks import Block, Grid, Heading, Link, Paragraph, Picture
from suite.stores import LocalStore
from suite.studies.correlate_table import CorrelateTable
from suite.studies.kept import keep, read_kept


@pytest.fixture(scope="module")
def committed() -> Snapshot:
    return snapshot_of(LocalStore(COMMITTED), "microworld")


@pytest.fixture(scope="module")
def study() -> CorrelateTable:
    found = read_kept(COMMITTED, "microworld", "correlate", CorrelateTable)
    assert found is not None
    return found


def pictures(blocks: list[Block]) -> dict[str, Picture]:
    return {block.identifier: block for block in blocks if isinstance(block, Picture)}


def paragraphs(blocks: list[Block]) -> Iterator[str]:
    return (block.text for block in blocks if isinstance(block, Paragraph))


def test_novelsum_is_held_against_the_next_with_and_without_degenerate_selections(
    committed: Snapshot, study: CorrelateTable
) -> None:
    blocks = list(metrics.blocks(page_at(committed, view="metrics")))
    said = list(paragraphs(blocks))
    assert said[0] == f"All selections: {study.correlations[0].lead.words}"
    assert said[1] == f"Without degenerate selections: {study.correlations[1].lead.words}"
    assert Heading("novelsum in detail") in blocks


def test_the_metric_of_the_address_is_shown_and_every_number_is_the_studys(
    committed: Snapshot, study: CorrelateTable
) -> None:
    page = page_at(committed, view="metrics", metric="self-bleu")
    blocks = list(metrics.blocks(page))
    assert metrics.values(page) == {"metric": "self-bleu"}
    assert Heading("self-bleu in detail") in blocks
    drawn = pictures(blocks)["metric-scatter"].figure
    points = {(x, y) for trace in drawn.data for x, y in zip(trace.x, trace.y, strict=True) if x is not None}
    assert points == {(row.metrics["self-bleu"], row.performance) for row in study.panel}
    # Less is more diverse: the axis runs backwards.
    left, right = drawn.layout.xaxis.range
    assert left > right
    row = next(row for row in study.correlations[1].metrics if row.metric == "self-bleu")
    assert row.spearman is not None
    assert row.spearman.low is not None
    lead = row.lead["mean"]
    [text] = [one for one in paragraphs(blocks) if one.startswith("Without degenerate selections (n = 38")]
    assert f"Spearman {row.spearman.value:+.2f} (95 % {row.spearman.low:+.2f} to" in text
    assert f"novelsum stands {lead.value:+.2f}" in text
    for number, one in enumerate(study.correlations):
        grid = next(b for b in blocks if isinstance(b, Grid) and b.identifier == f"correlations-{number}")
        found = {str(line[0].text): line for line in grid.rows if isinstance(line[0], Link)}
        assert {name: line[2] for name, line in found.items()} == {
            metric.metric: metric.spearman.value if metric.spearman else None for metric in one.metrics
        }


def test_a_row_or_a_point_leads_to_its_scatter(committed: Snapshot, study: CorrelateTable) -> None:
    page = page_at(committed, view="metrics", track="microworld")
    blocks = list(metrics.blocks(page))
    wanted = {
        row.metric: f"?view=metrics&track=microworld&metric={row.metric}" for row in study.correlations[0].metrics
    }
    grid = next(block for block in blocks if isinstance(block, Grid) and block.identifier == "correlations-0")
    assert {line[0].text: line[0].href for line in grid.rows if isinstance(line[0], Link)} == wanted
    for trace in pictures(blocks)["coefficients"].figure.data:
        assert set(trace.customdata) <= set(wanted.values())
        assert len(trace.customdata) == len(trace.x)
    assert metrics.choices(page)["metric"] == [(name, name) for name in wanted]


def test_a_metric_that_is_not_in_the_study_is_said_and_the_hero_shown(committed: Snapshot) -> None:
    blocks = list(metrics.blocks(page_at(committed, view="metrics", metric="beauty")))
    assert any(text.startswith("beauty is not among the metrics of this study: ") for text in paragraphs(blocks))
    assert Heading("novelsum in detail") in blocks


def test_a_flagged_metric_has_a_reason_for_a_coefficient(tmp_path: Path) -> None:
    table = panel_table({"novelsum": 0.03, "vendi": 0.2})
    broken = [
        one.model_copy(
            update={
                "metrics": tuple(
                    row.model_copy(
                        update={
                            "spearman": None,
                            "pearson": None,
                            "kendall": None,
                            "mean": None,
                            "flag": "<i>constant</i>",
                        }
                    )
                    if row.metric == "vendi"
                    else row
                    for row in one.metrics
                )
            }
        )
        for one in table.correlations
    ]
    keep(tmp_path, "microworld", "correlate", table.model_copy(update={"correlations": tuple(broken)}))
    blocks = list(metrics.blocks(page_at(made_up(tmp_path), view="metrics", metric="vendi")))
    assert any(text.endswith("no correlation, because <i>constant</i>.") for text in paragraphs(blocks))
    assert "<i>" not in pictures(blocks)["metric-scatter"].figure.to_json()


def test_a_withheld_study_shows_its_selections_and_the_reason(tmp_path: Path) -> None:
    table = panel_table({"novelsum": 0.03}).model_copy(update={"correlations": (), "withheld": "no task enters"})
    keep(tmp_path, "microworld", "correlate", table)
    page = page_at(made_up(tmp_path), view="metrics")
    blocks = list(metrics.blocks(page))
    assert metrics.values(page) == {}
    assert not pictures(blocks)
    assert [block.identifier for block in blocks if isinstance(block, Grid)] == ["panel"]
    assert any("No correlations: no task enters." in str(block) for block in blocks)
