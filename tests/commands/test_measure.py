"""`breadth measure` and `breadth metrics`, from their arguments to what they print."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import pytest
from click.testing import Result
from tiny_track import TINY
from typer.testing import CliRunner

from suite.commands.main import application
from suite.diversity import novelsum
from suite.errors import UnknownNameError
from suite.microworld import world
from suite.registry import metrics

Breadth = Callable[..., Result]


@pytest.fixture
def breadth(monkeypatch: pytest.MonkeyPatch) -> Breadth:
    """Runs the whole command within this process."""
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(application(), list(arguments))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Files of ids: two of eight, one of a single id."""
    ids = [sample["id"] for sample in world(11).pool_samples(60)]
    folder = tmp_path_factory.mktemp("ids")
    chosen = {"first": ids[:8], "spread": ids[::8], "one": ids[:1]}
    for name, picked in chosen.items():
        (folder / f"{name}.txt").write_text("\n".join(picked) + "\n")
    return [str(folder / f"{name}.txt") for name in chosen]


def measure(breadth: Breadth, *arguments: str) -> Result:
    return breadth("measure", *arguments, "--track", str(TINY), "--tokenizer", "words")


def test_every_metric_of_several_selections(breadth: Breadth, files: list[str]) -> None:
    """The base model is not built: the tokenizer is given."""
    done = measure(breadth, *files[:2], "--format", "csv", "--seconds")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["selection"] for row in rows] == ["first", "spread"]
    for row in rows:
        assert row["samples"] == "8"
        # vocd-d alone wants more tokens than eight short answers hold
        assert {name for name in metrics.names() if not row[name]} == {"vocd-d"}
        assert float(row["self-bleu seconds"]) >= 0
    assert float(rows[0]["dist-sum-cosine"]) == float(rows[0]["embedding-distance"])
    assert done.exit_code == 1
    assert "No vocd-d of first: vocd-d needs at least 50 tokens; the picks hold 12." in done.stderr


def test_forms_of_one_answer(breadth: Breadth, files: list[str]) -> None:
    wanted = ("--metrics", "vendi,novelsum:neighbours=3,count_self=false")
    one = json.loads(measure(breadth, files[0], *wanted, "--json", "--seconds").stdout)
    assert one["size"] == 8
    assert list(one["metrics"]) == list(one["seconds"]) == ["vendi", "novelsum:neighbours=3,count_self=false"]
    assert not one["failed"]
    several = measure(breadth, *files[:2], *wanted, "--json")
    assert several.exit_code == 0
    assert json.loads(several.stdout)[0]["metrics"] == one["metrics"]
    lines = measure(breadth, *files[:2], *wanted, "--format", "markdown").stdout.splitlines()
    assert len(lines) == 4
    assert lines[2].startswith("| first | first | 8 | ")
    assert f"{one['metrics']['vendi']:.6g}" in lines[2]
    table = measure(breadth, *files[:2], *wanted).stdout
    assert "spread" in table
    assert f"{one['metrics']['vendi']:.6g}" in table


def test_sizes_that_differ_and_values_that_are_missing(breadth: Breadth, files: list[str]) -> None:
    done = measure(breadth, *files, "--metrics", "knn-distance,mean-length")
    assert done.exit_code == 1
    assert "Sizes differ (1, 8): values compare only between selections of equal size." in done.stderr
    assert "No knn-distance of one: knn-distance needs at least 2 picks" in done.stderr
    assert "mean-length" in done.stdout


def test_another_embedder(breadth: Breadth, files: list[str]) -> None:
    wanted = (files[0], "--metrics", "dist-sum-l2", "--json")
    default = json.loads(measure(breadth, *wanted).stdout)["metrics"]["dist-sum-l2"]
    small = json.loads(measure(breadth, *wanted, "--embedder", "tfidf-svd?dimensions=3").stdout)["metrics"]
    assert small["dist-sum-l2"] < default
    wrong = measure(breadth, *wanted, "--embedder", "no-such")
    assert wrong.exit_code == 1
    assert "no embedder 'no-such'" in str(wrong.exception)


def test_the_list_of_metrics(breadth: Breadth) -> None:
    listed = json.loads(breadth("metrics", "--json").stdout)
    assert [facts["name"] for facts in listed] == metrics.names()
    novel = next(facts for facts in listed if facts["name"] == "novelsum")
    assert novel["features"] == ["embeddings (both)", "density (both)"]
    assert novel["family"] == "both"
    assert novel["higher_is_diverse"] is True
    assert novel["parameters"]["neighbours"]["default"] == 10
    table = breadth("metrics").stdout
    assert all(name in table for name in metrics.names())
    assert "Friedman and Dieng" in breadth("metrics", "vendi").stdout
    whole = breadth("metrics", "facility-location").stdout
    assert "lower is more diverse" in whole
    assert "suite.diversity.distribution" in whole
    assert isinstance(breadth("metrics", "nothing").exception, UnknownNameError)


def test_the_function_is_not_hidden_by_a_module() -> None:
    assert callable(novelsum)
