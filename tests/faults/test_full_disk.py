"""The disk is full at each page of each file that is written: one clear error, nothing half-written, another try."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from factories import result, task
from faults.disks import files_in, leave_free, make_room, mounted
from intake.queues import Clock, wanted
from killed_build import TEXT, TINY
from sent import TRACK, index_only
from tiny_models import tiny_recipe, tiny_samples

from suite.atomic import write_bytes
from suite.errors import StorageError
from suite.evaluation.judging.verdicts import VerdictStore
from suite.features.base import Feature, Features, TrackContext
from suite.features.store import FeatureStore
from suite.intake.archive import write_files
from suite.intake.queue import Queue
from suite.intake.scaffold import write_new
from suite.pool import Pool, pool_from_records
from suite.pool.convert import Rules, cached_pool
from suite.pool.readers import file_rows
from suite.reporting import Progress, no_progress, say_nothing
from suite.runner.selecting import PickedRecord
from suite.runner.stages import write_record
from suite.selection import Selection
from suite.stores import LocalStore
from suite.stores.hub.spool import Spool
from suite.studies.contamination import ContaminationOutcome
from suite.studies.kept import keep, read_kept
from suite.training import TrainingJob
from suite.training.finetune import finetune

GOLDEN = Path(__file__).parents[1] / "golden"
POOL = pool_from_records([{"id": str(row), "instruction": f"say {row}", "output": f"{row}" * 9} for row in range(400)])
Write = Callable[[Path], object]


@dataclass(frozen=True)
class Two(Feature):
    """Two arrays of some pages each."""

    kind: ClassVar[str] = "two"

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        return {"first": np.arange(1500), "second": np.ones((300, 7), dtype=np.float32)}


def _selection(disk: Path) -> None:
    rows = np.arange(400)
    Selection("k-center", rows, POOL.id_of(rows), POOL.fingerprint, 400).save(disk / "picks.json")


def _submitted(disk: Path) -> None:
    queue = Queue(LocalStore(disk / "board"), clock=Clock())
    queue.submit(bytes(range(256)) * 40, wanted(), author="ada")


def _kept(disk: Path) -> None:
    kept = read_kept(GOLDEN / "contamination" / "1", "microworld", "contamination", ContaminationOutcome)
    assert kept is not None
    keep(disk, "microworld", "contamination", kept)


def _pool(disk: Path) -> None:
    lines = "".join(f'{{"instruction": "say {row}", "output": "{row} {"x" * 50}"}}\n' for row in range(300))
    file = disk.parent / "pool.jsonl"
    file.write_text(lines)
    cached_pool(
        lambda: file_rows(file),
        identity={"of": "test"},
        name="test",
        rules=Rules(),
        progress=no_progress,
        notify=say_nothing,
    )


def _record(disk: Path) -> None:
    rows = tuple(range(3000))
    write_record(disk / "s.json", PickedRecord(rows=rows, sha256="a" * 64, seconds=1.0, feature_seconds=0.0))


def _verdicts(disk: Path) -> None:
    prompts = [f"{row:064x}" for row in range(200)]
    store = VerdictStore(disk / "verdicts" / "judge.sqlite")
    store.keep((prompt, "pairs", "7/first", "[[A]]") for prompt in prompts)
    assert len(store.known(prompts)) == len(prompts)


WRITERS: dict[str, Write] = {
    "a file": lambda disk: write_bytes(disk / "deep" / "file", bytes(range(256)) * 100),
    "a feature": lambda disk: FeatureStore(disk / "features").ensure(Two(), POOL, TrackContext("test", 400)),
    "a selection": _selection,
    "a stage's record": _record,
    "a result": lambda disk: LocalStore(disk).put(result([task(np.arange(4000) / 7)])),
    "a record for the Hub": lambda disk: Spool(disk / "spool").add("results/a/b/c/d.json", bytes(20_000)),
    "a request": _submitted,
    "tables": lambda disk: LocalStore(disk).write({"leaderboard/a.json": bytes(9000), "leaderboard/a.parquet": b"x"}),
    "a study": _kept,
    "a submission's files": lambda disk: write_files({"submission.toml": bytes(5000), "strategy.py": b"1"}, disk / "s"),
    "a new submission": lambda disk: write_new(index_only(), disk / "my-method", {"tiny": TRACK}),
    "a converted pool": _pool,
    "a judge's verdicts": _verdicts,
}


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with mounted(tmp_path / "disk", 4) as folder:
        monkeypatch.setenv("BREADTH_HOME", str(folder))
        yield folder


def refused_until_it_fits(disk: Path, write: Write, *, step: int = 1, most: int = 60) -> int:
    """Write with ever more room until it works; before, each try is refused whole. Returns the pages that it took."""
    for pages in range(0, most, step):
        leave_free(disk, pages)
        try:
            write(disk)
        except StorageError as error:
            said = str(error)
        else:
            return pages
        assert "The disk is full" in said
        left = files_in(disk)
        # Of a write of several files those before the full page may be there, each whole.
        assert not [name for name in left if name.endswith(".part") or "/." in f"/{name}"], left
    raise AssertionError(f"{most} pages were not enough")


@pytest.mark.parametrize("name", WRITERS)
def test_each_page_of_each_writer(name: str, disk: Path) -> None:
    pages = refused_until_it_fits(disk, WRITERS[name])
    assert pages > 0, "the full disk was not noticed"
    assert files_in(disk)
    make_room(disk)


def test_a_request_that_met_a_full_disk_is_there_once(disk: Path) -> None:
    refused_until_it_fits(disk, _submitted)
    [request] = Queue(LocalStore(disk / "board"), clock=Clock()).listing().requests
    assert request.state == "queued"


def test_verdicts_that_met_a_full_disk_are_kept_whole_or_not_at_all(disk: Path) -> None:
    store = VerdictStore(disk / "verdicts.sqlite")
    store.keep([("first", "pairs", "7/first", "[[A]]")])
    more = [(f"{row:064x}", "pairs", "7/last", "[[B]]") for row in range(2000)]
    leave_free(disk, 12)
    with pytest.raises(StorageError, match="The disk is full"):
        store.keep(more)
    assert store.known(["first", *(prompt for prompt, *_ in more)]) == {"first": "[[A]]"}
    make_room(disk)
    store.keep(more)
    assert len(store.known(prompt for prompt, *_ in more)) == len(more)


def test_verdicts_on_a_disk_that_may_not_be_written(disk: Path) -> None:
    store = VerdictStore(disk / "verdicts.sqlite")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(StorageError, match="No permission to write"):
        store.keep([("first", "pairs", "7/first", "[[A]]")])
    assert store.known(["first"]) == {}


def test_a_fine_tune(disk: Path, tiny_base: Path) -> None:
    def train(folder: Path) -> None:
        job = TrainingJob(
            base_model=tiny_base,
            samples=tiny_samples(4),
            recipe=tiny_recipe(max_steps=1),
            training_seed=1,
            output=folder / "model",
        )
        finetune(job)

    assert refused_until_it_fits(disk, train, step=4) > 0
    assert (disk / "model" / "trained.json").is_file()


def test_a_base_model_built_in_place(disk: Path) -> None:
    """Tokenizer, tokens, checkpoints and weights: what was finished before the disk was full is not made again."""
    from suite.base_models.build import ensure_base, weights_sha256

    spec = TINY.model_copy(update={"steps": 3})

    def build(folder: Path) -> None:
        ensure_base(spec, TEXT, folder / "bases", workers=1, checkpoint_seconds=0.0)

    assert refused_until_it_fits(disk, build, step=25, most=300) > 0
    [folder] = (disk / "bases").glob("*/")
    assert weights_sha256(folder) == weights_sha256(ensure_base(spec, TEXT, disk.parent / "other", workers=1))
    assert not list((disk / "bases").glob("*.work"))
