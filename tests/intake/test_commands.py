"""`breadth init`, `breadth check`, and a submission in the place of a strategy's name, as their users meet them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sent import TOML, code, index_only
from tiny_track import TINY, command_in_process, stored_results
from typer.testing import CliRunner

from suite.commands.main import application
from suite.errors import BreadthError, UsageError
from suite.intake.archive import pack, write_files
from suite.intake.check import check
from suite.intake.scaffold import DRAW_SEED
from suite.intake.submission import CODE, MANIFEST, SELECTION
from suite.registry import strategies

Call = Callable[..., Any]
TRACK = ("--track", str(TINY))


@pytest.fixture
def breadth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Call]:
    """Calls a command in this process, in a fresh folder; gives its outcome, errors of Breadth come through."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Any:
        outcome = CliRunner().invoke(application(), list(arguments), env={"COLUMNS": "200"})
        if isinstance(outcome.exception, BreadthError):
            raise outcome.exception
        return outcome

    yield call
    strategies.forget("my-method")


@pytest.mark.parametrize("kind", ["index-only", "code"])
def test_a_new_submission_passes_as_it_is(breadth: Call, tmp_path: Path, kind: str) -> None:
    made = breadth("init", "my-method", "--kind", kind, *TRACK)
    assert made.exit_code == 0
    assert "breadth check ./my-method" in made.stdout
    assert ("--trust-my-own-code" in made.stdout) is (kind == "code")
    checked = breadth("check", "my-method", *TRACK)
    assert checked.exit_code == 0
    assert f"my-method 1.0 passes: {kind}" in checked.stdout
    assert {path.name for path in (tmp_path / "my-method").iterdir()} == {
        MANIFEST,
        CODE if kind == "code" else SELECTION,
    }


def test_a_new_selection_is_the_stated_draw(breadth: Call, tmp_path: Path) -> None:
    import numpy as np

    breadth("init", "my-method", *TRACK)
    lines = [json.loads(line) for line in (tmp_path / "my-method" / SELECTION).read_text().splitlines()]
    assert [(line["seed"], line["budget"]) for line in lines] == [(0, 8)] * 8 + [(1, 8)] * 8
    drawn = np.random.default_rng([DRAW_SEED, 1]).choice(60, 8, replace=False)
    assert [line["id"] for line in lines[8:]] == list(map(str, drawn))


@pytest.mark.parametrize("name", ["My-Method", "ab", "k-center", "../up", "oracle", ""])
def test_a_name_that_cannot_be_is_refused_at_once(breadth: Call, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"name|reads differently"):
        breadth("init", name, "--kind", "code", *TRACK)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_written_over(breadth: Call, tmp_path: Path) -> None:
    (tmp_path / "my-method").mkdir()
    (tmp_path / "my-other").symlink_to("nowhere")
    for name in ("my-method", "my-other"):
        with pytest.raises(UsageError, match="exists already"):
            breadth("init", name, *TRACK)
    assert list((tmp_path / "my-method").iterdir()) == []


def test_problems_are_printed_with_place_value_rule_and_remedy(breadth: Call, tmp_path: Path) -> None:
    files = index_only()
    files[MANIFEST] = TOML.replace("Apache-2.0", "\\u001b[31mmine").replace('"1.2"', "1.2").encode()
    write_files(files, tmp_path / "sent")
    shown = breadth("check", "sent", *TRACK)
    assert shown.exit_code == 1
    assert "submission.toml:5" in shown.stdout
    assert "\\u{1b}[31mmine" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert "SPDX" in shown.stdout
    assert "stands in quotes" in shown.stdout
    assert "2 problem(s)" in shown.stdout

    report = json.loads(breadth("check", "sent", "--format", "json", *TRACK).stdout)
    assert report["passed"] is False
    assert [(problem["rule"], problem["file"], problem["line"]) for problem in report["problems"]] == [
        ("wrong-type", MANIFEST, 2),
        ("licence", MANIFEST, 5),
    ]
    assert all(problem["sentence"] and problem["remedy"] for problem in report["problems"])


