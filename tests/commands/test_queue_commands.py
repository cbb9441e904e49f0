"""Submit, status, queue, worker and withdraw as their users meet them, with a real evaluation of a tiny track."""

from __future__ import annotations

import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hub.fake_hub import FakeHub
from hub.fixtures import hub, pointed
from hub.pointing import sign_in
from intake.queues import worker
from tiny_track import TINY, stored_results
from typer.testing import CliRunner
from typer.testing import Result as Outcome

from suite.aggregate.cells import Cells, read_cells
from suite.aggregate.rows import ANOTHER_VERSION
from suite.boards import prepare
from suite.commands.main import application
from suite.errors import BreadthError, UsageError
from suite.home import default_store
from suite.intake.evaluator import Control, EvaluationFailed, Stopped
from suite.intake.queue import Queue
from suite.intake.running import RunnerEvaluator
from suite.intake.sandbox.isolation import Isolation
from suite.results import Result
from suite.runner.runner import Watcher
from suite.stores import LocalStore, open_store
from suite.track import load_track

__all__ = ["hub", "pointed"]
ADA = ("--author", "ada")


def breadth(*arguments: str, **options: str) -> Outcome:
    return CliRunner().invoke(application(), list(arguments), catch_exceptions=False, env={"COLUMNS": "200"}, **options)  # type: ignore[arg-type]


def said(*arguments: str) -> str:
    outcome = breadth(*arguments)
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A fresh index-only submission for the tiny track."""
    said("init", "my-draw", "--track", str(TINY), "--in", str(tmp_path))
    return tmp_path / "my-draw"


@pytest.fixture
def queue(own_home: Path) -> Queue:
    return Queue(open_store(default_store()))


def sent(folder: Path, *options: str) -> str:
    """Submits for the tiny track; the request's id."""
    said("submit", str(folder), "--track", str(TINY), *ADA, "--yes", *options)
    return Queue(open_store(default_store())).listing().requests[-1].id


def serve(*options: str) -> str:
    return said("worker", "--tracks", str(TINY), "--once", "--jobs", "1", "--name", "w1", *options)


def test_from_a_folder_to_a_row_of_the_board(tiny_home: Path, mine: Path, queue: Queue) -> None:
    assert "No requests yet" in said("queue")
    shown = breadth("submit", str(mine), "--track", str(TINY), *ADA, input="y\n").stdout
    for part in ("my-draw 1.0 (index-only), sent by ada", "submission.toml:", "track tiny: budget 8", "Send it?"):
        assert part in shown
    [request] = queue.listing().requests
    assert f"Queued as request {request.id}" in shown
    assert f"This is request {request.id} already" in said("submit", str(mine), "--track", str(TINY), *ADA, "--yes")
    listed = said("queue")
    assert "queued, number 1; needs a worker: none that lives serves tiny" in listed
    assert "There is no log yet" in breadth("status", "my-draw", "--log").stderr
    assert "No worker has served this queue yet" in listed

    assert "1 request(s) brought to an end." in serve()
    done = queue.get(request.id)
    assert done.state == "published", queue.log(done)
    assert [stage.name for stage in done.stages][:2] == ["check", "tiny: selections"]
    assert done.stages[-1].name == "tiny: 2 of 2 cells"
    records = [json.loads(content) for content in stored_results(tiny_home).values()]
    ours = [record["cell"] for record in records if "cell" in record]
    assert [(cell["strategy"], cell["budget"]) for cell in ours] == [("my-draw", 8), ("my-draw", 8)]
    assert {(cell["selection_seed"], cell["training_seed"]) for cell in ours} == {(0, 1), (1, 2)}
    board = json.loads(said("board", "--track", str(TINY), "--format", "json"))
    [row] = board["tables"][0]["rows"]
    assert (row["spec"], row["kind"], row["level"], row["selection"]) == ("my-draw", "index-only", "baseline", "given")

    for words in (("status", request.id[:6]), ("status", "my-draw")):
        told = said(*words)
        assert "state     published" in told
        assert "tiny: 2 of 2 cells" in told
    assert "w1 takes" in said("status", "my-draw", "--log")
    assert json.loads(said("status", "my-draw", "--json"))["id"] == request.id
    assert "Median time from submission to publication" in said("status", *ADA)
    plain = json.loads(said("queue", "--format", "json"))
    assert [one["id"] for one in plain["ended"]] == [request.id]
    assert plain["workers"][0]["worker"]["done"] == 1


