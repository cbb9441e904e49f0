"""`breadth contamination`, from its arguments to what it prints and keeps."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from tiny_track import TINY, experiment
from typer.testing import CliRunner

from suite.commands.main import application
from suite.errors import UsageError
from suite.microworld import world
from suite.registry import strategies
from suite.runner.cells import Cell
from suite.studies.contamination import ContaminationOutcome
from suite.studies.kept import read_kept

Breadth = Callable[..., Result]
SAMPLES = world(11).pool_samples(60)


@pytest.fixture
def breadth(monkeypatch: pytest.MonkeyPatch) -> Breadth:
    """Runs the whole command within this process."""
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(application(), ["contamination", "--track", str(TINY), *arguments])


@pytest.fixture
def evals(tmp_path: Path) -> Path:
    """A folder with one known set, half of whose questions are prompts of the pool."""
    path = tmp_path / "sets" / "evals" / "ifeval" / "input_data.jsonl"
    path.parent.mkdir(parents=True)
    asked = [SAMPLES[0]["instruction"].upper(), "Is there any | of <this> in the pool at all?"]
    path.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in asked))
    return tmp_path / "sets"


@pytest.fixture
def picks(tmp_path: Path) -> list[str]:
    """Files of ids: one takes the overlapping sample, one does not."""
    same = [sample["id"] for sample in SAMPLES if sample["instruction"] == SAMPLES[0]["instruction"]]
    others = [sample["id"] for sample in SAMPLES if sample["id"] not in same]
    for name, ids in {"taken": [*same, *others[:3]], "left": others[:4]}.items():
        (tmp_path / f"{name}.txt").write_text("\n".join(ids) + "\n")
    return [str(tmp_path / f"{name}.txt") for name in ("taken", "left")]


def test_every_form_says_the_same(breadth: Breadth, evals: Path, picks: list[str], own_home: Path) -> None:
    call = ("--evals", str(evals), *picks)
    done = breadth(*call, "--format", "json")
    assert done.exit_code == 0, done.output
    outcome = json.loads(done.stdout)
    kept = read_kept(own_home / "store", "tiny", "contamination", ContaminationOutcome)
    assert kept is not None
    assert kept.model_dump(mode="json") == outcome
    rows = {row["name"]: row for row in outcome["rows"]}
    assert list(rows) == ["words-exact", "words-likelihood", "ifeval"]
    assert (rows["ifeval"]["questions"], rows["ifeval"]["overlapping"], rows["ifeval"]["whole"]) == (2, 1, 1)
    (example,) = rows["ifeval"]["examples"]
    assert example["sample"] == SAMPLES[0]["id"]
    assert example["words"].upper() == SAMPLES[0]["instruction"].upper().rstrip("?.")
    assert {"name": "mmlu test", "reason": "the folder has no mmlu/mmlu.zip"} in outcome["not_checked"]
    taken, left = outcome["selections"]
    assert taken["overlapping"] == rows["ifeval"]["samples"] == outcome["overlapping_samples"]
    assert left["overlapping"] == 0
    assert taken["p"] < left["p"] == 1.0

    lines = list(csv.DictReader(io.StringIO(breadth(*call, "--format", "csv").stdout)))
    assert [line["kind"] for line in lines] == ["task", "task", "set", "selection", "selection"]
    assert float(lines[2]["share"]) == 0.5
    assert lines[2]["p"] == ""
    assert float(lines[3]["p"]) == taken["p"]
    page = breadth(*call, "--format", "markdown").stdout
    assert "| ifeval | 2 | 2 | 1 | 50.00 % | 1 | 1 |" in page
    assert "- Not checked: mmlu test: the folder has no mmlu/mmlu.zip." in page
    table = breadth(*call).stdout
    assert f"ifeval 0 = {SAMPLES[0]['id']} (" in table
    assert "Selections against a random draw" in table


def test_without_sets_or_selections_the_tasks_alone_are_checked(breadth: Breadth) -> None:
    done = breadth("--format", "json", "--examples", "0")
    outcome = json.loads(done.stdout)
    assert [row["kind"] for row in outcome["rows"]] == ["task", "task"]
    assert outcome["selections"] == []
    assert all(row["examples"] == [] for row in outcome["rows"])


def test_selections_that_were_made_before_are_found_again(breadth: Breadth, tmp_path: Path) -> None:
    place = ("--store", f"file:{tmp_path / 'elsewhere'}")
    tiny = experiment()
    unmade = breadth(*place, "--strategies", "random")
    assert isinstance(unmade.exception, UsageError)
    assert "has no such base model yet" in str(unmade.exception)
    for spec, seed in (("random", 0), ("random", 1), ("longest", 0)):
        tiny.pick(Cell(tiny.track, strategies.parse(spec), 8, "tiny-llama", seed, 1))
    done = breadth(*place, "--strategies", "random;longest", "--format", "json")
    names = [mark["name"] for mark in json.loads(done.stdout)["selections"]]
    assert names == ["random draw 0", "random draw 1", "longest"]
    assert (tmp_path / "elsewhere" / "studies" / "tiny" / "contamination.json").is_file()
    missing = breadth(*place, "--strategies", "k-center")
    assert "No selection of k-center was made yet" in str(missing.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--evals", "no/such/folder"), "is no folder"),
        (("--evals", "all"), "set BREADTH_DATA"),
        (("no-such-picks.json",), "cannot be read"),
        (("--strategies", "no-such"), "no strategy 'no-such'"),
    ],
)
def test_a_mistake_gets_one_sentence(
    breadth: Breadth, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.delenv("BREADTH_DATA", raising=False)
    done = breadth(*arguments)
    assert done.exit_code != 0
    assert message in str(done.exception)