def test_an_archive_is_written_of_what_passes_alone(breadth: Call, tmp_path: Path) -> None:
    write_files(index_only(), tmp_path / "sent")
    assert breadth("check", "sent", "--pack", "sent.tar.gz", *TRACK).exit_code == 0
    assert (tmp_path / "sent.tar.gz").read_bytes() == pack(index_only())
    assert breadth("check", "sent.tar.gz", *TRACK).exit_code == 0
    (tmp_path / "sent" / "notes.txt").touch()
    assert breadth("check", "sent", "--pack", "other.tar.gz", *TRACK).exit_code == 1
    assert not (tmp_path / "other.tar.gz").exists()


def test_nothing_to_check_exits_with_2(breadth: Call) -> None:
    with pytest.raises(BreadthError, match="cannot be read") as refused:
        breadth("check", "absent")
    assert refused.value.exit_code == 2


def test_a_pool_that_is_not_here_is_said_not_skipped(
    breadth: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BREADTH_DATA", raising=False)
    files = index_only()
    files[MANIFEST] = TOML.replace('tiny = [8, "25%"]', "alpaca-cpu = [500]").encode()
    row = '{{"track": "alpaca-cpu", "budget": 500, "seed": 0, "id": "{}"}}\n'
    files[SELECTION] = "".join(row.format(place) for place in range(500)).encode()
    write_files(files, tmp_path / "sent")
    passed = breadth("check", "sent")
    assert passed.exit_code == 0
    assert "Not checked here: whether the ids exist: the pool of alpaca-cpu is not on this machine" in passed.stdout


def test_ids_of_a_real_pool_are_checked(
    breadth: Call, breadth_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))
    files = index_only()
    files[MANIFEST] = TOML.replace('tiny = [8, "25%"]', "alpaca-cpu = [500]").encode()
    row = '{{"track": "alpaca-cpu", "budget": 500, "seed": 0, "id": "{}"}}\n'
    files[SELECTION] = "".join(row.format(place) for place in range(51_750, 52_250)).encode()
    write_files(files, tmp_path / "sent")
    report = check(tmp_path / "sent")
    assert {problem.rule for problem in report.problems} == {"id-unknown"}
    assert 52_002 - 51_750 + 1 in {problem.line for problem in report.problems}
    assert report.problems[-1].others > 100


def test_the_checks_load_nothing_heavy(tmp_path: Path) -> None:
    write_files(index_only(), tmp_path / "sent")
    heavy = "torch transformers numba scipy sklearn pandas plotly datasets"
    program = (
        "import sys; from pathlib import Path; from suite.intake.check import check\n"
        f"check(Path(sys.argv[1])); print([name for name in {heavy.split()} if name in sys.modules])"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path / "sent")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_select_takes_a_folder_in_place_of_a_name(breadth: Call, tmp_path: Path, tiny_home: Path) -> None:
    write_files(code(), tmp_path / "mine")
    with pytest.raises(UsageError, match="--trust-my-own-code"):
        breadth("select", "./mine", *TRACK)
    picked = breadth("select", "./mine:step=2", *TRACK, "--trust-my-own-code", "-o", "picks.json")
    assert picked.exit_code == 0, picked.output
    record = json.loads((tmp_path / "picks.json").read_text())
    assert (record["strategy"], record["ids"]) == ("my-method:step=2", list(map(str, range(0, 16, 2))))


def test_a_submission_runs_beside_the_others(breadth: Call, tmp_path: Path, tiny_home: Path) -> None:
    write_files(index_only(), tmp_path / "mine")
    run = ("run", *TRACK, "--jobs", "1", "--seeds", "1", "--draws", "1", "--strategies", "random,./mine")
    shown = command_in_process(*run)
    assert "4 cells recorded" in shown
    assert "my-method" in shown
    assert len([path for path in stored_results(tiny_home) if "/tiny/my-method/" in path]) == 1
    assert "All 4 cells were finished before" in command_in_process(*run)
