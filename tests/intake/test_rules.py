"""Every rule is broken once, and the check says so: where, what stands there, and nothing else."""

from __future__ import annotations

import time

import pytest
from sent import PYTHON, TOML, Change, Files, checked, code, ids, index_only, line, tiny_surroundings

from suite.intake.check import check_files
from suite.intake.names import Taken
from suite.intake.rules import LISTED_A_RULE, RULES, Problem, Problems, shown
from suite.intake.submission import CODE, MANIFEST, SELECTION

TWICE_REGISTERED = PYTHON + PYTHON.partition("register\n\n")[2].replace("MyMethod", "Other")
NESTED = "-" * 100_000 + "1"
Case = tuple[str, str, int | None, str]
"""Rule, file, line and a part of the value."""


def swap(file: str, old: str, new: str) -> Change:
    """Replace the first occurrence, which must be there."""

    def change(files: Files) -> None:
        text = files[file].decode()
        assert old in text
        files[file] = text.replace(old, new, 1).encode()

    return change


def put(file: str, content: str | bytes) -> Change:
    """Replace a whole file."""
    return lambda files: files.__setitem__(file, content if isinstance(content, bytes) else content.encode())


def toml(old: str, new: str) -> Change:
    return swap(MANIFEST, old, new)


IN_IDS: list[tuple[Change, Case]] = [
    (put("notes.txt", "hello"), ("files", "notes.txt", None, "no file of a submission")),
    (put(CODE, PYTHON), ("files", CODE, None, "strategy.py and selection.jsonl")),
    (lambda files: files.pop(MANIFEST), ("files", MANIFEST, None, "missing")),
    (put(MANIFEST, "#" * 70_000), ("file-size", MANIFEST, None, "70,000 bytes")),
    (put(MANIFEST, TOML.encode() + b"# \xff"), ("utf-8", MANIFEST, 11, "0xff")),
    (put(MANIFEST, "\ufeff" + TOML), ("utf-8", MANIFEST, 1, "byte order mark")),
    (toml("[tracks]\n", "[tracks]\r\n"), ("line-ends", MANIFEST, 9, "carriage return")),
    (toml("What it", "What \u202eit"), ("characters", MANIFEST, 3, "U+202E")),
    (toml("[tracks]", "# \x1b[31m\n[tracks]"), ("characters", MANIFEST, 9, "U+001B")),
    (toml("[tracks]", f"#{'x' * 2000}\n[tracks]"), ("line-length", MANIFEST, 9, "2,001 characters")),
    (toml("= [8", "= 8"), ("toml", MANIFEST, 10, "line 10")),
    (toml("licence", "licence = "), ("toml", MANIFEST, 5, "line 5")),
    (toml("tiny = [8", f"x = {'[' * 900}{']' * 900}\ntiny = [8"), ("toml", MANIFEST, None, "nested too deeply")),
    (toml('version = "1.2"\n', ""), ("missing-key", MANIFEST, None, "version")),
    (toml("paper", "papers"), ("unknown-key", MANIFEST, 6, "papers")),
    (toml('"1.2"', "1.2"), ("wrong-type", MANIFEST, 2, "1.2")),
    (toml("my-method", "My_Method"), ("name", MANIFEST, 1, "My_Method")),
    (toml("my-method", "my-mеthod"), ("name", MANIFEST, 1, "my-mеthod")),  # a Cyrillic letter
    (toml("my-method", "m" * 61), ("name", MANIFEST, 1, "m" * 61)),
    (toml("my-method", "oracle"), ("name-reserved", MANIFEST, 1, "oracle")),
    (toml("my-method", "orac1e"), ("name-reserved", MANIFEST, 1, "orac1e")),
    (toml("my-method", "k-center"), ("name-taken", MANIFEST, 1, "k-center")),
    (toml("my-method", "kcenter"), ("name-taken", MANIFEST, 1, "kcenter")),
    (toml("my-method", "thelrs"), ("name-taken", MANIFEST, 1, "thelrs")),
    (toml('"1.2"', '"1.2b3"'), ("version", MANIFEST, 2, "1.2b3")),
    (toml("What it does", " "), ("title", MANIFEST, 3, " ")),
    (toml("What it does", "safe \\u202egpj.exe"), ("title", MANIFEST, 3, "safe \\u{202e}gpj.exe")),
    (toml('"Ada Lovelace"', '"Ada\\u200b"'), ("authors", MANIFEST, 4, "Ada\\u{200b}")),
    (toml('"Ada Lovelace"', '"<b>Ada</b>"'), ("authors", MANIFEST, 4, "<b>Ada</b>")),
    (toml("Apache-2.0", "my own"), ("licence", MANIFEST, 5, "my own")),
    (toml("Apache-2.0", "LicenseRef-mine"), ("licence", MANIFEST, 5, "LicenseRef-mine")),
    (toml("arXiv:2505.24768", "javascript:alert(1)"), ("paper", MANIFEST, 6, "javascript:alert(1)")),
    (toml("arXiv:2505.24768", "https://me@example.org/x"), ("paper", MANIFEST, 6, "https://me@")),
    (toml("arXiv:2505.24768", "https://[::1"), ("paper", MANIFEST, 6, "https://[::1")),
    (toml('"meso"', '"best"'), ("level", MANIFEST, 7, "best")),
    (toml('[8, "25%"]', "[]"), ("tracks", MANIFEST, 10, "[]")),
    (toml('"25%"]', '"25%", 2.5]'), ("budget", MANIFEST, 10, "2.5")),
    (toml('"25%"]', '"25%", 15]'), ("budget", MANIFEST, 10, "15 and 25%")),
    (toml('"25%"]', '"25%", 9]'), ("budget-unknown", MANIFEST, 10, "9")),
    (toml("[tracks]", "[tracks]\ntinny = [8]"), ("track-unknown", MANIFEST, 10, "tinny")),
    (toml("[8, ", "["), ("undeclared", SELECTION, 1, "tiny, budget 8")),
    (put(SELECTION, ids() + '{"track": "tiny"}\n'), ("line", SELECTION, 47, '{"track": "tiny"}')),
    (put(SELECTION, ids() + "NaN\n"), ("line", SELECTION, 47, "NaN")),
    (put(SELECTION, ids() + "[" * 499 + "\n"), ("line", SELECTION, 47, "[[[")),
    (put(SELECTION, ids() + line(8, 0, "5").replace("8", "8.0")), ("line", SELECTION, 47, "8.0")),
    (put(SELECTION, ids() + line(8, 0, "5").replace("8", "true")), ("line", SELECTION, 47, "true")),
    (put(SELECTION, ids() + line(8, 0, "5").replace('"5"', "5")), ("line", SELECTION, 47, '"id": 5')),
    (put(SELECTION, ids() + '{"id": "1", ' + line(8, 0, "5")[1:]), ("line", SELECTION, 47, '"id": "1"')),
    (put(SELECTION, "\n" + ids()), ("empty-line", SELECTION, 1, "")),
    (put(SELECTION, ids() + line(8, 0, "0")), ("duplicate", SELECTION, 47, "0 (tiny, budget 8, seed 0)")),
    (put(SELECTION, ids() + line(8, 0, "59")), ("count", SELECTION, 47, "9 ids (tiny, budget 8, seed 0)")),
    (put(SELECTION, ids().partition("\n")[2]), ("count", SELECTION, 7, "7 ids (tiny, budget 8, seed 0)")),
    (put(SELECTION, ids().replace('"id": "3"', '"id": "60"', 1)), ("id-unknown", SELECTION, 4, "60 (tiny")),
    (put(SELECTION, ids().replace('"id": "3"', '"id": "\\u001b[2J"', 1)), ("id-unknown", SELECTION, 4, "\\u{1b}[2J")),
    (
        put(SELECTION, "".join(row for row in ids().splitlines(keepends=True) if '"budget": 15' not in row)),
        ("selection-missing", MANIFEST, 10, "tiny, budget 15"),
    ),
    (
        put(SELECTION, "".join(row for row in ids().splitlines(keepends=True) if '15, "seed": 1' not in row)),
        ("seeds", SELECTION, 17, "seeds 0 (tiny, budget 15)"),
    ),
]

