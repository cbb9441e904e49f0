"""Readers of what is submitted: archives, their three files, and what submitted code answers from its sandbox."""

from __future__ import annotations

import gzip
import json
import random
import re

from fuzzing.feeding import Target
from fuzzing.mutations import NUMBERS, TEXTS, spoiled_bytes, spoiled_json, spoiled_lines
from sent import PYTHON, TOML, code, ids, index_only, tiny_surroundings

from suite.intake.archive import LARGEST, pack
from suite.intake.check import Report, check_archive, check_files
from suite.intake.evaluator import EvaluationFailed
from suite.intake.sandbox.handed import wished
from suite.intake.sandbox.selecting import _answer, picked_rows
from suite.intake.sandbox.supervise import Outcome
from suite.intake.selections import Which
from suite.intake.submission import CODE, MANIFEST, SELECTION

AROUND = tiny_surroundings()
SHORT_IDS = ids().encode()[:600]
WORDS = [b"[tracks]", b"[[tracks]]", b"tracks.tiny", b'"tiny"', b"1979-05-27T07:32:00Z", b"{}", b"[]", b"''", b'"""']
WORDS += [b"'''", b"[" * 400, b"a." * 900 + b"a = 1", b"{a=" * 200, b'"\\uD800"', b'"\\U00110000"', b"0b2", b"1__0"]
WORDS += [number.encode() for number in NUMBERS] + [text.encode() for text in TEXTS]


def _toml(chance: random.Random, changes: int) -> bytes:
    def spoil(line: bytes) -> bytes:
        key, equals, _ = line.partition(b"=")
        if chance.random() < 0.6:
            return key + (equals or b"=") + b" " + chance.choice(WORDS)
        return spoiled_bytes(line, chance, 1) if line else chance.choice(WORDS)

    return spoiled_lines(TOML.encode(), chance, changes, spoil)


def _jsonl(chance: random.Random, changes: int) -> bytes:
    def spoil(line: bytes) -> bytes:
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            return spoiled_bytes(line, chance, 1)
        return spoiled_json(document, chance, 1) if chance.random() < 0.8 else spoiled_bytes(line, chance, 2)

    if chance.random() < 0.05:  # another order of lines breaks no rule: what is right goes through as well
        lines = ids().encode().splitlines(keepends=True)
        return b"".join(chance.sample(lines, len(lines)))
    return spoiled_lines(SHORT_IDS, chance, changes, spoil)


PIECES = re.findall(r"\w+|\s+|[^\w\s]", PYTHON)
ODD_PIECES = [
    "lambda",
    "*",
    "**",
    "async",
    "yield",
    "import os",
    "from . import x",
    "@register",
    "\\N{X}",
    "\x0c",
    "(" * 150,
]
ODD_PIECES += ["-" * 3000 + "1", "[" * 90, "f'{", "0" * 5000, "x = 1\n" * 50, "class", "\ud800", "\x00", "if 1:\n" * 60]
ODD_PIECES += ["select", "frozen=True", "deterministic=1", "allows_repeats = True", "a" + ".b" * 3000, "1if" * 40]


def _python(chance: random.Random, changes: int) -> bytes:
    pieces = list(PIECES)
    for _ in range(changes):
        place = chance.randrange(len(pieces))
        kind = chance.randrange(4)
        if kind == 0:
            del pieces[place : place + chance.choice((1, 3, 20))]
        elif kind == 1:
            pieces.insert(place, chance.choice(ODD_PIECES))
        elif kind == 2:
            pieces[place] = chance.choice(PIECES)
        else:
            pieces[place:place] = pieces[place : place + 8] * chance.choice((1, 30))
        pieces = pieces or [""]
    written = "".join(pieces).encode("utf-8", "surrogatepass")
    return spoiled_bytes(written, chance, 1) if chance.random() < 0.1 else written


PACKED = [pack(index_only()), pack(code()), pack({MANIFEST: TOML.encode()})]
UNPACKED = [gzip.decompress(archive) for archive in PACKED]
FIELDS = [
    b"0000000",
    b"7777777",
    b"\x80" + b"\xff" * 7,
    b"2",
    b"5",
    b"x",
    b"L",
    b"K",
    b"S",
    b"g",
    b"../../",
    b"\x00" * 8,
]


def _archive(chance: random.Random, changes: int) -> bytes:
    body = bytearray(chance.choice(UNPACKED))
    for _ in range(changes):
        if chance.random() < 0.6:
            # Into a header: names, sizes, types, links and checksums lie in the first half of its 512 bytes.
            block = 512 * chance.randrange(len(body) // 512 or 1)
            place = block + chance.choice((0, 100, 108, 124, 136, 148, 156, 157, 257, 345, chance.randrange(512)))
            written = chance.choice(FIELDS)
            body[place : place + len(written)] = written
            _mend_checksum(body, block)
        else:
            body[:] = spoiled_bytes(bytes(body), chance, 1)
    packed = gzip.compress(bytes(body), compresslevel=1, mtime=0)
    return spoiled_bytes(packed, chance, 1) if chance.random() < 0.2 else packed


def _mend_checksum(body: bytearray, block: int) -> None:
    header = body[block : block + 512]
    if len(header) == 512:
        header[148:156] = b" " * 8
        body[block + 148 : block + 156] = f"{sum(header):06o}\0 ".encode()


def _answered(report: Report) -> str:
    assert report.files.keys() <= set(LARGEST)
    for problem in report.problems:
        assert str(problem).isprintable()
        assert len(problem.value) <= 1000
    json.dumps(report.as_dict()).encode()
    return "passed" if report.passed else "refused"


ANSWERS = (
    {"rows": list(range(8)), "seconds": 0.25},
    {"requires": [{"feature": "Embeddings", "fields": {"view": "both"}}], "deterministic": True},
    {"error": "ValueError: no"},
)


def _spoken(content: bytes) -> str:
    outcome = Outcome("", content, "", 1.0, 1.0, 1)
    try:
        described = _answer(outcome, "tiny")
        if "requires" in described:
            return f"features {len(wished(described['requires']))}"
        rows, seconds = picked_rows(outcome, Which("tiny", 8, 0), 60)
    except EvaluationFailed as failed:
        return f"failed, by fault of the {failed.fault}"
    assert len(rows) == 8
    assert 0.0 <= seconds <= 1.0
    return "taken"


TARGETS = (
    Target("submission archive", _archive, lambda content: _answered(check_archive(content, AROUND))),
    Target(
        "submission.toml", _toml, lambda content: _answered(check_files({**index_only(), MANIFEST: content}, AROUND))
    ),
    Target(
        "selection.jsonl", _jsonl, lambda content: _answered(check_files({**index_only(), SELECTION: content}, AROUND))
    ),
    Target("strategy.py", _python, lambda content: _answered(check_files({**code(), CODE: content}, AROUND))),
    Target(
        "a sandbox's answer",
        lambda chance, changes: spoiled_json(chance.choice(ANSWERS), chance, changes),
        _spoken,
    ),
)
