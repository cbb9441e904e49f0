"""`breadth board` as its readers meet it: the terminal, CSV, Markdown and JSON, with names that mean harm."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from factories import experiment, result, sha, task
from rich.console import Console
from typer.testing import CliRunner

from suite.aggregate import Board, Registration, score_v1
from suite.boards import load_board
from suite.commands.board_formats import as_csv, as_json, as_markdown, percent, ranks
from suite.commands.board_terminal import Axis, print_board
from suite.commands.main import application
from suite.errors import BreadthError, StoreError, UnknownNameError, UsageError
from suite.results import Result
from suite.stores import LocalStore
from suite.track import Track, load_track

EFFECTS = {"longest": 0.0, "k-center": 0.2, "facility-location": 0.25, "duplicate": -0.25, "oracle": 0.3}


def of_track(results: list[Result], track: Track) -> list[Result]:
    """The same results as if that track had made them."""
    changes = {"track": track.name, "track_identity": track.identity, "base_model": track.base_models[0].name}
    return [record.model_copy(update={"cell": record.cell.model_copy(update=changes)}) for record in results]


@pytest.fixture(scope="module")
def track() -> Track:
    return load_track("alpaca-cpu")


@pytest.fixture(scope="module")
def results(track: Track) -> list[Result]:
    complete = experiment(EFFECTS)
    missing = {("longest", 2)}
    return of_track([r for r in complete if (r.cell.spec, r.cell.training_seed) not in missing], track)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, results: list[Result]) -> LocalStore:
    store = LocalStore(tmp_path_factory.mktemp("store"))
    for record in results:
        store.put(record)
    (store.folder / "results" / "alpaca-cpu" / "longest" / "notes.json").write_text("hello")
    return store


@pytest.fixture(scope="module")
def board(track: Track, store: LocalStore) -> Board:
    return load_board(track, store)


def printed(board: Board, width: int, encoding: str = "utf-8") -> str:
    page = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_board(board, Console(file=page, width=width, color_system=None))
    page.seek(0)
    return page.read()


def run(*arguments: str) -> str:
    outcome = CliRunner().invoke(application(), ["board", *arguments], catch_exceptions=False)
    assert outcome.exit_code == 0
    return outcome.stdout


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_every_row_is_there_at_every_width(board: Board, width: int) -> None:
    page = printed(board, width)
    assert all(len(line) <= width for line in page.splitlines())
    for spec in [*EFFECTS, "random", "full", "untuned"]:
        assert spec[:12] in page
    assert "vs random" in page
    assert ("●" in re.sub(r"●.* is the", "", page)) == (width >= 100)


def test_the_plot_agrees_with_the_numbers(board: Board) -> None:
    lines = {line.split()[1]: line for line in printed(board, 100).splitlines() if line[:1].isdigit()}
    assert list(lines) == ["facility-location", "k-center", "random", "duplicate"]
    zero = lines["random"].index("│")
    assert lines["k-center"].index("●") > zero
    assert "▲" in lines["k-center"]
    assert lines["duplicate"].index("●") < zero
    assert "▼" in lines["duplicate"]
    assert "15/15" in lines["random"]


def test_ranks_and_chances_stand_in_every_format(board: Board) -> None:
    [table] = board.tables
    first = table.rows[[row.rank for row in table.rows].index(1)]
    page = printed(board, 100)
    assert "best" in page.splitlines()[2]
    line = next(line for line in page.splitlines() if "facility-location" in line)
    assert line.startswith(ranks(first))
    assert percent(first.p_best) in line
    assert "bootstrap draws" in " ".join(page.split())
    assert "this table detects a difference to random of" in " ".join(page.split())
    csv_line = next(csv.DictReader(io.StringIO(as_csv(board))))
    assert {"rank_low", "rank_high", "p_best", "p_beats_random", "p_sign_flip", "pool", "score_version"} <= set(
        csv_line
    )
    document = json.loads(as_json(board))["tables"][0]
    found = next(row for row in document["rows"] if row["rank"] == 1)
    assert (found["rank_low"], found["p_best"], found["p_sign_flip"]) == (first.rank_low, first.p_best, None)
    assert document["power"]["seeds"] == 3
    assert "P(beats random)" in as_markdown(board)
    assert f"| {ranks(first)} | facility-location |" in as_markdown(board)


def test_a_sure_rank_stands_alone_and_nothing_is_called_certain(board: Board) -> None:
    [table] = board.tables
    row = replace(table.rows[0], rank=2, rank_low=1, rank_high=4)
    assert ranks(row) == "2 (1-4)"
    assert ranks(replace(row, rank_low=2, rank_high=2)) == "2"
    assert ranks(replace(row, rank=None, rank_low=None, rank_high=None)) == ""
    assert [percent(share) for share in (None, 0.0, 0.004, 0.5, 1.0)] == ["-", "<1 %", "<1 %", "50 %", ">99 %"]


def test_the_axis_spans_the_ranked_rows_and_outliers_point_outwards(board: Board) -> None:
    [table] = board.tables
    axis = Axis.of(table, 21)
    rows = {row.spec: row for row in table.rows}
    differences = [row.difference for row in table.rows if row.rank and row.difference]
    assert axis.low == min(difference.low for difference in differences)
    assert axis.high == max(difference.high for difference in differences)
    assert axis.draw(rows["untuned"]).plain.startswith("◀")
    assert axis.draw(rows["random"]).plain.strip() == "│"
    assert all(len(axis.draw(row)) == 21 for row in table.rows)


def test_nothing_is_left_out_in_silence(board: Board, track: Track) -> None:
    page = " ".join(printed(board, 100).split())
    assert "Incomplete, hence unranked: longest (2/3)." in page
    assert "Separation: oracle - duplicate" in page
    assert "Separation: oracle - random" in page
    assert "Skipped 1 file of the store: 1 x no record lies at this depth" in page
    older = result(track=track.name, track_identity=sha("older"))
    assert "1 result made under another version" in printed(score_v1([older], Registration.of(track)), 100)
    assert "none counts" in printed(score_v1([older], Registration.of(track)), 100)


def test_a_task_left_out_is_named_with_its_numbers(results: list[Result], track: Track) -> None:
    guessed = [
        record.model_copy(update={"tasks": (*record.tasks, task([1.0, 0.0, 0.0, 0.0], "guessed", chance=0.25))})
        for record in results
    ]
    page = " ".join(printed(score_v1(guessed, Registration.of(track)), 100).split())
    assert "Task guessed is left out of the score: `full` does not beat chance by 3 standard errors (margin 0" in page


def test_without_full_the_raw_means_are_shown(results: list[Result], track: Track) -> None:
    page = printed(score_v1([r for r in results if r.cell.spec != "full"], Registration.of(track)), 100)
    assert "Nothing is ranked: the `full` row is missing" in page
    assert "likelihood (bits/byte)" in page


def test_a_terminal_without_unicode_gets_ascii(board: Board) -> None:
    page = printed(board, 100, encoding="ascii")
    assert page.isascii()
    assert "k-center" in page
    assert "?" not in page


HOSTILE = [
    "k-means:x=\x1b[2J\x1b]0;owned\x07",
    "k-means:x=[bold red]loud[/]",
    "k-means:x=<script>alert(1)</script>|a`b\n# c",
    "k-means:x=\u202egnp.exe",
]


@pytest.fixture(scope="module")
def hostile(results: list[Result], track: Track) -> Board:
    more = [
        result(results[0].tasks, spec=spec, training_seed=seed, **facts)
        for spec in HOSTILE
        for seed in range(3)
        for facts in [{"track": track.name, "track_identity": track.identity}]
    ]
    named = {"base_model": track.base_models[0].name}
    more = [r.model_copy(update={"cell": r.cell.model_copy(update=named)}) for r in more]
    return score_v1([*results, *more], Registration.of(track))


def test_names_cannot_steer_the_terminal(hostile: Board) -> None:
    page = printed(hostile, 160)
    assert not [c for c in page if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"]
    assert "[bold red]" in page


def test_names_cannot_break_markdown_or_html(hostile: Board) -> None:
    page = as_markdown(hostile)
    assert "<script" not in page
    assert r"\|a\`b�\# c" in page
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {12}


@pytest.mark.parametrize(
    ("start", "written"),
    [("=", "'="), ("+", "'+"), ("-", "'-"), ("@", "'@"), ("\t=", "�="), ("\r", "�"), ("\n", "�"), (",", ",")],
)
def test_names_cannot_become_formulas_or_lines(board: Board, start: str, written: str) -> None:
    [table] = board.tables
    evil = replace(table.rows[0], spec=f'{start}HYPERLINK("http://x")', level=f"{start}1", score=None)
    page = as_csv(replace(board, tables=(replace(table, rows=(evil,)),)))
    [line] = csv.DictReader(io.StringIO(page, newline=""))
    assert line["strategy"] == f'{written}HYPERLINK("http://x")'
    assert line["level"] == f"{written}1"


def test_csv_numbers_stay_numbers(board: Board) -> None:
    lines = {line["strategy"]: line for line in csv.DictReader(io.StringIO(as_csv(board)))}
    [table] = board.tables
    assert len(lines) == len(table.rows)
    for row in table.rows:
        assert row.score is not None
        assert float(lines[row.spec]["score_mean"]) == row.score.mean
    assert float(lines["duplicate"]["difference_mean"]) < 0
    assert lines["untuned"]["score_low"] == ""
    assert lines["random"]["difference_mean"] == ""


def test_json_holds_everything_and_no_nan(board: Board) -> None:
    document = json.loads(as_json(board), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    [table] = document["tables"]
    rows = {row["spec"]: row for row in table["rows"]}
    assert rows["k-center"]["rank"] == 2
    assert rows["k-center"]["complete"]
    assert not rows["longest"]["complete"]
    assert rows["untuned"]["score"]["low"] is None
    assert document["skipped"] == [["results/alpaca-cpu/longest/notes.json", "no record lies at this depth"]]
    assert document["score_version"] == "score_v1"


def test_the_command_prints_and_writes(store: LocalStore, tmp_path: Path) -> None:
    url = ["--track", "alpaca-cpu", "--store", store.url]
    assert "facility-location" in run(*url)
    assert json.loads(run(*url, "--format", "json"))["track"] == "alpaca-cpu"
    assert run(*url, "--format", "csv", "--budget", "500").startswith("track,budget,")
    for number, format in enumerate(("table", "json", "csv", "markdown")):
        target = tmp_path / "deep" / str(number)
        assert run(*url, "--format", format, "--output", str(target)) == ""
        assert "facility-location" in target.read_text()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--track", "alpaca-cup"], UnknownNameError, "Did you mean 'alpaca-cpu'"),
        (["--budget", "499"], UsageError, "not one of track"),
        (["--budget", "2000"], StoreError, "There are: .* at budget 500"),
        (["--base-model", "gpt-9"], UnknownNameError, "There is no base model"),
        (["--store", "hf://models/a/b"], StoreError, "hf://datasets/ORG/NAME"),
        (["--store", "hf://datasets/a/b"], StoreError, "HF_HUB_OFFLINE"),
        (["--store", "file:/nowhere/at/all"], StoreError, "breadth run --track alpaca-cpu"),
    ],
)
def test_what_is_wrong_is_one_error(
    store: LocalStore, arguments: list[str], error: type[BreadthError], message: str
) -> None:
    given = {"--track": "alpaca-cpu", "--store": store.url} | dict([arguments])  # type: ignore[list-item]
    flat = [part for pair in given.items() for part in pair]
    with pytest.raises(error, match=message):
        CliRunner().invoke(application(), ["board", *flat], catch_exceptions=False)


def test_the_help_teaches_by_example() -> None:
    outcome = CliRunner().invoke(application(), ["board", "--help"])
    assert outcome.exit_code == 0
    assert "breadth board --track alpaca-cpu --budget 500" in outcome.stdout