IN_CODE: list[tuple[Change, Case]] = [
    (swap(CODE, "import numpy as np", "import requests"), ("imports", CODE, 3, "requests")),
    (swap(CODE, "import numpy as np", "import suite.runner"), ("imports", CODE, 3, "suite.runner")),
    (swap(CODE, "import numpy as np", "from suite import stores"), ("imports", CODE, 3, "suite.stores")),
    (swap(CODE, "import numpy as np", "from . import other"), ("imports", CODE, 3, ".")),
    (swap(CODE, "        return", "        import pandas\n        return"), ("imports", CODE, 14, "pandas")),
    (swap(CODE, "class MyMethod(Strategy):", "class MyMethod(Strategy)"), ("python", CODE, 8, "expected ':'")),
    (put(CODE, f"x = {NESTED}"), ("python", CODE, None, "cannot be parsed")),
    (swap(CODE, "import numpy", "\0import numpy"), ("characters", CODE, 3, "U+0000")),
    (swap(CODE, '"my-method"', '"k-center"'), ("one-strategy", CODE, 6, "k-center")),
    (swap(CODE, '"my-method"', '"my" + "-method"'), ("one-strategy", CODE, 6, "without one written name")),
    (
        swap(CODE, '@register("my-method", level="meso", deterministic=True)', ""),
        ("one-strategy", CODE, None, "nothing"),
    ),
    (put(CODE, TWICE_REGISTERED), ("one-strategy", CODE, 15, "Other")),
    (swap(CODE, '"meso"', '"macro"'), ("register", CODE, 6, "level='macro'")),
    (swap(CODE, "=True)", "=bool(1))"), ("register", CODE, 6, "deterministic")),
    (swap(CODE, "(frozen=True)", ""), ("strategy-class", CODE, 8, "MyMethod is no frozen dataclass")),
    (swap(CODE, "step: int = 1", "step: int"), ("strategy-class", CODE, 11, "step")),
    (swap(CODE, "def select", "def choose"), ("select", CODE, 8, "MyMethod has no select")),
    (swap(CODE, ", *, features, rng", ", rng"), ("select", CODE, 13, "select(self, pool, budget, rng)")),
    (swap(CODE, "step: int", "reference = True\n    step: int"), ("flags", CODE, 11, "reference")),
    (
        swap(CODE, "        return", "        type(self).allows_repeats = True\n        return"),
        ("flags", CODE, 14, "allows"),
    ),
]


