"""Readers of what a store holds, though strangers may have written it: results, requests, submissions, logs."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from factories import result, task
from fuzzing.feeding import Target
from fuzzing.mutations import spoiled_bytes, spoiled_json
from intake.queues import START, wanted, worker

from suite.aggregate.cells import cells_of, cells_parquet
from suite.hashing import canonical_json
from suite.intake import lifecycle
from suite.intake.overview import Listing, overview
from suite.intake.record import FOLDER, SubmissionRecord, _read, plugin_facts_of, versions_on
from suite.intake.requests import Pointer, Request, Stage, WorkerRecord, as_bytes, read_record
from suite.intake.run_log import RunLog, scrubbed
from suite.intake.watch import Watch
from suite.stores.protocol import Skipped
from suite.stores.records import as_record
from suite.stores.records import read_record as read_result

ROOT = Path(__file__).parents[2]
NOW = START + timedelta(hours=2)
RESULTS = [
    json.loads(result([task([1.0, 0.0]), task([2.5, 3.5], "bits", unit="bits-per-byte", kind="likelihood")]).to_json()),
    json.loads(result(spec="untuned", budget=0, reference=True).to_json()),
    json.loads(result(spec="k-means:clusters=50", schema_version=1, parameters={"clusters": 50}).to_json()),
]


def skipped(found: Skipped) -> str:
    """That it was passed over, for a reason that can be shown."""
    assert found.reason
    assert len(found.reason) < 1000, found.reason
    found.reason.encode()
    return "passed over"


def _result(content: bytes) -> str:
    found = read_result("results/microworld/longest/0/0.json", content)
    if isinstance(found, Skipped) and found.reason.startswith("its content belongs at "):
        # Whoever spoils a record can name it rightly, too.
        found = read_result(found.reason.removeprefix("its content belongs at "), content)
    if isinstance(found, Skipped):
        return skipped(found)
    assert json.loads(as_record(found))["cell"]["strategy"] == found.cell.strategy
    assert read_result(found.path, as_record(found)) == found
    from suite.aggregate import Registration

    registration = Registration("microworld", found.cell.track_identity, (0, 1, 2), 5)
    cells_parquet(cells_of([found], registration))
    return "taken"


def _requests() -> list[Any]:
    fresh = lifecycle.submitted(
        wanted(), author="ada", content_sha256="a" * 64, archive_sha256="b" * 64, archive_bytes=9, now=START
    )
    held = lifecycle.claimed(fresh, "w1", "1" * 32, START, lifecycle.Terms())
    running = lifecycle.beaten(held, "1" * 32, START, [Stage(at=START, name="train")])
    failed = lifecycle.failed(running, "1" * 32, START, "wrong ids", "submission")
    return [json.loads(as_bytes(one)) for one in (fresh, held, running, failed)]


REQUESTS = _requests()
WORKER = json.loads(as_bytes(worker("w1", "microworld")))
POINTER = json.loads(as_bytes(Pointer(author="ada", request=REQUESTS[0]["id"])))


def _request(content: bytes) -> str:
    found = read_record(Request, f"requests/{REQUESTS[0]['id']}.json", content)
    if isinstance(found, Skipped):
        return skipped(found)
    # What the queue, its pages and its observers make of a request that was taken.
    view = overview(Listing(requests=[found]), NOW)
    assert len(view.waiting) + len(view.held) + len(view.ended) == 1
    watched = Watch(clock=lambda: NOW, monotonic=lambda: 0.0).look([found])
    if found.claim is not None:
        lifecycle.is_over(found.claim, NOW, watched[found.id], lifecycle.Terms())
        lifecycle.expired(found, "w2", NOW, lifecycle.Terms())
    assert read_record(Request, found.path, as_bytes(found)) == found
    return f"taken ({found.state})"


def _worker(content: bytes) -> str:
    found = read_record(WorkerRecord, "workers/w1.json", content)
    if isinstance(found, Skipped):
        return skipped(found)
    overview(Listing(workers=[found]), NOW)
    return "taken"


def _pointer(content: bytes) -> str:
    found = read_record(Pointer, "authors/ada.json", content)
    return skipped(found) if isinstance(found, Skipped) else "taken"


SUBMISSION = {
    "kind": "code",
    "author": "ada",
    "request": "0" * 16,
    "content_sha256": "a" * 64,
    "schema_version": 2,
    "selection": "varies",
    "picks": {"tiny": {"8": ["b" * 64, "c" * 64], "15": ["d" * 64]}},
    "overlap": 0.5,
    "submission": {
        "name": "my-method",
        "version": "1.2",
        "title": "What it does",
        "authors": ["Ada Lovelace"],
        "licence": "Apache-2.0",
        "paper": "arXiv:2505.24768",
        "level": "meso",
        "tracks": {"tiny": [8, "25%"]},
    },
}


def submission_reader(folder: Path) -> Callable[[bytes], str]:
    """Reads records of submissions from a file of this folder."""
    file = folder / "my-method.json"

    def read(content: bytes) -> str:
        file.write_bytes(content)
        found = _read(file, f"{FOLDER}my-method.json")
        if isinstance(found, Skipped):
            return skipped(found)
        assert isinstance(found, SubmissionRecord)
        canonical_json(plugin_facts_of(found, "tiny").__dict__)
        versions_on("tiny", {"my-method": found})
        assert SubmissionRecord.model_validate_json(found.to_json(), strict=True) == found
        return "taken"

    return read


LOG = "".join(f"2026-01-01T00:00:{second:02d}+00:00 stage {second} hf_{'a' * 30} \x1b[31m<i>\n" for second in range(4))


def _log(content: bytes) -> str:
    shown = scrubbed(content.decode("utf-8", "replace"))
    shown.encode()
    assert all(letter.isprintable() or letter in "\n\t" for letter in shown)
    own = RunLog(largest=4096, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    own.say(content.decode("utf-8", "replace"))
    assert len(own.content()) < 8192
    return "shown"


def _spoiled(*documents: Any) -> Callable[[random.Random, int], bytes]:
    return lambda chance, changes: spoiled_json(chance.choice(documents), chance, changes)


TARGETS = (
    Target("result JSON", _spoiled(*RESULTS), _result),
    Target("request JSON", _spoiled(*REQUESTS), _request),
    Target("worker JSON", _spoiled(WORKER), _worker),
    Target("pointer JSON", _spoiled(POINTER), _pointer),
    Target("a run's log", lambda chance, changes: spoiled_bytes(LOG.encode(), chance, 4 * changes), _log),
)


def targets_in(folder: Path) -> tuple[Target, ...]:
    """Readers that read files, in this folder."""
    return (Target("submission record", _spoiled(SUBMISSION), submission_reader(folder)),)
