"""What a reader does with the page: filter, sort, narrow, compare, open a run, go back, pass it on, take it along."""

from __future__ import annotations

import json

import pyarrow.parquet
import pytest
from browser.reading import Reader, choose, column, downloaded, lines, numbers, settled
from browser.serving import Served

from leaderboard.render import ROWS_A_PAGE
from suite.aggregate import Table, score_v1
from suite.stores import LocalStore

TASKS = ("words-exact-match", "lists-likelihood")


def table_of(served: Served) -> Table:
    return served.source.snapshot().tracks["microworld"].board.tables[0]


def scored_anew(store: LocalStore, served: Served, tasks: tuple[str, ...]) -> Table:
    """The board of results that have these tasks and no others."""
    fewer = [
        record.model_copy(update={"tasks": tuple(task for task in record.tasks if task.name in tasks)})
        for record in store.results("microworld")
    ]
    return score_v1(fewer, served.source.snapshot().tracks["microworld"].board.registration).tables[0]


def test_filtering_searching_and_sorting(reader: Reader, served: Served) -> None:
    page = reader.open(served.at())
    table = table_of(served)
    shown = column(page, "ranked", "strategy")
    assert shown == [row.spec for row in table.rows if not row.variant]
    first_ranks = dict(zip(shown, column(page, "ranked", "rank"), strict=True))

    choose(page, "level", "embedding")
    settled(page, levels="embedding")
    of_level = [row.spec for row in table.rows if row.level == "embedding" and not row.variant]
    assert column(page, "ranked", "strategy") == of_level
    # A filter hides rows; it never promotes one.
    assert column(page, "ranked", "rank") == [first_ranks[spec] for spec in of_level]
    assert page.get_by_text("rows are not listed").is_visible()

    page.fill("#control-search input", "k-")
    settled(page, search="k-")
    assert column(page, "ranked", "strategy") == [spec for spec in of_level if "k-" in spec]

    page.click(".wordmark")
    settled(page, levels="", search="")
    assert page.input_value("#control-search input") == ""
    choose(page, "kind", "reference")
    settled(page, kinds="reference")
    assert set(column(page, "ranked", "strategy")) == {"full", "oracle", "untuned"}
    page.click(".wordmark")
    settled(page, kinds="")

    head = page.locator("#ranked th[data-column=score]")
    head.locator("a").click()
    settled(page, sort="-score")
    assert head.get_attribute("aria-sort") == "descending"
    scores = numbers(column(page, "ranked", "score"))
    assert scores == sorted(scores, reverse=True)
    head.locator("a").click()
    settled(page, sort="score")
    assert numbers(column(page, "ranked", "score")) == scores[::-1]


def test_narrowing_ranks_anew_as_results_of_these_tasks_alone_would(
    reader: Reader, served: Served, committed_store: LocalStore
) -> None:
    page = reader.open(served.at())
    whole = column(page, "ranked", "rank")
    for task in TASKS:
        choose(page, "tasks", task)
    settled(page, tasks=",".join(TASKS))
    anew = {row.spec: row for row in scored_anew(committed_store, served, TASKS).rows}
    taken = lines(downloaded(page, "ranked", "csv"))
    assert [line["rank"] for line in taken] != whole
    for line in taken:
        row = anew[line["strategy"]]
        assert line["rank"] == ("" if row.rank is None else str(row.rank))
        assert row.score is not None
        assert float(line["score (points)"]) == pytest.approx(100 * row.score.mean)
        if row.difference is not None:
            assert float(line["difference to random (points)"]) == pytest.approx(100 * row.difference.mean)
    assert column(page, "ranked", "score") == [f"{float(line['score (points)']):.1f}" for line in taken]
    assert column(page, "ranked", "strategy") == [line["strategy"] for line in taken]
    assert page.get_by_text("By 2 of its tasks alone").is_visible()


def test_variants_columns_and_tables_taken_along(reader: Reader, served: Served) -> None:
    page = reader.open(served.at())
    table = table_of(served)
    page.check("#control-variants input")
    settled(page, variants="yes")
    assert column(page, "ranked", "strategy") == [row.spec for row in table.rows[:ROWS_A_PAGE]]

    rows = {row.spec: row for row in table.rows}
    by_csv = lines(downloaded(page, "ranked", "csv"))
    by_parquet = pyarrow.parquet.read_table(pyarrow.BufferReader(downloaded(page, "ranked", "parquet"))).to_pylist()
    assert len(by_csv) == len(by_parquet) == len(table.rows)
    for line, other in zip(by_csv, by_parquet, strict=True):
        row = rows[line["strategy"]]
        assert row.score is not None
        assert other["strategy"] == row.spec
        assert other["rank"] == row.rank
        assert float(line["score (points)"]) == other["score (points)"] == 100 * row.score.mean
        assert line["seeds done"] == f"{row.cells_done} of {row.cells_registered}"

    choose(page, "columns", "score (points)")
    settled(page, columns="score")
    heads = page.eval_on_selector_all("#ranked th", "all => all.map(head => head.dataset.column)")
    assert heads == ["strategy", "score"]


