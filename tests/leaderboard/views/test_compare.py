"""Two strategies against each other as a reader meets them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from boards import COMMITTED, made_up, page_at, snapshot_of
from factories import experiment, sha
from panels import SPECS, panel_table
from reports import EFFECTS, of_track, stored

from leaderboard.page import Page
from leaderboard.snapshot import Snapshot
from leaderboard.views import compare
from suite.report.blocks import Block, Grid, Listing, Paragraph, Picture
from suite.results import Result, pack_picks
from suite.statistics.set_overlap import expected_jaccard
from suite.stores import LocalStore
from suite.studies.kept import keep
from suite.track import load_track


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return made_up(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def committed() -> Snapshot:
    return snapshot_of(LocalStore(COMMITTED), "microworld", "alpaca-cpu")


def blocks_of(page: Page) -> list[Block]:
    return list(compare.blocks(page))


def grid(blocks: list[Block], identifier: str) -> Grid:
    return next(block for block in blocks if isinstance(block, Grid) and block.identifier == identifier)


def lead(blocks: list[Block]) -> str:
    first = blocks[0]
    assert isinstance(first, Paragraph)
    assert first.kind == "lead"
    return first.text


@pytest.mark.parametrize("track", ["microworld", "alpaca-cpu"])
def test_by_default_the_best_row_stands_against_random_with_the_boards_numbers(committed: Snapshot, track: str) -> None:
    page = page_at(committed, track=track, view="compare")
    assert page.table is not None
    best = next(row for row in page.table.rows if row.rank == 1)
    assert compare.values(page) == {"first": best.spec, "second": "random"}
    blocks = blocks_of(page)
    assert best.difference is not None
    assert f"{best.spec} stands {100 * best.difference.mean:.1f} points above random" in lead(blocks)
    assert ("not told apart" in lead(blocks)) == (best.verdict == "tied")
    listing = blocks[1]
    assert isinstance(listing, Listing)
    interval = f"95 % interval {100 * best.difference.low:+.1f} to {100 * best.difference.high:+.1f} points"
    assert interval in listing.items[0]
    assert best.p_holm is not None
    assert f"p {best.p_holm:.3f} after Holm's correction" in listing.items[0]
    assert any(isinstance(block, Picture) for block in blocks)


def test_narrowed_to_some_tasks_it_is_still_the_boards_difference(committed: Snapshot) -> None:
    tasks = ("words-exact-match", "lists-likelihood")
    page = page_at(committed, track="microworld", view="compare", tasks=tasks, first="k-center", second="random")
    assert page.table is not None
    [row] = [row for row in page.table.rows if row.spec == "k-center"]
    whole = next(row for row in page.data.board.tables[0].rows if row.spec == "k-center") if page.data else None
    assert row.difference is not None
    assert whole is not None
    assert row.difference != whole.difference
    blocks = blocks_of(page)
    seeds = grid(blocks, "compared-seeds")
    assert len(seeds.columns) == 2 + len(tasks)
    assert [line[0] for line in grid(blocks, "compared-tasks").rows] == list(tasks)
    means = [line[1] for line in seeds.rows if isinstance(line[1], float)]
    assert sum(means) / len(means) == pytest.approx(row.difference.mean)
    said = blocks[1]
    assert isinstance(said, Listing)
    assert f"{100 * row.difference.low:+.1f} to {100 * row.difference.high:+.1f} points" in said.items[0]


def test_every_task_and_seed_stands_in_a_table(snapshot: Snapshot) -> None:
    page = page_at(snapshot, view="compare", first="k-center", second="longest")
    blocks = blocks_of(page)
    assert page.table is not None
    rows = {row.spec: row for row in page.table.rows}
    for line in grid(blocks, "compared-tasks").rows:
        assert line[3] == rows["k-center"].tasks[str(line[0])]
        assert line[4] == rows["longest"].tasks[str(line[0])]
    seeds = grid(blocks, "compared-seeds")
    assert [line[0] for line in seeds.rows] == [0, 1, 2]
    assert [column.title for column in seeds.columns][:2] == ["training seed", "all tasks (points)"]
    assert len(seeds.columns) == 2 + len(page.table.tasks)
    said = blocks[1]
    assert isinstance(said, Listing)
    assert any("This p is of one comparison" in item for item in said.items)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("nobody", "random", "No row at a budget of 500 on llama-455k-microworld is called nobody."),
        ("k-center", "<b>x</b>", "No row at a budget of 500 on llama-455k-microworld is called <b>x</b>."),
        ("k-center", "k-center", "Both are k-center: choose another to compare it with."),
    ],
)
def test_names_that_make_no_pair_are_one_sentence(snapshot: Snapshot, first: str, second: str, said: str) -> None:
    [block] = blocks_of(page_at(snapshot, view="compare", first=first, second=second))
    assert block == Paragraph(said, "lead")


def test_random_named_first_meets_the_best_row(snapshot: Snapshot) -> None:
    page = page_at(snapshot, view="compare", first="random")
    assert compare.values(page) == {"first": "random", "second": "facility-location"}
    assert lead(blocks_of(page)).startswith("facility-location stands")


def test_incomplete_rows_are_compared_on_what_they_share_and_called_so(tmp_path: Path) -> None:
    results = [r for r in experiment(EFFECTS) if (r.cell.spec, r.cell.training_seed) != ("k-center", 2)]
    blocks = blocks_of(page_at(made_up(tmp_path, results), view="compare", first="k-center", second="random"))
    said = blocks[1]
    assert isinstance(said, Listing)
    assert "k-center is incomplete: 2 of 3 cells." in said.items
    assert any(item.startswith("Training seeds that both have: 0, 1;") for item in said.items)
    assert lead(blocks).endswith("without a verdict.")
    assert len(grid(blocks, "compared-seeds").rows) == 2


def test_one_seed_gives_no_interval_and_says_so(tmp_path: Path) -> None:
    page = page_at(made_up(tmp_path, experiment(EFFECTS, seeds=1)), view="compare", first="k-center", second="longest")
    assert "one seed says nothing about the variation between seeds" in lead(blocks_of(page))


def test_rows_without_a_common_seed(tmp_path: Path) -> None:
    results = [
        r
        for r in experiment(EFFECTS)
        if (r.cell.spec, r.cell.training_seed) not in {("k-center", 0), ("longest", 1), ("longest", 2)}
    ]
    blocks = blocks_of(page_at(made_up(tmp_path, results), view="compare", first="k-center", second="longest"))
    assert lead(blocks) == "k-center and longest share no training seed yet, so nothing can be paired."


def test_a_row_alone_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    results = [r for r in experiment({"k-center": 0.1}) if r.cell.spec == "k-center"]
    assert lead(blocks_of(page_at(made_up(tmp_path, results), view="compare"))).startswith("There is only one row")


def test_a_record_that_cannot_be_read_is_named_and_nothing_is_made_of_the_rest(tmp_path: Path) -> None:
    snapshot = made_up(tmp_path)
    line = next(line for line in snapshot.tracks["microworld"].cells if line.spec == "k-center")
    (tmp_path / line.path).write_text("{")
    blocks = blocks_of(page_at(snapshot, view="compare", first="k-center", second="random"))
    assert len(blocks) == 1
    assert lead(blocks).startswith("k-center and random cannot be compared: ")
    assert line.path in lead(blocks)


def test_picks_that_were_not_recorded_are_told_by_their_hashes(snapshot: Snapshot) -> None:
    blocks = blocks_of(page_at(snapshot, view="compare", first="k-center", second="longest"))
    texts = [block.text for block in blocks if isinstance(block, Paragraph)]
    assert any(
        text.startswith("Picks were not recorded") and "no selection of one is the same" in text for text in texts
    )
    whole = blocks_of(page_at(snapshot, view="compare", first="k-center", second="full"))
    assert Paragraph("full picked nothing: there is no selection to compare.", "note") in whole


def with_picks(fingerprint: str, rows: dict[str, np.ndarray]) -> list[Result]:
    """The made-up results, those of some strategies with the rows that they picked."""
    made = []
    for record in experiment(EFFECTS):
        hashes = record.hashes.model_copy(update={"pool": fingerprint})
        picks = pack_picks(rows[record.cell.spec]) if record.cell.spec in rows else None
        made.append(record.model_copy(update={"hashes": hashes, "picks": picks}))
    return made


def test_recorded_picks_are_held_against_chance_seed_by_seed(tmp_path: Path) -> None:
    pool = load_track("microworld").pool
    assert pool.fingerprint is not None
    picks = {"k-center": np.arange(500), "longest": np.arange(250, 750), "duplicate": np.repeat(np.arange(100), 5)}
    snapshot = made_up(tmp_path, with_picks(pool.fingerprint, picks))
    blocks = blocks_of(page_at(snapshot, view="compare", first="k-center", second="longest"))
    lines = grid(blocks, "compared-picks").rows
    assert [line[0] for line in lines] == [0, 1, 2]
    for line in lines:
        assert line[1:4] == (500.0, 500.0, 250.0)
        assert line[4] == pytest.approx(500 * 500 / pool.size)
        assert line[5] == pytest.approx(250 / 750)
        assert line[6] == pytest.approx(expected_jaccard(pool.size, 500, 500))
    # Repeats are no more samples.
    repeats = grid(
        blocks_of(page_at(snapshot, view="compare", first="duplicate", second="k-center")), "compared-picks"
    ).rows
    assert repeats[0][1:4] == (100.0, 500.0, 100.0)


def test_of_a_pool_of_unknown_size_nothing_is_said_of_chance(tmp_path: Path) -> None:
    picks = {"k-center": np.arange(500), "longest": np.arange(500)}
    snapshot = made_up(tmp_path, with_picks(sha("another pool"), picks))
    blocks = blocks_of(page_at(snapshot, view="compare", first="k-center", second="longest"))
    assert grid(blocks, "compared-picks").rows[0] == (0, 500.0, 500.0, 500.0, None, 1.0, None)


def test_picks_outside_the_pool_are_refused(tmp_path: Path) -> None:
    pool = load_track("microworld").pool
    assert pool.fingerprint is not None
    picks = {"k-center": np.arange(500), "longest": np.arange(pool.size, pool.size + 500)}
    snapshot = made_up(tmp_path, with_picks(pool.fingerprint, picks))
    blocks = blocks_of(page_at(snapshot, view="compare", first="k-center", second="longest"))
    said = "The picks of these results cannot be compared: row 12499 of a pool of 12,000 samples."
    assert Paragraph(said, "note") in blocks


def test_the_kept_overlap_of_the_pair_is_told(committed: Snapshot) -> None:
    blocks = blocks_of(page_at(committed, track="microworld", view="compare", first="farthest", second="k-center"))
    [text] = [b.text for b in blocks if isinstance(b, Paragraph) and b.text.startswith("In the kept study of overlaps")]
    assert "they share 106.8 samples where unrelated draws would share 20.8" in text
    assert "Jaccard index 11.96 % against 2.13 % by chance, p below 0.001" in text


def test_metrics_of_both_stand_beside_each_other(tmp_path: Path) -> None:
    track = load_track("microworld")
    results = of_track(experiment(dict.fromkeys(SPECS, 0.1)), track)
    store = stored(tmp_path, results)
    table = panel_table({"novelsum": 0.03, "self-bleu": 0.1})
    keep(tmp_path, "microworld", "correlate", table)
    snapshot = snapshot_of(store, "microworld")
    blocks = blocks_of(page_at(snapshot, view="compare", first="k-center", second="farthest"))
    measured = {row.name: row.metrics for row in table.panel}
    found = {line[0]: line for line in grid(blocks, "compared-metrics").rows}
    for name in ("novelsum", "self-bleu"):
        one, other = measured["k-center"][name], measured["farthest"][name]
        assert one is not None
        assert other is not None
        assert found[name][1:3] == (one, other)
        # Of self-bleu, less is more diverse.
        assert found[name][3] == ("k-center" if (one > other) == (name == "novelsum") else "farthest")
    lacking = blocks_of(page_at(snapshot, view="compare", first="k-center", second="random"))
    assert Paragraph("The kept study of metrics does not hold random.", "note") in lacking