def test_a_new_version_takes_the_place_of_the_old_one(tiny_home: Path, mine: Path, queue: Queue) -> None:
    sent(mine)
    serve()
    lines = (mine / "selection.jsonl").read_text().splitlines()
    (mine / "selection.jsonl").write_text("\n".join(lines[::-1]) + "\n")
    with pytest.raises(UsageError, match="breaks 1 rule"):
        breadth("submit", str(mine), "--track", str(TINY), *ADA, "--yes")
    manifest = mine / "submission.toml"
    manifest.write_text(manifest.read_text().replace('version = "1.0"', 'version = "2.0"'))
    sent(mine)
    serve()
    assert [request.state for request in queue.listing().requests] == ["published", "published"]
    results = list(queue.store.results("tiny"))
    assert len(results) == 4
    lines = cells_of_board(queue)
    assert [line.why_not for line in lines].count(ANOTHER_VERSION) == 2
    assert max(line.finished_at for line in lines if not line.counts) <= min(
        line.finished_at for line in lines if line.counts
    )


def cells_of_board(queue: Queue) -> Cells:
    """A line for each result of the tiny track, as the page would list them."""
    store, track = LocalStore(queue.store.folder), load_track(str(TINY))
    return read_cells(prepare(track, store)[1]["leaderboard/tiny.cells.parquet"])


@pytest.mark.usefixtures("tiny_home")
def test_a_former_version_stands_until_all_of_the_later_one_is_there(mine: Path, queue: Queue) -> None:
    """At each result of a later version, and when that one has failed after all of its results were made."""
    sent(mine)
    serve()
    before = counting(queue)
    seen: list[set[str]] = []
    put, run = LocalStore.put, RunnerEvaluator._run

    def watched(store: LocalStore, result: Result) -> str:
        path = put(store, result)
        seen.append(counting(queue))
        return path

    def failing(*arguments: Any) -> None:
        run(*arguments)
        raise EvaluationFailed("a cell failed", "board")

    for number, fails in ((2, True), (3, False)):
        change(mine, number)
        identifier = sent(mine)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(LocalStore, "put", watched)
            if fails:
                patch.setattr(RunnerEvaluator, "_run", failing)
            serve()
        request = queue.get(identifier)
        assert request.state == ("failed" if fails else "published"), queue.log(request)
        assert (counting(queue) == before) == fails
    assert len(seen) == 2
    assert seen == [before, before]
    assert len(counting(queue)) == 2


def counting(queue: Queue) -> set[str]:
    """The results that count on the board of the tiny track."""
    return {line.record_id for line in cells_of_board(queue) if line.counts}


def change(folder: Path, number: int) -> None:
    """Make another version of the submission, which picks the same ids in the reverse order."""
    picks, manifest = folder / "selection.jsonl", folder / "submission.toml"
    if number == 2:
        picks.write_text("\n".join(picks.read_text().splitlines()[::-1]) + "\n")
    manifest.write_text(re.sub(r'version = "[\d.]+"', f'version = "{number}.0"', manifest.read_text()))


