"""What strangers may leave in a store: names that try to become code, and files that are no records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser.reading import Reader, column, downloaded, lines, settled
from browser.serving import Served
from browser.stores import MICROWORLD, made, prepared
from factories import experiment
from reports import of_track, stored

from leaderboard.render import FORMATS, export
from leaderboard.routes import page_of
from leaderboard.views import VIEWS
from suite.report.blocks import Grid, every
from suite.results import Result

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = tuple(view.NAME for view in VIEWS)
SPECS = (
    "k-means:x=<script>window.hacked=1</script>",
    "k-means:x='\"><img src=x onerror=window.hacked=1>",
    "k-means:x=${window.hacked=1}{{ 7*7 }}`code`",
    "k-means:x=**bold** [x](javascript:window.hacked=1) <a href='https://evil.example/'>y</a>",
    "k-means:x=</script><script>window.hacked=1</script>",
    "k-means:x=<b>plotly</b><a href='javascript:window.hacked=1'>z</a>",
)
TEXT = "<img src=x onerror=window.hacked=1></pre></script><script>window.hacked=1</script>"
FORMULA = '=HYPERLINK("https://evil.example/","click")'
FORMULAS = (FORMULA, "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1,1)", "\t=1+1", "\r=1+1")
OURS = ("?", "export/", "record/", "picks/", "https://github.com/breadth-bench/")


def strangers() -> list[Result]:
    """An experiment whose every free text is an attempt."""
    effects = dict(zip(("k-center", *SPECS), (0.2, 0.25, 0.1, 0.05, -0.1, -0.2, 0.15), strict=True))
    found = []
    for at, record in enumerate(experiment(effects, items=60)):
        hardware = FORMULAS[at % len(FORMULAS)]
        cost = record.cost.model_copy(update={"hardware": hardware, "host": TEXT, "finished_at": f"9999{TEXT}"})
        texts = {"engine": TEXT, "versions": {TEXT: FORMULA}, "parameters": {TEXT: FORMULA}, "first_prompt": TEXT}
        found.append(record.model_copy(update={"cost": cost, **texts}))
    return of_track(found, MICROWORLD)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page of that experiment."""
    with Served(prepared(stored(tmp_path_factory.mktemp("hostile"), strangers())).url) as running:
        yield running


def unharmed(page: Page) -> None:
    """Nothing that a stranger wrote has become an element, an address or a run script."""
    assert page.evaluate("window.hacked") is None
    made_of_them = "script, img, iframe, object, embed, [onerror], [onload], [onclick], a[href^='javascript']"
    assert page.locator(f"#breadth-view :is({made_of_them}), #breadth-head :is({made_of_them})").count() == 0
    links = page.eval_on_selector_all(".breadth a[href]", "all => all.map(link => link.getAttribute('href'))")
    assert [link for link in links if not link.startswith(OURS)] == []
    drawn = page.eval_on_selector_all(".plot a", "all => all.map(link => link.getAttribute('xlink:href'))")
    assert [link for link in drawn if link] == []


def test_names_stay_texts_in_every_view(reader: Reader, hostile: Served) -> None:
    page = reader.open(hostile.at("variants=yes"))
    assert set(SPECS) <= set(column(page, "ranked", "strategy"))
    for name in NAMES:
        page.locator(f"[data-testid=tab-{name}]").click()
        settled(page, view="" if name == "leaderboard" else name)
        unharmed(page)
    page.goto(hostile.at("view=compare"))
    settled(page)
    for spec in SPECS[:2]:
        page.locator("#control-first input").first.fill("x=")
        page.get_by_role("option", name=spec, exact=True).click()
        settled(page, first=spec)
        assert spec in page.inner_text("#content")
        unharmed(page)
    page.goto(hostile.at("view=runs"))
    settled(page)
    page.locator("#records td.name a").first.click()
    settled(page)
    assert TEXT in column(page, "run-facts", "value")
    page.locator("summary").last.click()
    unharmed(page)


