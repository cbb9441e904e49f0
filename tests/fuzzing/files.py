"""Readers of files and queries that people hand over: pools, selections, tracks, studies, and addresses of the page."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pyarrow as pa
from fuzzing.feeding import Target
from fuzzing.mutations import spoiled_bytes, spoiled_json, spoiled_lines
from fuzzing.submissions import WORDS
from fuzzing.tables import spoiled_parquet
from tiny_track import TINY

from leaderboard.address import Address
from leaderboard.routes import LONGEST_QUERY
from suite.pool import pool_from_records
from suite.pool.readers import file_rows
from suite.pool.shapes import DroppedRowError, DropReason, to_sample
from suite.selection import Selection, read_selection
from suite.studies.contamination import ContaminationOutcome
from suite.studies.kept import read_kept
from suite.studies.ladder_table import LadderTable
from suite.track import parse_track

ROOT = Path(__file__).parents[2]
QUERY = (
    "view=compare&track=microworld&budget=500&base_model=micro&tasks=words-exact,words-likelihood&kinds=built-in,code"
    "&search=k%2Dmeans&sort=-score&columns=rank,score&variants=yes&first=random&second=k-means:clusters=50&metric=vendi"
    "&run=results/tiny/full/ba038e22c00b93ce/f6847ae8c01451eb.json&request=0123456789abcdef&at=3"
)
QUERY_WORDS = (b"%00", b"%ff", b"%ED%A0%80", b"+", b"&" * 300, b"=" * 50, b"%", b"%zz", b"/../", b"%E2%80%AE", b"1e9")
QUERY_WORDS += (b"-1", "٣".encode(), b"0x10", b"9" * 400, b";", b"<b>", b"a-" * 90, b",,,,", b"\xff", b"view=")


def _query(chance: random.Random, changes: int) -> bytes:
    def spoil(pair: bytes) -> bytes:
        key, equals, value = pair.partition(b"=")
        kind = chance.randrange(4)
        if kind == 0:
            return key + equals + chance.choice(QUERY_WORDS)
        if kind == 1:
            place = chance.randrange(len(value) + 1)
            return key + equals + value[:place] + chance.choice(QUERY_WORDS) + value[place:]
        return spoiled_bytes(pair, chance, 1) if kind == 2 else pair

    pairs = QUERY.encode().split(b"&")
    for _ in range(changes):
        place = chance.randrange(len(pairs))
        pairs[place : place + 1] = [spoil(pairs[place])] * chance.choice((1, 1, 1, 2, 40))
    return b"&".join(pairs)


def _address(content: bytes) -> str:
    query = content.decode("latin-1")
    pairs = parse_qs(query[:LONGEST_QUERY].lstrip("?"))
    address = Address.parse({key: values[-1] for key, values in pairs.items()})
    again = {key: values[-1] for key, values in parse_qs(address.to_query()).items()}
    assert Address.parse(again) == address
    address.href.encode()
    return "front" if address.href == "?" else "an address"


SAMPLES: list[dict[str, Any]] = [
    {"id": "0", "instruction": "Say yes.", "input": "", "output": "Yes.", "source": "test"},
    {"id": 7, "instruction": "Add.", "input": "1 2", "output": "3"},
    {"id": "two", "conversations": [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Hi"}]},
    {"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "?"}]},
    {"prompt": "Complete", "completion": "this."},
]
JSONL = "".join(json.dumps(sample) + "\n" for sample in SAMPLES).encode()
CSV = b'id,instruction,input,output\n0,Say yes.,,Yes.\n1,"a ""quoted"" one","two\nlines",fine\n2,Add.,1 2,3\n'


POOL_TABLE = pa.table(
    {"id": ["1", "2", "3"], **{name: [SAMPLES[0][name]] * 3 for name in ("instruction", "input", "output")}}
)


def _jsonl(chance: random.Random, changes: int) -> bytes:
    def spoil(line: bytes) -> bytes:
        try:
            return spoiled_json(json.loads(line), chance, 1)
        except (ValueError, RecursionError):
            return spoiled_bytes(line, chance, 1)

    return spoiled_lines(JSONL, chance, changes, spoil)


def _csv(chance: random.Random, changes: int) -> bytes:
    return spoiled_bytes(CSV, chance, changes)


def _pool_parquet(chance: random.Random, changes: int) -> bytes:
    return spoiled_parquet(POOL_TABLE, chance, changes)


def pool_reader(file: Path) -> Callable[[bytes], str]:
    """Reads a pool of this file's ending."""

    def read(content: bytes) -> str:
        file.write_bytes(content)
        taken = dropped = 0
        for row, record in file_rows(file).rows():
            try:
                if not isinstance(record, DropReason):
                    sample = to_sample(record, row=row, source="test", id_prefix="p/")
                    json.dumps(sample._asdict() if hasattr(sample, "_asdict") else str(sample)).encode()
                    taken += 1
            except DroppedRowError:
                dropped += 1
        return "all taken" if not dropped else "some dropped" if taken else "all dropped"

    return read