@pytest.mark.usefixtures("tiny_home")
def test_whatever_came_before_the_latest_version_counts_no_more_and_again_when_it_is_sent_again(
    mine: Path, queue: Queue
) -> None:
    """Drawn, then fixed, then drawn as before, then fixed as before, then otherwise, then as before."""
    manifest, picks = mine / "submission.toml", mine / "selection.jsonl"
    drawn = picks.read_text().splitlines()
    fixed = [line for line in drawn if json.loads(line)["seed"] == 0]
    seen: list[set[str]] = []
    versions = (drawn, {(0, 1), (1, 2)}), (fixed, {(0, 1), (0, 2)})
    for number, (lines, seeds) in enumerate((*versions, *versions, (drawn[::-1], versions[0][1]), versions[0])):
        picks.write_text("\n".join(lines) + "\n")
        manifest.write_text(re.sub(r'version = "[\d.]+"', f'version = "{number + 1}.0"', manifest.read_text()))
        sent(mine)
        serve()
        assert queue.listing().requests[-1].state == "published"
        current = [line for line in cells_of_board(queue) if line.counts]
        assert {(one.selection_seed, one.training_seed) for one in current} == seeds, number
        assert len(current) == 2
        [row] = json.loads(said("board", "--track", str(TINY), "--format", "json"))["tables"][0]["rows"]
        assert (row["cells_done"], row["cells_registered"]) == (2, 2)
        seen.append({str(one.selection) for one in current})
    assert [len(one) for one in seen] == [2, 1, 2, 1, 2, 2]
    assert (seen[0], seen[1]) == (seen[2], seen[3])
    assert seen[4] != seen[0] == seen[5]
    # Picks that came before were not trained on again: three of the six versions brought something new.
    assert len(list(queue.store.results("tiny"))) == 2 + 1 + 2


def test_what_breaks_rules_is_not_sent(mine: Path, queue: Queue) -> None:
    with (mine / "selection.jsonl").open("a") as file:
        file.write("{}\n")
    outcome = CliRunner().invoke(application(), ["submit", str(mine), "--track", str(TINY), *ADA, "--yes"])
    assert isinstance(outcome.exception, UsageError)
    assert "selection.jsonl:" in outcome.stdout
    assert "and was not sent" in str(outcome.exception)
    assert queue.listing().requests == []


def test_one_may_think_again_before_and_after(mine: Path, queue: Queue) -> None:
    with pytest.raises(BreadthError, match="Nothing was sent"):
        breadth("submit", str(mine), "--track", str(TINY), *ADA, input="n\n")
    assert queue.listing().requests == []
    identifier = sent(mine)
    with pytest.raises(UsageError, match=r"is by ada, and you are bob"):
        breadth("withdraw", identifier, "--author", "bob")
    assert "is withdrawn" in said("withdraw", "my-draw", *ADA)
    assert "withdrawn by its author" in said("queue")
    with pytest.raises(UsageError, match="final"):
        breadth("withdraw", identifier, *ADA)


def test_code_is_run_in_the_sandbox_and_its_row_says_that_it_came_again(
    tmp_path: Path, tiny_home: Path, queue: Queue, isolation: Isolation
) -> None:
    said("init", "my-code", "--track", str(TINY), "--kind", "code", "--in", str(tmp_path))
    identifier = sent(tmp_path / "my-code")
    serve()
    done = queue.get(identifier)
    assert done.state == "published", queue.log(done)
    assert "select in the sandbox" in [stage.name for stage in done.stages]
    log = str(queue.log(done))
    assert f"Sandbox: {isolation.words}" in log
    assert "100.0% of them again" in log
    [row] = json.loads(said("board", "--track", str(TINY), "--format", "json"))["tables"][0]["rows"]
    assert (row["strategy"], row["kind"], row["selection"]) == ("my-code", "code", "reproduced")
    record = json.loads((tiny_home / "store" / "submissions" / "my-code.json").read_text())
    assert (record["author"], record["submission"]["version"], record["overlap"]) == ("ada", "1.0", 1.0)


