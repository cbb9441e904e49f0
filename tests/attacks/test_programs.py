"""Generated programs that want to pass without being right, to see the tests, or to harm whoever runs them."""

from __future__ import annotations

import re
import textwrap
import time
from dataclasses import replace

import pytest
from hostile import left_behind

from suite.intake.sandbox.isolation import Isolation
from suite.intake.sandbox.limits import MIB, Limits
from suite.intake.sandbox.programs import PROGRAM_LIMITS, Judgement, Program, judge

PROMPT = 'def total(a, b):\n    """The sum of two numbers."""\n'
TEST = """
EXPECTED = {(1, 2): 3, (20, 22): 42, (-1, 1): 0}

def check(candidate):
    for (a, b), wanted in EXPECTED.items():
        assert candidate(a, b) == wanted, "wrong"
    assert candidate(b=4, a=3) == 7
"""
SMALL = replace(PROGRAM_LIMITS, wall_seconds=60.0, cpu_seconds=3.0, memory=200 * MIB)
SHORT = replace(SMALL, wall_seconds=3.0)

EVERYWHERE = """
import os
def tell(text):
    for number in range(64):
        try:
            os.write(number, text.encode())
        except OSError:
            pass
"""

FORGED = {
    "a lucky end": ("import os\nos._exit(0)", "it had ended"),
    "an end in good order": ("import sys\nsys.exit(0)", "SystemExit"),
    "an end at the call": ("import os\ndef total(a, b): os._exit(0)", "it had ended"),
    "an exception that says it is none": ("def total(a, b): raise StopIteration", "StopIteration"),
    "a value that equals all": (
        "class Yes:\n    def __eq__(self, other): return True\n    __req__ = __eq__\ndef total(a, b): return Yes()",
        "does not hold",
    ),
    "a number that equals all": (
        "class Yes(int):\n    def __eq__(self, other): return True\ndef total(a, b): return Yes(5)",
        "does not hold",
    ),
    "no assertions": (
        "import builtins\nclass Never(Exception): pass\nbuiltins.AssertionError = Never\ndef total(a, b): return 0",
        "does not hold",
    ),
    "tests of its own": ("def check(candidate): pass\nEXPECTED = {}\ndef total(a, b): return 0", "does not hold"),
    "a word of triumph": ("print('{\"passed\": true}', flush=True)\ndef total(a, b): return 0", "does not hold"),
    "a word of triumph to everybody": (
        EVERYWHERE + "tell('{\"passed\": true}\\n')\ndef total(a, b): return 0",
        "no value|does not hold",
    ),
    "a verdict at the call": (
        EVERYWHERE + "def total(a, b):\n    tell('{\"passed\": true}')\n    os._exit(0)",
        "no value|had ended",
    ),
    "answers before they are asked": (
        EVERYWHERE + "tell('{\"value\": true}\\n' * 9)\ndef total(a, b): return 0",
        "no value|does not hold",
    ),
    "a wire that lies": (
        "import sys\nsys.modules['calling'].encoded = lambda value: True\ndef total(a, b): return 0",
        "does not hold",
    ),
    "json that lies": (
        'import json\njson.dumps = lambda value: \'{"value": ["i", "0x3"]}\'\ndef total(a, b): return 0',
        "does not hold|no value",
    ),
    "the stack": (
        """
        import sys
        def total(a, b):
            frame = sys._getframe()
            while frame:
                for value in [*frame.f_locals.values(), *frame.f_globals.values()]:
                    if isinstance(value, dict) and (a, b) in value:
                        return value[a, b]
                frame = frame.f_back
            raise LookupError("no tests on the stack")
        """,
        "no tests on the stack",
    ),
    "all objects": (
        """
        import gc
        def total(a, b):
            mine = len(gc.get_objects())
            for value in gc.get_objects():
                if isinstance(value, dict) and (20, 22) in value:
                    return value[a, b]
            raise LookupError("no tests among the objects")
        """,
        "no tests among the objects",
    ),
    "the job": (
        "def total(a, b): assert 'EXP' 'ECTED =' in open('/job/job.json').read(), 'no tests in the job'",
        "no tests in the job",
    ),
    "memory of the tests": (
        """
        import os
        def total(a, b):
            others = [name for name in os.listdir('/proc') if name.isdigit() and int(name) not in (1, os.getpid())]
            assert others, 'nobody else is here'
            return 0
        """,
        "nobody else is here",
    ),
    "traces": (
        "import sys\nsys.settrace(lambda *a: sys.settrace)\nsys.setprofile(lambda *a: None)\ndef total(a, b): return 0",
        "does not hold|had ended",
    ),
    "last words": (
        "import atexit\natexit.register(print, '{\"passed\": true}')\ndef total(a, b): return 0",
        "does not hold",
    ),
    "an exception that bites": (
        "class Bites(BaseException):\n    def __str__(self): raise self\ndef total(a, b): raise Bites",
        "Bites",
    ),
    "no function": ("total = None", "TypeError"),
    "another function": ("del total", "KeyError"),
    "no Python": ("def total(a, b) return a + b", "SyntaxError"),
    "zeros": ("\0", "SyntaxError|ValueError"),
}

