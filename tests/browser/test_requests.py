"""Submitting in a real browser: an archive that passes and one that does not, loose files, and the queue that shows it.

BREADTH_SCREENSHOTS=/tmp/pictures pytest tests/browser/test_requests.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser.reading import PHONE, Reader, column, settled
from browser.serving import Served
from leaderboard_requests import Board, archive, every_state, files

from suite.stores import LocalStore

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHECKED = 120_000
"""Milliseconds that a check may take on a busy machine."""
LOOKS: tuple[dict[str, Any], ...] = (
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {"viewport": PHONE, "has_touch": True},
)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    """A local board with a request in every state; what a test adds stays there."""
    return every_state(tmp_path_factory.mktemp("requests") / "board")


@pytest.fixture(scope="module")
def taking(committed_store: LocalStore, board: Board) -> Iterator[Served]:
    """The page of the committed results, which takes submissions for that board."""
    with Served(committed_store.url, requests=board.store.url) as running:
        running.source.refresh_requests()
        yield running


def send(page: Page, *sent: Path, button: str, author: str = "") -> str:
    """Fill in the form, press a button, and give the first sentence of the answer."""
    page.wait_for_selector("form[data-known=yes]")
    if author:
        page.fill("#submission-author", author)
    page.set_input_files("#submission-files", list(sent))
    page.get_by_role("button", name=button, exact=True).click()
    page.wait_for_selector("form[data-known=yes]:not([aria-busy])", timeout=CHECKED)
    answer = page.get_by_test_id("answer").locator(".lead")
    answer.filter(has_not_text="Checking").wait_for(timeout=CHECKED)
    return answer.inner_text()


def test_what_passes_is_queued_and_found_in_the_queue(
    reader: Reader, taking: Served, board: Board, tmp_path: Path
) -> None:
    packed = tmp_path / "mine.tar.gz"
    packed.write_bytes(archive())
    page = reader.open(taking.at("view=submit"))
    assert send(page, packed, button="Check only") == "my-method 1.2 passes: code, one strategy."
    assert "Say your name first" in send(page, packed, button="Check and submit")
    assert "is queued as request" in send(page, packed, button="Check and submit", author="zoe")
    (request,) = board.queue.listing().named("my-method")
    assert request.author == "zoe"
    page.get_by_role("link", name="Follow it in the queue").click()
    settled(page, view="queue", request=request.id)
    assert page.inner_text(".lead").startswith("my-method 1.2 by zoe: queued, place 3")
    page.get_by_role("link", name="← the whole queue").click()
    settled(page, view="queue", request="")
    assert column(page, "active", "submission") == [
        "spread-wide 1.0",
        "far-apart 1.0",
        "large-wish 1.0",
        "token-novelty 1.0",
        "my-method 1.2",
    ]
    # The name is kept for the next time, in this browser alone.
    page.goto(taking.at("view=submit"))
    settled(page)
    page.wait_for_selector("form[data-known=yes]")
    assert page.input_value("#submission-author") == "zoe"


def test_loose_files_are_packed_in_the_browser_and_every_problem_has_a_row(
    reader: Reader, taking: Served, board: Board, tmp_path: Path
) -> None:
    before = len(board.queue.listing().requests)
    content = files("loose-files")
    for name, text in content.items():
        (tmp_path / name).write_bytes(text)
    chosen = [tmp_path / name for name in content]
    page = reader.open(taking.at("view=submit"))
    assert send(page, *chosen, button="Check only") == "loose-files 1.2 passes: code, one strategy."
    chosen[0].write_bytes(content[chosen[0].name].replace(b'"1.2"', b'"<b>1</b>"').replace(b"[500]", b"[501]"))
    (tmp_path / "notes.py").write_text("x")
    said = send(page, *chosen, tmp_path / "notes.py", button="Check and submit", author="zoe")
    assert said == "3 problems; nothing was sent."
    assert sorted(set(column(page, "problems", "file"))) == ["notes.py", "submission.toml"]
    assert "501" in column(page, "problems", "value")
    assert page.locator("#problems b").count() == 0
    assert len(board.queue.listing().requests) == before


def test_queue_request_and_form_in_light_dark_and_on_a_phone(reader: Reader, taking: Served, board: Board) -> None:
    (failed,) = board.queue.listing().named("hungry-method")
    kept = os.environ.get("BREADTH_SCREENSHOTS")
    for name, look in zip(("light", "dark", "phone"), LOOKS, strict=True):
        page = reader.open(taking.at("view=queue"), **look)
        for view, query in (("queue", ""), ("request", f"&request={failed.id}"), ("submit", "")):
            if view != "queue":
                page.goto(taking.at(f"view={'queue' if view == 'request' else view}{query}"))
                settled(page)
            assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]  # type: ignore[index]
            if view == "submit":
                page.wait_for_selector("form[data-known=yes]")
                box = page.get_by_role("button", name="Check and submit").bounding_box()
                assert box is not None
                assert box["x"] + box["width"] <= page.viewport_size["width"]  # type: ignore[index]
            if kept:
                page.screenshot(path=Path(kept) / f"requests-{view}-{name}.png", full_page=True)
        assert page.locator("form[data-submission]").count() == 1