POOL = pool_from_records([{"id": str(row), "instruction": f"say {row}", "output": f"{row}"} for row in range(60)])


def _selection(folder: Path) -> dict[str, Any]:
    rows = POOL.rows(tuple(str(row) for row in range(8)))
    ids = POOL.id_of(rows)
    Selection("k-center", rows, ids, POOL.fingerprint, 8, parameters={"start": 1}).save(folder / "valid.json")
    found: dict[str, Any] = json.loads((folder / "valid.json").read_bytes())
    return found


def selection_target(folder: Path) -> Target:
    """Reads a selection, or a plain list of ids."""
    document, file = _selection(folder), folder / "selection.json"

    def make(chance: random.Random, changes: int) -> bytes:
        if chance.random() < 0.2:
            return spoiled_bytes(b"0\n1\n2\n17\n59\n", chance, changes)
        return spoiled_json(document, chance, changes)

    def read(content: bytes) -> str:
        file.write_bytes(content)
        return f"{len(read_selection(file, POOL))} picks"

    return Target("selection file", make, read)


TRACK = TINY.read_bytes()


def _track(chance: random.Random, changes: int) -> bytes:
    def spoil(line: bytes) -> bytes:
        key, equals, _ = line.partition(b"=")
        return key + equals + b" " + chance.choice(WORDS) if chance.random() < 0.6 else spoiled_bytes(line, chance, 1)

    return spoiled_lines(TRACK, chance, changes, spoil)


def _parsed_track(content: bytes) -> str:
    track = parse_track(content, "tiny.toml")
    assert len(track.identity) == 64
    return "taken"


STUDIES = ROOT / "docs" / "results" / "store" / "studies" / "alpaca-cpu"


def study_target(folder: Path) -> Target:
    """Reads kept outcomes of two studies."""
    kinds = {"ladder": LadderTable, "contamination": ContaminationOutcome}
    documents = {name: _small(json.loads((STUDIES / f"{name}.json").read_bytes())) for name in kinds}
    place = folder / "studies" / "alpaca-cpu"
    place.mkdir(parents=True)

    def make(chance: random.Random, changes: int) -> bytes:
        return spoiled_json(documents[chance.choice(sorted(documents))], chance, changes)

    def read(content: bytes) -> str:
        name = "ladder" if b'"strategies"' in content else "contamination"
        (place / f"{name}.json").write_bytes(content)
        kept = read_kept(folder, "alpaca-cpu", name, kinds[name])
        assert kept is not None
        kept.model_dump_json()
        return "taken"

    return Target("study JSON", make, read)


def _small(tree: Any) -> Any:
    """The document with its long lists cut to three entries: inputs stay quick to write."""
    if isinstance(tree, dict):
        return {key: _small(item) for key, item in tree.items()}
    return [_small(item) for item in tree[:3]] if isinstance(tree, list) else tree


TARGETS = (Target("URL query", _query, _address), Target("track.toml", _track, _parsed_track))


def targets_in(folder: Path) -> tuple[Target, ...]:
    """Readers that read files, in this folder."""
    return (
        selection_target(folder),
        study_target(folder),
        Target("pool as jsonl", _jsonl, pool_reader(folder / "pool.jsonl")),
        Target("pool as csv", _csv, pool_reader(folder / "pool.csv")),
        Target("pool as parquet", _pool_parquet, pool_reader(folder / "pool.parquet")),
    )