def test_no_cell_of_a_file_is_a_formula(reader: Reader, hostile: Served) -> None:
    page = reader.open(hostile.at("view=runs"))
    taken = lines(downloaded(page, "records", "csv"))
    assert {line["machine"] for line in taken} >= {f"'{FORMULA}", "'-2+3", "'@SUM(1,1)"}
    # All the other tables, without the browser's help.
    begun = 0
    for view in VIEWS:
        here = page_of(hostile.source, f"view={view.NAME}&variants=yes")
        for grid in (block for block in every(view.blocks(here)) if isinstance(block, Grid)):
            written = export(here, view.NAME, grid.identifier, next(iter(FORMATS)))
            for cell in (cell for line in lines(written) for cell in line.values()):
                begun += cell.startswith("'")
                assert not cell.startswith(("=", "@", "\t", "\r")), cell
                if cell.startswith(("+", "-")):
                    float(cell)
    assert begun


@pytest.mark.parametrize(
    "query",
    [
        "search=<script>window.hacked=1</script>",
        "view=runs&run=<img src=x onerror=window.hacked=1>",
        "track=<script>window.hacked=1</script>&view=<b>",
        "first=<img src=x onerror=window.hacked=1>&view=compare",
        "tasks=a,<script>,exact-0&sort=<b>&columns=<b>&at=-1&budget=1e9",
        "view=metrics&metric=javascript:window.hacked=1",
    ],
)
def test_addresses_that_strangers_hand_out(reader: Reader, served: Served, query: str) -> None:
    unharmed(reader.open(served.at(query)))


def test_files_that_are_no_records_are_listed_with_the_reason(reader: Reader, tmp_path: Path) -> None:
    results = of_track(experiment({"k-center": 0.2, "longest": -0.1}), MICROWORLD)
    store = stored(tmp_path, results)
    here = (tmp_path / results[-1].path).parent
    (here / "0000000000000001.json").write_text("{ torn")
    future = json.loads(results[-1].to_json()) | {"schema_version": 99, "more": TEXT}
    (here / "0000000000000002.json").write_text(json.dumps(future))
    with (here / "0000000000000003.json").open("wb") as huge:
        huge.truncate(100 * 2**20)
    # The same cell with another outcome: one record must not be allowed to better the other.
    twin = Result.model_validate(results[-1].model_dump() | {"tasks": results[-2].model_dump()["tasks"]})
    store.put(twin)
    assert twin.path != results[-1].path
    prepared(store)
    with Served(store.url) as served:
        page = reader.open(served.at())
        assert "k-center" in column(page, "ranked", "strategy")
        page.get_by_text("3 files of the store cannot be shown").click()
        why = dict(
            zip(column(page, "passed-over", "file"), column(page, "passed-over", "why-it-is-not-shown"), strict=True)
        )
        by_name = {path.rsplit("/", 1)[1][15]: reason for path, reason in why.items()}
        assert "not JSON" in by_name["1"]
        assert "schema version 99" in by_name["2"]
        assert "64 MiB" in by_name["3"]
        page.locator("[data-testid=tab-runs]").click()
        settled(page, view="runs")
        assert "1 do not" in page.inner_text(".lead")
        reasons = [text for text in column(page, "records", "why-not") if text != "–"]
        assert reasons == ["a second record of the same cell (the earliest counts)"]
        assert served.source.snapshot().trouble is None


def test_tables_that_are_damaged(reader: Reader, tmp_path: Path) -> None:
    store = made(tmp_path, experiment({"k-center": 0.2}))
    (tmp_path / "leaderboard" / "microworld.moments.parquet").write_bytes(b"PAR1 torn")
    with Served(store.url) as served:
        page = reader.open(served.at("tasks=exact-0"))
        assert page.get_by_text("cannot be narrowed").first.is_visible()
        assert "k-center" in column(page, "ranked", "strategy")
