"""Golden files: what every version of every format has written is read to the same values, and written byte for byte.

Not read but refused are boards of versions 1 and 2 and moments of version 1: they are made of results, by
`breadth recompute`. Not compared byte for byte are files of Arrow, parquet and SQLite (they hang on the version of the
library that wrote them) and packed archives (versions of zlib compress differently); a submission's identity is of what
is inside, and that is compared.
"""

from __future__ import annotations

import ast
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from factories import experiment, registration
from sent import tiny_surroundings

from leaderboard.space.contents import known_files
from suite.aggregate.cells import cells_of, read_cells
from suite.aggregate.moments_file import MomentsFile
from suite.aggregate.prepared import facts_json
from suite.aggregate.prepared_reading import read_prepared
from suite.aggregate.versions import LATEST, scored
from suite.errors import StoreError
from suite.evaluation.judging.verdicts import VerdictStore
from suite.features.npy import write_npy
from suite.features.store import FeatureStore
from suite.home import cache_folder
from suite.intake.archive import identity, pack, unpack
from suite.intake.check import check_files
from suite.intake.record import SubmissionRecord, _read
from suite.intake.requests import Pointer, Request, WorkerRecord, as_bytes, read_record
from suite.intake.rules import Problems
from suite.intake.selections import Which, as_lines, read_selections
from suite.pool import pool_from_records
from suite.pool.convert import Rules, cached_pool
from suite.reporting import no_progress
from suite.results import Result
from suite.runner.selecting import PickedRecord
from suite.runner.stages import EvaluatedRecord, write_record
from suite.runner.stages import read_record as read_stage
from suite.sealed import sealed, unsealed
from suite.selection import read_selection
from suite.studies.contamination import ContaminationOutcome
from suite.studies.correlate_table import CorrelateTable
from suite.studies.kept import KeptStudy, keep, read_kept
from suite.studies.ladder_table import LadderTable
from suite.studies.overlap import OverlapOutcome
from suite.track import load_track
from suite.training import TrainedModel

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
POOL = pool_from_records([{"id": str(row), "instruction": f"say {row}", "output": f"{row}"} for row in range(60)])
Kept = TypeVar("Kept", Request, WorkerRecord, Pointer)

NUMBERED = {
    "suite.results:SCHEMA_VERSION": "store-schema",
    "suite.results:Result": "store-schema",
    "suite.selection:SCHEMA_VERSION": "selection",
    "suite.intake.requests:SCHEMA_VERSION": "request",
    "suite.intake.requests:Request": "request",
    "suite.intake.requests:WorkerRecord": "worker",
    "suite.intake.requests:Pointer": "pointer",
    "suite.intake.record:SubmissionRecord": "submission-record",
    "suite.aggregate.prepared:SCHEMA_VERSION": "board",
    "suite.aggregate.cells:SCHEMA_VERSION": "cells",
    "suite.aggregate.moments_file:SCHEMA_VERSION": "moments",
    "suite.studies.overlap:OverlapOutcome": "overlap",
    "suite.studies.contamination:ContaminationOutcome": "contamination",
    "suite.studies.ladder_table:LadderTable": "ladder",
    "suite.studies.correlate_table:CorrelateTable": "correlate",
    "leaderboard.space.contents:MANIFEST_VERSION": "space-manifest",
    "suite.regression.baseline:SCHEMA_VERSION": "regression",
    "suite.regression.baseline:Baseline": "regression",
    "suite.commands.regress_formats:SCHEMA_VERSION": "regression-report",
    "suite.pool.convert:FORMAT": "pool",
}
"""Where the code numbers the versions of a format, and the folder of its golden files."""
UNNUMBERED = {
    "track": 1,
    "submission": 1,
    "feature": 2,
    "selection-record": 3,
    "evaluation-record": 2,
    "training-record": 3,
    "verdicts": 1,
}
"""Formats whose files state no version. Of those at version 2 or 3, the second holds the hash of its content; the third
of a selection has remarks, the third of a training the versions of the libraries that trained."""


