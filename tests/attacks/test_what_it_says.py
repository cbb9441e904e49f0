"""Submissions that lie about their picks, or put into words what should not stand in a log."""

from __future__ import annotations

import re

import pytest
from hostile import attack

from suite.intake.sandbox.isolation import Isolation

ANSWERS = {
    "too few": ("return np.arange(7)", "returned 7 rows where the budget is 8"),
    "too many": ("return np.arange(9)", "returned 9 rows where the budget is 8"),
    "none": ("return None", "must return row positions"),
    "nothing": ("return []", "returned 0 rows"),
    "twice the same": ("return np.array([0, 1, 2, 3, 4, 5, 6, 0])", "picked row 0 twice"),
    "beyond the pool": ("return np.arange(53, 61)", "returned row 60, outside 0 to 59"),
    "below zero": ("return np.arange(-1, 7)", "returned row -1, outside 0 to 59"),
    "beyond all numbers": ("return [10**400] * 8", "row 1000000|cannot be written|OverflowError|ValueError"),
    "fractions": ("return np.arange(8) + 0.5", "must return row positions"),
    "not a number": ("return np.full(8, np.nan)", "could be read"),
    "infinite": ("return np.full(8, np.inf)", "could be read"),
    "booleans": ("return np.ones(8, dtype=bool)", "must return row positions"),
    "texts": ("return list('01234567')", "must return row positions"),
    "a table": ("return np.arange(8).reshape(2, 4)", "must return row positions"),
    "objects": ("return np.array([object()] * 8)", "cannot be written as numbers"),
    "one number": ("return 8", "must return row positions"),
    "an endless sequence": (
        "class Endless:\n    def __len__(self): return 8\n    def __getitem__(self, at): 1 / 0\nreturn Endless()",
        "ZeroDivisionError|must return row positions|cannot be written",
    ),
}

LIES = {
    "numpy that lies": (
        "np.asarray = np.array = lambda *a, **k: type('L', (), {'tolist': lambda s: [3] * 8})()",
        "picked row 3 twice",
    ),
    "json that lies": ("json.dumps = lambda *a, **k: '{\"rows\": [0, 1, 2, 3, 4, 5, 6, 6]}'", "picked row 6 twice"),
    "json that is none": ("json.dumps = lambda *a, **k: '[' * 10**6", "could be read"),
    "json of another kind": ("json.dumps = lambda *a, **k: '[1, 2]'", "could be read"),
    "a number of a million digits": (
        "json.dumps = lambda *a, **k: '{\"rows\": [' + '9' * 10**6 + ']}'",
        "could be read",
    ),
    "a runner that lies": (
        "sys.modules['__main__']._select = lambda job: 1\n"
        "sys.modules['__main__']._plain = lambda rows, size: [59.0] * 8",
        "must return row positions",
    ),
    "an answer of its own": (
        "os.write(json.load(open('/job/job.json'))['answer'], b'{\"rows\": [1, 1, 1, 1, 1, 1, 1, 1]}')\nos._exit(0)",
        "picked row 1 twice",
    ),
    "two answers": (
        "os.write(json.load(open('/job/job.json'))['answer'], b'{\"rows\": [1]}')",
        "could be read",
    ),
    "no answer": ("os._exit(0)", "could be read"),
    "a bad end": ("os._exit(3)", "exit code 3"),
    "a crash": ("ctypes.string_at(0)", "ended by SIGSEGV"),
    "an abort": ("os.abort()", "ended by SIGABRT"),
    "an end by its own hand": ("os.kill(os.getpid(), 9)", "ended by SIGKILL"),
    "an end of all it can reach": ("os.kill(-1, 9)", "ProcessLookupError"),
    "leaving": ("raise SystemExit(0)", "SystemExit"),
    "an interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "an exception that bites": (
        "class Bites(BaseException):\n    def __str__(self): raise self\nraise Bites",
        "Bites",
    ),
    "features that were not declared": (
        "from suite.features import Embeddings\nfeatures[Embeddings()]",
        "was read but not declared",
    ),
    "pickles": (
        "class Evil:\n    def __reduce__(self): return (os.system, ('id',))\n"
        "import pickle\nos.write(json.load(open('/job/job.json'))['answer'], pickle.dumps(Evil()))\nos._exit(0)",
        "could be read",
    ),
    "recursion": ("def f(): return f()\nf()", "RecursionError"),
}


@pytest.mark.parametrize("name", [*ANSWERS, *LIES])
def test_only_a_selection_comes_through(name: str, isolation: Isolation) -> None:
    body, said = (ANSWERS | LIES)[name]
    verdict = attack(isolation, body)
    assert re.search(said, verdict.reason), verdict.reason
    assert verdict.rows == ()
    assert len(verdict.reason) < 1000


WORDS = {
    "escapes": r"'\x1b[2J\x1b]0;owned\x07\x9b31m'",
    "ten million letters": "'x' * 10**7",
    "lines of a log": r"'fine\n2026-01-01T00:00:00+00:00 published'",
    "letters that turn around": r"'\u202egnp.exe\u200b'",
    "HTML": "'<script>alert(1)</script>'",
    "half letters": r"'\ud800'",
    "zeros": r"'\0' * 100",
}


@pytest.mark.parametrize("name", WORDS)
def test_words_are_short_and_steer_nothing(name: str, isolation: Isolation) -> None:
    verdict = attack(isolation, f"said = {WORDS[name]}\nprint(said.encode('utf-8', 'replace'))\nraise ValueError(said)")
    assert "ValueError" in verdict.reason or "could be read" in verdict.reason
    assert len(verdict.reason) < 1000
    assert verdict.reason.isprintable()
    verdict.reason.encode()


def test_fine_code_passes_and_says_what_it_took(isolation: Isolation) -> None:
    verdict = attack(isolation, "import sklearn.cluster, scipy.sparse, numba\nprint('hello')\nkept = np.ones(2**23)")
    assert (verdict.reason, verdict.rows) == ("", tuple(range(8)))
    assert verdict.outcome.printed == "hello\n"
    assert verdict.outcome.cpu_seconds > 0
    assert verdict.outcome.peak_memory > 2**26
    assert verdict.outcome.memory_by == "summed over its processes"