def test_comparing_two(reader: Reader, served: Served) -> None:
    page = reader.open(served.at("view=compare"))
    assert page.input_value("#control-second input") == "random"
    choose(page, "first", "novelselect")
    settled(page, first="novelselect")
    row = next(row for row in table_of(served).rows if row.spec == "novelselect")
    assert row.difference is not None
    assert f"novelselect stands {100 * row.difference.mean:.1f} points above random." in page.inner_text(".lead")
    choose(page, "second", "k-center")
    settled(page, second="k-center")
    assert page.get_by_role("heading", name="novelselect against k-center").is_visible()
    differences = numbers(column(page, "compared-tasks", "difference"))
    assert len(differences) == len(table_of(served).tasks)
    assert column(page, "compared-picks", "training-seed") == ["0", "1", "2"]
    page.click("[data-testid=tab-leaderboard]")
    settled(page, view="")
    assert page.locator("#ranked").is_visible()


def test_a_run_is_opened_from_the_table(reader: Reader, served: Served, committed_store: LocalStore) -> None:
    page = reader.open(served.at())
    page.click("#ranked td.name a:text-is('novelselect')")
    settled(page, view="runs", search="novelselect")
    assert page.input_value("#control-search input") == "novelselect"
    page.locator("#records td.name a:text-is('novelselect')").first.click()
    settled(page, view="runs")
    assert page.get_by_text("breadth run --track microworld --strategies novelselect").is_visible()
    with page.expect_download() as begun:
        page.click("text=the record (JSON)")
    record = json.loads(begun.value.path().read_text())
    assert record["cell"]["spec"] == "novelselect"
    kept = committed_store.folder / column(page, "run-facts", "value")[0]
    assert json.loads(kept.read_text()) == record
    with page.expect_download() as begun:
        page.click("text=rows that were picked")
    picked = [int(line) for line in begun.value.path().read_text().split()]
    assert len(set(picked)) == record["selection_size"] == 500


def test_an_address_brings_the_same_view_to_another_reader_and_back(reader: Reader, served: Served) -> None:
    page = reader.open(served.at())
    choose(page, "tasks", TASKS[0])
    settled(page, tasks=TASKS[0])
    choose(page, "level", "embedding")
    settled(page, levels="embedding")
    page.click("#ranked th[data-column=score] a")
    settled(page, sort="-score")
    body, title = page.inner_text("#content"), page.title()

    other = reader.open(page.url)
    assert other.url == page.url
    assert other.title() == title
    assert other.inner_text("#content") == body
    assert other.locator("#control-tasks .token").inner_text().strip().startswith(TASKS[0])

    page.evaluate("history.back()")
    settled(page, sort="", levels="embedding", tasks=TASKS[0])
    page.evaluate("history.back()")
    settled(page, levels="", tasks=TASKS[0])
    assert page.locator("#control-level .token").count() == 0
    page.evaluate("history.forward()")
    settled(page, levels="embedding", sort="")
    page.evaluate("history.forward()")
    settled(page, sort="-score")
    assert page.inner_text("#content") == body


def test_by_keyboard_alone(reader: Reader, served: Served) -> None:
    page = reader.open(served.at())

    def tabbed_to(selector: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate("selector => !!document.activeElement?.matches(selector)", selector):
                return
        raise AssertionError(f"the keyboard does not reach {selector}")

    tabbed_to(".wordmark")
    tabbed_to("[data-mode-switch]")
    page.keyboard.press("Enter")
    assert page.get_attribute("html", "data-mode") == "dark"
    tabbed_to("#control-search input")
    page.keyboard.type("means")
    settled(page, search="means")
    tabbed_to("#ranked th[data-column=score] a")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    settled(page, sort="-score")
    # What was focused stays so, though the table is another one.
    assert page.evaluate("document.activeElement.closest('th')?.dataset.column") == "score"
    tabbed_to("#ranked td.name a")
    page.keyboard.press("Enter")
    settled(page, view="runs", search="k-means")