def test_code_waits_for_a_sandbox_and_costs_nothing(
    tmp_path: Path, own_home: Path, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("suite.intake.sandbox.isolation.shutil.which", lambda name: None)
    said("init", "my-code", "--track", str(TINY), "--kind", "code", "--in", str(tmp_path))
    identifier = sent(tmp_path / "my-code")
    serve()
    waits = queue.get(identifier)
    assert (waits.state, waits.attempts) == ("queued", 0)
    queue.show(worker("bare", "tiny").model_copy(update={"sandbox": False, "seen_at": queue.clock()}))
    assert "needs a worker with a sandbox for code: none that lives has one" in said("status", "my-code")
    assert "serves tiny, no code (it has no sandbox)" in said("queue")


def test_code_that_was_claimed_before_the_sandbox_was_lost_goes_back(tmp_path: Path, queue: Queue) -> None:
    said("init", "my-code", "--track", str(TINY), "--kind", "code", "--in", str(tmp_path))
    sent(tmp_path / "my-code")
    [request] = queue.listing().requests
    nothing = lambda *_: None  # noqa: E731
    evaluator = RunnerEvaluator(queue.store, {}, jobs=1, notify=nothing, progress=lambda title: nothing)
    control = Control()
    with pytest.raises(Stopped):
        evaluator.evaluate(request, tmp_path / "my-code", control)
    assert "has no sandbox any more" in control.reason


def test_maintainers_approve_requeue_and_cancel(mine: Path, queue: Queue) -> None:
    identifier = sent(mine)
    for action in ("approve", "cancel"):
        assert f"Request {identifier} is" in said("queue", action, identifier[:8])
    assert queue.get(identifier).reason == "cancelled by a maintainer"
    again = sent(mine)
    with pytest.raises(UsageError, match="only one that a worker holds"):
        breadth("queue", "requeue", again)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("queue", "burn", "x"), "no action 'burn'"),
        (("queue", "approve"), "needs the id"),
        (("queue", "list", "x"), "takes no request"),
        (("queue", "--format", "xml"), "no format 'xml'"),
        (("queue", "approve", "absent"), "no request 'absent'"),
        (("status", "absent"), "no request 'absent'"),
        (("status", "../../etc/passwd"), "no request"),
        (("withdraw", "\x1b[31m", *ADA), "no request"),
        (("status", "--author", "a b"), "no author's name"),
        (("worker", "--name", "../up", "--once"), "no worker's name"),
        (("worker", "--tracks", "absent", "--once"), "no track 'absent'"),
    ],
)
def test_what_is_wrong_is_one_error(own_home: Path, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        breadth(*arguments)


@pytest.mark.parametrize("command", ["submit", "status", "withdraw", "queue", "worker"])
def test_the_help_teaches_by_example(command: str) -> None:
    assert f"breadth {command}" in said(command, "--help")


def test_on_the_hub_a_submission_is_a_pull_request(
    pointed: FakeHub, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = pointed.create("org/requests")
    there = ("--requests", "hf://datasets/org/requests")
    sign_in("hf_stranger", monkeypatch)
    with pytest.raises(UsageError, match="leave --author out"):
        breadth("submit", str(mine), *there, *ADA)
    assert "Opened pull request 1" in said("submit", str(mine), "--track", str(TINY), *there, "--yes")
    assert "Open already: pull request 1" in said("submit", str(mine), "--track", str(TINY), *there, "--yes")
    assert "Pull request 1 waits for a worker" in said("status", *there)
    assert "Closed pull request 1" in said("withdraw", "my-draw", *there)
    assert repository.discussions[1].status == "closed"
    assert "No requests yet" in said("queue", *there)
    assert repository.files == {}


def test_a_run_can_be_called_off(tiny_home: Path, mine: Path, queue: Queue) -> None:
    """A withdrawal in the middle of a training ends it within seconds; what was finished is kept."""
    request = queue.get(sent(mine))
    track = load_track(str(TINY))
    control = Control()

    def call_off(self: Watcher, lane: int, stage: str, done: int, total: int) -> None:
        threading.Thread(target=control.stop, args=("withdrawn",)).start()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("suite.intake.running.Told.progressed", call_off)
        evaluator = RunnerEvaluator(
            queue.store, {"tiny": track}, jobs=1, notify=lambda line: None, progress=lambda title: lambda a, b: None
        )
        with pytest.raises(BreadthError, match="withdrawn"):
            evaluator.evaluate(request, mine, control)
    begun = threading.active_count()
    time.sleep(0.5)
    assert threading.active_count() <= begun
    assert len(list(queue.store.results("tiny"))) < 2
