"""The Submit tab: how to submit, what a submission holds, the rules, and a form where this page takes submissions."""

from __future__ import annotations

from pathlib import Path

from boards import page_at
from leaderboard_requests import Board

from leaderboard.render import render
from leaderboard.snapshot import Snapshot
from leaderboard.views import submit
from suite.intake.archive import LARGEST
from suite.intake.rules import RULES
from suite.report.blocks import Command, Form, Grid, Links, Paragraph, every


def test_it_says_how_with_commands_that_name_this_board(tmp_path: Path) -> None:
    board = Board(tmp_path / "a board")
    blocks = list(every(submit.blocks(page_at(board.snapshot(), view="submit"))))
    (command,) = [block.text for block in blocks if isinstance(block, Command)]
    assert command.splitlines() == [
        "breadth init my-method",
        "breadth check ./my-method",
        f"breadth submit ./my-method --requests 'file:{tmp_path}/a board'",
    ]
    links = [link.href for block in blocks if isinstance(block, Links) for link in block.links]
    assert all(href.startswith("https://") for href in links)
    assert any(href.endswith("/submissions/README.md") for href in links)
    assert [block.identifier for block in blocks if isinstance(block, Form)] == ["submission"]


def test_files_and_rules_are_those_of_the_check(tmp_path: Path) -> None:
    blocks = list(every(submit.blocks(page_at(Board(tmp_path).snapshot(), view="submit"))))
    grids = {block.identifier: block for block in blocks if isinstance(block, Grid)}
    assert {row[0]: row[2] for row in grids["submission-files"].rows} == LARGEST
    assert [row[0] for row in grids["submission-rules"].rows] == list(RULES)


def test_the_form_is_drawn_and_leads_to_the_queue(tmp_path: Path) -> None:
    body = render(page_at(Board(tmp_path).snapshot(), view="submit", track="microworld")).body
    assert "data-submission" in body
    assert 'href="?view=queue&amp;track=microworld"' in body


def test_without_a_store_of_requests_there_is_no_form_and_the_reason() -> None:
    page = page_at(Snapshot("hf://datasets/org/results"), view="submit")
    blocks = list(submit.blocks(page))
    assert not [block for block in blocks if isinstance(block, Form)]
    said = " ".join(block.text for block in blocks if isinstance(block, Paragraph | Command))
    assert "no store of them" in said
    assert "--requests hf://datasets/ORG/NAME" in said
    assert "data-submission" not in render(page).body
