"""The Queue tab: every state with its reason, places, workers, ages as of the snapshot, and one request in full."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from boards import page_at
from leaderboard_requests import REASON, Board, every_state

from leaderboard.render import export, render
from leaderboard.snapshot import Snapshot
from leaderboard.source import Source
from leaderboard.views import queue
from suite.report.blocks import Block, Command, Grid, Link, Links, Paragraph, every


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return every_state(tmp_path_factory.mktemp("board"))


@pytest.fixture(scope="module")
def snapshot(board: Board) -> Snapshot:
    return board.snapshot()


def shown(snapshot: Snapshot, **address: object) -> list[Block]:
    return list(every(queue.blocks(page_at(snapshot, view="queue", **address))))


def grid(blocks: Sequence[Block], identifier: str) -> list[dict[str, object]]:
    (found,) = [block for block in blocks if isinstance(block, Grid) and block.identifier == identifier]
    heads = [column.name for column in found.columns]
    plain = [[value.text if isinstance(value, Link) else value for value in row] for row in found.rows]
    return [dict(zip(heads, row, strict=True)) for row in plain]


def texts(blocks: Sequence[Block]) -> str:
    return "\n".join(block.text for block in blocks if isinstance(block, Paragraph | Command))


def request_of(board: Board, name: str) -> str:
    (found,) = board.queue.listing().named(name)
    return found.id


def test_what_runs_and_waits_stands_in_its_order_with_what_keeps_it(snapshot: Snapshot) -> None:
    rows = grid(shown(snapshot), "active")
    assert [(row["submission"], row["place"], row["state"]) for row in rows] == [
        ("spread-wide 1.0", None, "running"),
        ("far-apart 1.0", 1, "queued"),
        ("large-wish 1.0", None, "queued"),
        ("token-novelty 1.0", 2, "queued"),
    ]
    running, first, dear, _ = rows
    assert str(running["stage"]).startswith("microworld: 3 of 6 cells, by box, last heartbeat 2026-01-01 03:10")
    assert first["stage"] == "its turn"
    assert "a maintainer's word" in str(dear["stage"])
    assert running["asks-for"] == "microworld (500)"
    assert (running["author"], running["attempts"]) == ("dora", 1)
    # Ages are those of the snapshot, in seconds, whatever clock reads the page.
    assert first["age"] == timedelta(minutes=30).total_seconds()


def test_what_ended_says_how_why_and_whose_fault(snapshot: Snapshot) -> None:
    rows = {str(row["submission"]): row for row in grid(shown(snapshot), "ended")}
    assert list(rows) == ["changed-my-mind 1.0", "hungry-method 1.0", "even-openings 1.0"]
    failed = rows["hungry-method 1.0"]
    assert (failed["state"], failed["reason"], failed["fault"]) == ("failed", REASON, "the submission's")
    assert rows["even-openings 1.0"]["took"] == timedelta(hours=2).total_seconds()
    assert rows["changed-my-mind 1.0"]["reason"] == "found a mistake"


def test_counts_turnaround_and_workers(snapshot: Snapshot) -> None:
    blocks = shown(snapshot)
    said = texts(blocks)
    assert "1 running, 3 waiting, 1 published, 1 failed, 1 withdrawn" in said
    assert "it takes 2.0 h (median)" in said
    assert "those of 2026-01-01 03:55 UTC" in said
    workers = {row["worker"]: row for row in grid(blocks, "workers")}
    assert {name: row["state"] for name, row in workers.items()} == {
        "box": "working",
        "drained": "stopped",
        "old": "silent longer than it said",
    }
    assert workers["box"]["silent"] == timedelta(minutes=45).total_seconds()
    assert [row["works-on"] for row in workers.values()].count("") == 2
    (title,) = [block.title for block in blocks if isinstance(block, Grid) and block.identifier == "workers"]
    assert title == "Workers: 1 of 3 alive"


def test_a_request_in_full(board: Board, snapshot: Snapshot) -> None:
    blocks = shown(snapshot, request=request_of(board, "hungry-method"))
    said = texts(blocks)
    assert "hungry-method 1.0 by bob: failed (fault: submission)" in said
    assert REASON in said
    history = grid(blocks, "request-history")
    assert [(row["state"], row["by"]) for row in history] == [("queued", "bob"), ("claimed", "box"), ("failed", "box")]
    assert "The last 60 of 100 lines." in said
    (log,) = [block.text for block in blocks if isinstance(block, Command)]
    assert log.split("\n")[0].startswith("line 41 ")
    assert "\x1b" not in log
    page = render(page_at(snapshot, view="queue", request=request_of(board, "hungry-method")))
    assert "<b>" not in page.body
    assert "&lt;b&gt;too much memory" in page.body
    assert "<i>" not in page.body


def test_a_published_request_leads_to_its_runs_and_a_waiting_one_says_its_place(
    board: Board, snapshot: Snapshot
) -> None:
    blocks = shown(snapshot, request=request_of(board, "even-openings"))
    links = [link for block in blocks if isinstance(block, Links) for link in block.links]
    assert [link.href for link in links if "runs" in link.text] == ["?view=runs&track=microworld&search=even-openings"]
    assert [row["stage"] for row in grid(blocks, "request-stages")] == ["microworld: 6 of 6 cells"]
    assert "queued, place 2" in texts(shown(snapshot, request=request_of(board, "token-novelty")))
    assert "running by box, at the stage" in texts(shown(snapshot, request=request_of(board, "spread-wide")))


def test_an_unknown_request_is_said_and_all_are_listed(snapshot: Snapshot) -> None:
    blocks = shown(snapshot, request="0" * 16)
    assert "There is no request" in texts(blocks)
    assert len(grid(blocks, "active")) == 4


@pytest.mark.parametrize(("search", "found"), [("FAR", 1), ("dora", 1), ("queued", 3), ("microworld", 4), ("zzz", 0)])
def test_the_search_finds_and_says_of_how_many(snapshot: Snapshot, search: str, found: int) -> None:
    blocks = shown(snapshot, search=search)
    assert len(grid(blocks, "active")) == found
    (title,) = [block.title for block in blocks if isinstance(block, Grid) and block.identifier == "active"]
    assert title == ("Running and waiting: 4" if found == 4 else f"Running and waiting: {found} of 4")


def test_every_table_can_be_taken_along(snapshot: Snapshot) -> None:
    page = page_at(snapshot, view="queue")
    written = export(page, "queue", "ended", "csv").decode()
    assert "took (h)" in written.splitlines()[0]
    assert "2.0" in written
    for name in ("active", "ended", "workers"):
        assert export(page, "queue", name, "parquet")[:4] == b"PAR1"


def test_damaged_and_future_records_are_listed_and_hide_nothing(tmp_path: Path) -> None:
    board = every_state(tmp_path)
    (tmp_path / "requests" / "damaged.json").write_text("{")
    (tmp_path / "requests" / "0123456789abcdef.json").write_text('{"schema_version": 9}')
    (tmp_path / "workers" / "huge.json").write_text(" " * 600_000)
    blocks = shown(board.snapshot())
    reasons = {row["file"]: str(row["why-it-is-not-shown"]) for row in grid(blocks, "requests-passed-over")}
    assert list(reasons) == ["requests/0123456789abcdef.json", "requests/damaged.json", "workers/huge.json"]
    assert reasons["requests/0123456789abcdef.json"].startswith("of a newer Breadth: schema version 9")
    assert len(grid(blocks, "active")) == 4


def test_an_empty_queue_and_none_at_all_say_what_to_do(tmp_path: Path) -> None:
    said = texts(shown(Board(tmp_path).snapshot()))
    assert "No requests yet." in said
    assert f"breadth worker --store file:{tmp_path} --requests file:{tmp_path}" in said
    none = texts(shown(Snapshot("file:nowhere")))
    assert "no store" in none
    assert "breadth leaderboard --store file:nowhere --requests file:nowhere" in none


def test_trouble_is_said_with_how_old_what_is_shown_is(board: Board) -> None:
    said = texts(shown(board.snapshot(trouble="The Hub is away.")))
    assert "cannot be read now: The Hub is away. Shown is what was seen at 2026-01-01 03:55 UTC." in said


def test_the_source_reads_requests_in_the_background_and_keeps_the_last_good_ones(tmp_path: Path) -> None:
    board = Board(tmp_path)
    source = Source(board.store.url, requests=board.store.url, seconds=0.05)
    source.start()
    try:
        board.submit("my-method", "ada")
        for _ in range(600):
            requests = source.snapshot().requests
            assert requests is not None
            if requests.listing.requests:
                break
            source._stopping.wait(0.05)
        assert [request.author for request in requests.listing.requests] == ["ada"]
        assert requests.as_of is not None
    finally:
        source.stop()
    bad = Source(board.store.url, requests="ftp://x")
    bad.refresh_requests()
    assert "no store URL" in str(bad.snapshot().requests and bad.snapshot().requests.trouble)  # type: ignore[union-attr]