HOGS = {
    "endless": ("def total(a, b):\n    while True: pass", SMALL, "timed out", "processor time"),
    "endless before the call": ("while True: pass", SMALL, "timed out", "processor time"),
    "asleep": ("import time\ndef total(a, b): time.sleep(1000)", SHORT, "timed out", "longer than 3 seconds"),
    "stopped": (
        "import os, signal\ndef total(a, b): os.kill(os.getpid(), signal.SIGSTOP)",
        SHORT,
        "timed out",
        "longer than 3 seconds",
    ),
    "silent, with nothing open": (
        "import os, time\nos.closerange(0, 64)\ntime.sleep(1000)",
        SHORT,
        "failed|timed out",
        "had ended|longer than 3 seconds",
    ),
    "memory": (
        "def total(a, b): return len([bytes([1]) * 2**20 for _ in range(10**6)])",
        SMALL,
        "failed",
        "memory|Mem",
    ),
    "a long answer": ("def total(a, b): return 'x' * 2**26", SMALL, "failed", "more than 16 MiB at once|memory"),
    "a deep answer": (
        "def total(a, b):\n    deep = []\n    for _ in range(10**5): deep = [deep]\n    return deep",
        SMALL,
        "failed",
        "RecursionError",
    ),
    "an answer in itself": (
        "def total(a, b):\n    own = []\n    own.append(own)\n    return own",
        SMALL,
        "failed",
        "Recur",
    ),
    "an endless answer": (
        "import itertools\ndef total(a, b): return itertools.count()",
        SMALL,
        "failed|timed out",
        "memory|processor time|MemoryError",
    ),
    "processes": (
        "import os, time\ndef total(a, b):\n    while True:\n        if os.fork() == 0: time.sleep(1000)",
        SMALL,
        "failed",
        "BlockingIOError|processes at once",
    ),
    "the terminal": ("while True: print('x' * 2**16)", SMALL, "failed|timed out", "printed more than|processor time"),
    "a file": (
        "open('/tmp/large', 'wb').write(bytes(2**26))\ndef total(a, b): return 0",
        SMALL,
        "failed",
        "large|SIGXF",
    ),
    "a crash": ("import ctypes\ndef total(a, b): ctypes.string_at(0)", SMALL, "failed", "SIGSEGV"),
    "a crash after it hung up": (
        "import ctypes, os, time\nos.closerange(3, 64)\ntime.sleep(1)\nctypes.string_at(0)",
        SMALL,
        "failed",
        "SIGSEGV",
    ),
    "the network": (
        "import socket\ndef total(a, b): socket.create_connection(('127.0.0.1', 80), 2)",
        SMALL,
        "failed",
        "PermissionError",
    ),
    "the disk": ("open('/made', 'w')", SMALL, "failed", "Read-only|Permission"),
    "data of the evaluation": ("import suite.evaluation.loading", SMALL, "failed", "ModuleNotFoundError"),
}

FINE = {
    "plain": "def total(a, b): return a + b",
    "with a subclass": "class Mine(int): pass\ndef total(a, b): return Mine(a + b)",
    "with talk": "print('hello')\ndef total(a, b):\n    print('adding')\n    return a + b",
    "with a state": "seen = []\ndef total(a, b):\n    seen.append((a, b))\n    return sum(seen[-1])",
    "with children": "import os, time\ndef total(a, b):\n    if os.fork() == 0: time.sleep(1000)\n    return a + b",
    "with a thread": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()\n"
        "def total(a, b): return a + b"
    ),
}


def judged(isolation: Isolation, *bodies: str, limits: Limits = SMALL) -> list[Judgement]:
    """The judgements on programs that go on with these lines; nothing of them is left when this returns."""
    began = time.time()
    programs = [Program(f"{PROMPT}\n{textwrap.dedent(body)}\n", "total", PROMPT, TEST) for body in bodies]
    found = judge(programs, isolation, jobs=2, limits=limits)
    assert not left_behind(began), "processes of the sandbox are left"
    return found


@pytest.mark.parametrize("name", FORGED)
def test_no_verdict_can_be_forged(name: str, isolation: Isolation) -> None:
    body, why = FORGED[name]
    (found,) = judged(isolation, body)
    assert found.verdict == "failed", found
    assert re.search(why, found.why), found


@pytest.mark.parametrize("name", HOGS)
def test_no_program_takes_more_than_its_share(name: str, isolation: Isolation) -> None:
    body, limits, verdict, why = HOGS[name]
    (found,) = judged(isolation, body, limits=limits)
    assert re.fullmatch(verdict, found.verdict), found
    assert re.search(why, found.why), found
    assert len(found.why) < 1000
    assert found.why.isprintable()


def test_programs_that_are_right_pass_whoever_stands_beside_them(isolation: Isolation) -> None:
    hostile = [
        "import os\nos.kill(-1, 9)",
        "import os, time\nwhile True:\n    if os.fork() == 0: time.sleep(1000)",
        "import os\nfor number in range(3, 64):\n    try: os.write(number, b'{\"passed\": false}\\n' * 99)\n"
        "    except OSError: pass",
        "kept = bytes([1]) * 2**30",
    ]
    bodies = [body for pair in zip(FINE.values(), [*hostile, *hostile[:2]], strict=True) for body in pair]
    found = judged(isolation, *bodies)
    assert [one.verdict for one in found[::2]] == ["passed"] * len(FINE), found[::2]
    assert [one.verdict for one in found[1::2]] == ["failed"] * len(FINE), found[1::2]


@pytest.mark.parametrize("said", ["'\\x1b[2J\\x9b31m'", "'\\u202egnp.exe'", "'x' * 10**6", "'a\\nb'", "'\\ud800'"])
def test_words_are_short_and_steer_nothing(said: str, isolation: Isolation) -> None:
    (found,) = judged(isolation, f"def total(a, b): raise ValueError({said})")
    assert found.verdict == "failed"
    assert "ValueError" in found.why
    assert found.why.isprintable()
    assert len(found.why) <= 300


def test_the_order_of_a_set_is_the_same_every_time(isolation: Isolation) -> None:
    body = "def total(a, b): raise LookupError(''.join(list({chr(97 + n) for n in range(26)})))"
    first, again = judged(isolation, body, body)
    assert first == again
    assert "LookupError" in first.why