@pytest.mark.parametrize("files", [index_only(), code()], ids=["index-only", "code"])
def test_what_breaks_no_rule_passes(files: Files) -> None:
    report = checked(files)
    assert report.problems == ()
    assert report.submission is not None
    assert report.submission.tracks == {"tiny": (8, "25%")}


@pytest.mark.parametrize(("change", "case"), IN_IDS, ids=[f"{case[0]}-{case[3][:20]}" for _, case in IN_IDS])
def test_a_rule_broken_in_an_index_only_submission(change: Change, case: Case) -> None:
    files = index_only()
    change(files)
    assert_found(files, case)


@pytest.mark.parametrize(("change", "case"), IN_CODE, ids=[f"{case[0]}-{case[3][:20]}" for _, case in IN_CODE])
def test_a_rule_broken_in_a_code_submission(change: Change, case: Case) -> None:
    files = code()
    change(files)
    assert_found(files, case)


def assert_found(files: Files, case: Case) -> None:
    rule, file, number, value = case
    problems = checked(files).problems
    found = [problem for problem in problems if problem.rule == rule and problem.file == file]
    assert any(problem.line == number and value in problem.value for problem in found), list(map(str, problems))
    assert all(problem.remedy for problem in problems)


def test_every_rule_is_broken_by_some_test() -> None:
    broken = {case[0] for _, case in IN_IDS + IN_CODE}
    # The first three can be broken by an archive or a folder alone: test_archive does. The last follows.
    assert broken | {"archive", "file-name", "regular-file", "version-rises"} == set(RULES)


@pytest.mark.parametrize(
    ("author", "published", "rule"),
    [
        ("ada", "1.1.9", None),
        ("ada", "1.2", "version-rises"),
        ("ada", "1.2.0", "version-rises"),
        ("ada", "1.10", "version-rises"),
        ("eve", "1.1", "name-taken"),
        (None, "1.1", "name-taken"),
    ],
)
def test_a_name_is_its_authors_and_versions_rise(author: str | None, published: str, rule: str | None) -> None:
    around = tiny_surroundings({"my-method": Taken("ada", published)}, author)
    found = [(problem.rule, problem.line) for problem in check_files(index_only(), around).problems]
    assert found == ([] if rule is None else [(rule, 2 if rule == "version-rises" else 1)])


def test_all_problems_are_said_at_once() -> None:
    files = index_only()
    for change in (toml("my-method", "kcenter"), toml('"1.2"', "1"), toml('"25%"]', "9, true]")):
        change(files)
    files[SELECTION] += b"nonsense\n" + line(8, 0, "0").encode()
    found = [(problem.rule, problem.file, problem.line) for problem in checked(files).problems]
    assert found == [
        ("name-taken", MANIFEST, 1),
        ("wrong-type", MANIFEST, 2),
        ("budget", MANIFEST, 10),
        ("budget-unknown", MANIFEST, 10),
        ("line", SELECTION, 47),
        ("duplicate", SELECTION, 48),
    ]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        (SELECTION, b"x\n" * 2**24),
        (SELECTION, b"\r" * 2**24),
        (SELECTION, b"[" * 2**24),
        (MANIFEST, b"".join(b"k%d=1\n" % number for number in range(1700))),
        (MANIFEST, b"[" + b"a." * 4_000 + b"a]\n" + b"".join(b"k%d=1\n" % number for number in range(900))),
    ],
    ids=["lines", "carriage returns", "one long line", "keys", "keys of a deep table"],
)
def test_a_file_that_is_dear_to_read_is_answered_soon(file: str, content: bytes) -> None:
    files = index_only() | {file: content}
    started = time.process_time()
    problems = checked(files).problems
    assert 0 < len(problems) < 300
    # A reading that is quadratic, or looks at each of sixteen million lines, takes minutes.
    assert time.process_time() - started < 30


def test_a_million_problems_are_counted_not_listed() -> None:
    problems = Problems()
    for number in range(1000):
        problems.add("line", SELECTION, number, "x")
    problems.add("toml", MANIFEST, 1, "x")
    listed = list(problems)
    assert len(listed) == LISTED_A_RULE + 2
    assert listed[-1].value == f"and {1000 - LISTED_A_RULE:,} more of this rule"


@pytest.mark.parametrize("value", ["\x1b[2J", "a\nb", "\u202egnp.exe", "\ud800", "x" * 10_000, "\xa0", "\u2028"])
def test_a_shown_value_is_short_and_steers_nothing(value: str) -> None:
    text = shown(value)
    assert text.isprintable()
    assert len(text) < 800
    assert Problem(shown(value), 1, shown(value), "line", "").place.isprintable()
