"""The page of stores of every size: nothing, one result, thirty as `breadth leaderboard` serves them, ten thousand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser.reading import Reader, choose, column, field, settled
from browser.serving import Served, commanded
from browser.stores import BUDGETS, MICROWORLD, many
from factories import experiment
from reports import of_track, stored

from leaderboard.views import VIEWS

NAMES = tuple(view.NAME for view in VIEWS)
THIRTY = of_track(experiment({"k-center": 0.2, "novelselect": 0.1, "longest": -0.1, "k-means": 0.0})[:30], MICROWORLD)


@pytest.mark.parametrize("there", [False, True], ids=["no folder", "an empty folder"])
def test_nothing(reader: Reader, tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "store"
    if there:
        folder.mkdir()
    with Served(f"file:{folder}") as served:
        page = reader.open(served.at())
        trouble = page.get_by_test_id("trouble").inner_text()
        assert str(folder) in trouble
        assert "breadth run" in trouble
        assert not page.locator("#controls").is_visible()
        for name in NAMES:
            page.locator(f"[data-testid=tab-{name}]").click()
            settled(page, view="" if name == "leaderboard" else name)
            assert page.locator("#content").inner_text()
        assert page.locator("#content pre").count()


def test_one(reader: Reader, tmp_path: Path) -> None:
    stored(tmp_path, THIRTY[1:2])
    with Served(f"file:{tmp_path}") as served:
        page = reader.open(served.at())
        assert page.locator("#content").inner_text()
        for name in NAMES:
            page.locator(f"[data-testid=tab-{name}]").click()
            settled(page, view="" if name == "leaderboard" else name)
            assert page.locator("#content").inner_text()
        page.locator("[data-testid=tab-runs]").click()
        settled(page, view="runs")
        assert column(page, "records", "strategy") == ["full"]


@pytest.mark.long
def test_thirty_as_the_command_serves_them(reader: Reader, tmp_path: Path) -> None:
    stored(tmp_path, THIRTY)
    with commanded(f"file:{tmp_path}") as (address, _):
        page = reader.open(address)
        shown = column(page, "ranked", "strategy")
        verdicts = dict(zip(shown, column(page, "ranked", "verdict"), strict=True))
        done = dict(zip(shown, column(page, "ranked", "seeds"), strict=True))
        assert verdicts["k-center"].endswith("beats random")
        # One cell of the thirty-first is missing.
        assert verdicts["k-means"] == "incomplete"
        assert done["k-means"] == "2 of 3"
        for name in NAMES:
            page.locator(f"[data-testid=tab-{name}]").click()
            settled(page, view="" if name == "leaderboard" else name)


@pytest.mark.long
def test_ten_thousand(reader: Reader, tmp_path: Path) -> None:
    store = many(tmp_path)
    with Served(store.url) as served:
        (data,) = served.source.snapshot().tracks.values()
        assert len(data.cells) == 10_000
        page = reader.open(served.at())
        assert page.get_by_role("heading", name=re.compile(r"Ranking: \d+ of \d{3} rows")).is_visible()
        choose(page, "budget", f"{BUDGETS[3]:,}")
        settled(page, budget=str(BUDGETS[3]))
        ranks = column(page, "ranked", "rank")
        choose(page, "tasks", "exact-1")
        settled(page, tasks="exact-1")
        assert column(page, "ranked", "rank") != ranks
        page.fill("#control-search input", "made-up-17")
        settled(page, search="made-up-17")
        assert all("made-up-17" in spec for spec in column(page, "ranked", "strategy"))
        for name in NAMES:
            page.locator(f"[data-testid=tab-{name}]").click()
            settled(page, view="" if name == "leaderboard" else name)
            assert page.locator("#content").inner_text()
        page.goto(served.at("view=runs"))
        settled(page)
        page.get_by_role("link", name="last").first.click()
        settled(page, at="100")
        assert page.get_by_text("rows 9,901 to 10,000 of 10,000").is_visible()
        page.goto(served.at("view=runs&at=77777"))
        settled(page)
        assert field(page.url, "at")
        assert page.get_by_text("rows 9,901 to 10,000 of 10,000").is_visible()