def numbers() -> Iterator[tuple[str, int]]:
    """Every place in the code that numbers a format, with the number it has reached."""
    for path in sorted(path for top in ("suite", "leaderboard") for path in (ROOT / top).rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                if name.endswith(("SCHEMA_VERSION", "MANIFEST_VERSION")) or name == "FORMAT":
                    yield f"{module}:{name}", ast.literal_eval(node.value)
            if isinstance(node, ast.ClassDef):
                for line in node.body:
                    if isinstance(line, ast.AnnAssign) and ast.unparse(line.target) == "schema_version" and line.value:
                        yield f"{module}:{node.name}", ast.literal_eval(line.value)


def folder_of(name: str, version: int) -> Path:
    return GOLDEN / (f"{name}-{version}" if name == "store-schema" else f"{name}/{version}")


def test_every_version_of_every_format_has_golden_files() -> None:
    found = dict(numbers())
    assert found.keys() == NUMBERED.keys(), "name the golden files of a new format in NUMBERED"
    reached = {NUMBERED[place]: version for place, version in found.items()} | UNNUMBERED
    for name, newest in reached.items():
        for version in range(1, newest + 1):
            assert any(folder_of(name, version).rglob("*.*")), f"{name} {version} has no golden file"
    for place, version in found.items():
        assert version == reached[NUMBERED[place]], f"{place} is not at the version of its format"
    known = {folder_of(name, version) for name, newest in reached.items() for version in range(1, newest + 1)}
    there = set(GOLDEN.glob("*/[0-9]*")) | set(GOLDEN.glob("store-schema-*"))
    assert there == known, "a golden folder of no format or version"


def test_no_golden_file_was_written_again() -> None:
    """Against the list; `sha256sum --check SHA256SUMS` in the folder says the same."""
    lines = (GOLDEN / "SHA256SUMS").read_text().splitlines()
    listed = {path: digest for digest, path in (line.split("  ", 1) for line in lines)}
    folders = [*GOLDEN.glob("*/[0-9]*"), *GOLDEN.glob("store-schema-*")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert {str(path.relative_to(GOLDEN)): _sha256(path.read_bytes()) for path in files} == listed


def test_track() -> None:
    track = load_track(str(GOLDEN / "track" / "1" / "tiny.toml"))
    assert (track.name, track.seeds.training, track.default_budget) == ("tiny", (1, 2), 8)
    assert track.identity == "ca863f2d32c88ed81c5f429c7f36227bf7674899c00771bad67b7259e76434b9"


def of_the_queue(model: type[Kept], file: str, path: str) -> Kept:
    """The record of a golden file, which is written as it was."""
    content = (GOLDEN / file).read_bytes()
    found = read_record(model, path, content)
    assert isinstance(found, model), found
    assert as_bytes(found) == content
    return found


def test_request_worker_and_pointer() -> None:
    pointer = of_the_queue(Pointer, "pointer/1/pointer.json", "authors/ada.json")
    request = of_the_queue(Request, "request/1/request.json", f"requests/{pointer.request}.json")
    assert (request.author, request.state, request.attempts, request.origin) == ("ada", "running", 1, "here")
    assert request.claim is not None
    assert (request.claim.worker, request.claim.lease_seconds) == ("w1", 3600)
    assert [change.state for change in request.history] == ["queued", "claimed", "running"]
    worker = of_the_queue(WorkerRecord, "worker/1/worker.json", "workers/w1.json")
    assert (worker.tracks, worker.silent_seconds, worker.stopped) == (("microworld",), 3600, False)


def test_submission() -> None:
    folder = GOLDEN / "submission" / "1"
    files = {name: (folder / name).read_bytes() for name in ("submission.toml", "selection.jsonl")}
    found = read_selections(files["selection.jsonl"], Problems())
    assert {which: len(picks.lines) for which, picks in found.items()} == {
        Which("tiny", 8, 0): 8,
        Which("tiny", 15, 0): 15,
    }
    lines = "".join(as_lines({which: tuple(picks.lines) for which, picks in found.items()}))
    assert lines.encode() == files["selection.jsonl"]
    report = check_files(files, tiny_surroundings())
    assert report.passed
    assert report.sha256 == identity(files) == "d362763b5367b92b67c154146e15b0b6707f485b7e5d28379cce3f3ef3a0ce64"
    packed = (folder / "packed.tar.gz").read_bytes()
    assert unpack(packed, Problems()) == unpack(pack(files), Problems()) == files
    code = {**files, "strategy.py": (folder / "code" / "strategy.py").read_bytes()}
    del code["selection.jsonl"]
    assert check_files(code, tiny_surroundings()).kind == "code"


@pytest.mark.parametrize(("version", "picks"), [(1, None), (2, {"tiny": {8: ("b" * 64, "c" * 64), 15: ("d" * 64,)}})])
def test_submission_record(version: int, picks: dict[str, dict[int, tuple[str, ...]]] | None) -> None:
    file = GOLDEN / "submission-record" / str(version) / "my-method.json"
    found = _read(file, "submissions/my-method.json")
    assert isinstance(found, SubmissionRecord)
    assert (found.author, found.submission.version, found.words) == ("ada", "1.2", "varies (50% again)")
    assert found.picks == picks
    assert found.to_json() == file.read_text()


@pytest.mark.parametrize("version", [1, 2])
def test_feature(version: int, tmp_path: Path) -> None:
    folder = GOLDEN / "feature" / str(version)
    said: list[str] = []
    entry = FeatureStore(folder.parent, said.append)._open(folder.name)
    assert said == []
    assert entry is not None
    assert entry.seconds == 0.25
    assert entry.arrays["lengths"].tolist() == [8, 8, 9, 10]
    assert entry.arrays["nothing"].shape == (0, 3)
    for name, array in entry.arrays.items():
        write_npy(tmp_path / f"{name}.npy", np.asarray(array))
        assert (tmp_path / f"{name}.npy").read_bytes() == (folder / f"{name}.npy").read_bytes()
    meta = (folder / "meta.json").read_bytes()
    assert version == 1 or sealed(unsealed(meta), indent=1).encode() == meta


def test_selection(tmp_path: Path) -> None:
    file = GOLDEN / "selection" / "1" / "picks.json"
    found = read_selection(file, POOL)
    assert (found.strategy, found.seed, found.budget, found.parameters) == ("k-center", 3, 4, {"start": "é"})
    assert found.rows.tolist() == [7, 0, 59, 12]
    found.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == file.read_bytes()
    assert read_selection(file.with_name("ids.txt"), POOL).ids == found.ids


STAGES: dict[str, tuple[type[Any], Callable[[Any], Any], Any]] = {
    "selection-record": (PickedRecord, lambda found: (found.rows, found.seconds), ((7, 0, 59, 12), 0.5)),
    "evaluation-record": (EvaluatedRecord, lambda found: found.tasks[0].unpack().tolist(), [1.0, 0.0, 1.0]),
    "training-record": (TrainedModel, lambda found: found.training.loss_curve, ((1, 3.0), (2, 1.5))),
}


STAGE_FILES = [(name, version) for name in STAGES for version in range(1, UNNUMBERED[name] + 1)]


@pytest.mark.parametrize(("name", "version"), STAGE_FILES)
def test_stage_records(name: str, version: int, tmp_path: Path) -> None:
    file = GOLDEN / name / str(version) / "record.json"
    model, read, expected = STAGES[name]
    said: list[str] = []
    found = read_stage(file, model, said.append)
    assert said == []
    assert read(found) == expected
    write_record(tmp_path / "again.json", found)
    assert version < UNNUMBERED[name] or (tmp_path / "again.json").read_bytes() == file.read_bytes()


def test_stage_records_of_before_are_read_as_having_none_of_what_came_later() -> None:
    def newest_and_before(name: str) -> list[Any]:
        files = [GOLDEN / name / str(version) / "record.json" for version in (3, 2, 1)]
        return [read_stage(file, STAGES[name][0], pytest.fail) for file in files]

    remarks = [found.remarks for found in newest_and_before("selection-record")]
    assert remarks == [("approximate: größer wäre besser",), (), ()]
    versions = [found.training.versions for found in newest_and_before("training-record")]
    assert versions == [{"torch": "2.13.0+cpu", "trl": "1.16.0"}, {}, {}]


def test_board_cells_and_moments() -> None:
    results = experiment({"k-center": 0.1}, seeds=2, draws=2, items=12)
    registered = replace(registration(2, 2), same_items=(("exact-0", "likelihood"),))
    board, moments = scored(LATEST, results, registered)
    facts = (GOLDEN / "board" / "3" / "microworld.json").read_bytes()
    rows = (GOLDEN / "board" / "3" / "microworld.parquet").read_bytes()
    found = read_prepared(facts, rows)
    assert repr(found.board) == repr(board)
    cells = (GOLDEN / "cells" / "1" / "microworld.cells.parquet").read_bytes()
    found.check("cells.parquet", _sha256(cells))
    # Its lines name records of schema 3, the newest when it was written.
    named = [Result.model_validate(json.loads(one.to_json()) | {"schema_version": 3}) for one in results]
    assert read_cells(cells) == cells_of(named, registered)
    file = GOLDEN / "moments" / "2" / "microworld.moments.parquet"
    found.check("moments.parquet", _sha256(file.read_bytes()))
    with file.open("rb") as opened:
        kept = MomentsFile(opened)
        assert moments is not None
        assert len(kept) == len(moments)
        assert kept.read(0).tasks == moments[0].tasks
        assert kept.read(0).scores.keys() == moments[0].scores.keys()
        for spec, one in kept.read(0).scores.items():
            assert one.same_items == moments[0].scores[spec].same_items == (0, 0)
            assert one.between.tolist() == moments[0].scores[spec].between.tolist()
            assert one.rest.tolist() == moments[0].scores[spec].rest.tolist()
    written = json.loads(facts_json(board, "digest", {"parquet": rows}))
    golden = json.loads(facts)
    for document in (written, golden):
        del document["content_sha256"], document["files"]
    assert written == golden
    for version in (1, 2):
        older = GOLDEN / "board" / str(version)
        with pytest.raises(StoreError, match=rf"older Breadth .schema version {version}.*recompute"):
            read_prepared((older / "microworld.json").read_bytes(), (older / "microworld.parquet").read_bytes())
    with (
        (GOLDEN / "moments" / "1" / "microworld.moments.parquet").open("rb") as opened,
        pytest.raises(StoreError, match=r"schema version 1.*recompute"),
    ):
        MomentsFile(opened)


def test_converted_pool() -> None:
    """Found in the cache by its key, so that nobody converts again after an update: the rows are not asked for."""
    shutil.copytree(GOLDEN / "pool" / "1", cache_folder() / "pools")
    said: list[str] = []
    pool = cached_pool(
        lambda: pytest.fail("converted again"),
        identity={"golden": 1},
        name="mine",
        rules=Rules(id_prefix="mine/"),
        progress=no_progress,
        notify=said.append,
    )
    assert said == []
    assert (len(pool), pool.dropped) == (2, {"missing instruction": 1})
    assert pool.fingerprint == "0db38450aa702356b2ff49d12053b17168b654ae49d58c8cfe999533b478c924"
    single, several = pool.samples()
    assert (single.id, single.instruction, single.input, single.output) == ("a", "Add the numbers.", "2 and 3", "5")
    assert [text for _, text in several.turns] == ["Größe?", "12 m", "And wide?", "3 m"]


def test_verdicts(tmp_path: Path) -> None:
    """What a judge wrote before an update is known after it, and more can be kept beside it."""
    shutil.copy(GOLDEN / "verdicts" / "1" / "judge.sqlite", tmp_path)
    store = VerdictStore(tmp_path / "judge.sqlite")
    first, second, third = (_sha256(prompt) for prompt in (b"first", b"second", b"third"))
    before = {first: "My verdict: [[A]]", second: "Good – [[8]]"}
    assert store.known([first, second, third]) == before
    store.keep([(first, "alpaca-eval", "alpaca_eval/0", "[[B]]"), (third, "mt-bench", "82", "[[3]]")])
    assert store.known([first, second, third]) == {**before, third: "[[3]]"}


STUDIES: dict[str, tuple[type[KeptStudy], str]] = {
    "overlap": (OverlapOutcome, "tiny"),
    "contamination": (ContaminationOutcome, "microworld"),
    "ladder": (LadderTable, "alpaca-cpu"),
    "correlate": (CorrelateTable, "microworld"),
}


@pytest.mark.parametrize(("name", "version"), [*((name, 1) for name in STUDIES), ("ladder", 2)])
def test_studies(name: str, version: int, tmp_path: Path) -> None:
    """Read and written again: a ladder of version 1 as version 2, its lines fitted to the means of its levels."""
    kind, track = STUDIES[name]
    found = read_kept(GOLDEN / name / str(version), track, name, kind)
    assert found is not None
    assert found.track == track
    written = keep(tmp_path, track, name, found)
    newest = kind.model_fields["schema_version"].default
    golden = GOLDEN / name / str(newest) / "studies" / track / f"{name}.json"
    assert written.read_bytes() == golden.read_bytes()
    assert isinstance(found, ContaminationOutcome) or len(json.loads(golden.read_bytes())) > 5


def test_space_manifest() -> None:
    found = known_files((GOLDEN / "space-manifest" / "1" / "manifest.json").read_bytes())
    assert found == {
        "README.md": "587be6b4c3f93f93c489c0111bba5596147a26cb",
        "app.py": "b917a726c93f902e43291d9009d6488385133b67",
    }


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_baseline_and_report_of_a_regression_check() -> None:
    from suite.regression.baseline import read_baseline

    baseline = read_baseline(GOLDEN / "regression" / "1" / "baseline.json")
    assert sorted(baseline.strategies) == ["k-center", "random"]
    report = json.loads((GOLDEN / "regression-report" / "1" / "report.json").read_bytes())
    assert report["schema_version"] == 1
    assert report["strategies"]["k-center"]["aspects"]["picks"]["verdict"] == "identical"
