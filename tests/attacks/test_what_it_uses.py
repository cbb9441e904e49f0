"""Submissions that use more than their share, or stay when they should go."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace

import pytest
from hostile import LIMITS, attack, outcome_of

from suite.intake.sandbox.isolation import Isolation
from suite.intake.sandbox.limits import MIB

SHORT = replace(LIMITS, wall_seconds=3)
IMPATIENT = replace(LIMITS, cpu_seconds=1)

HOGS = {
    "memory": (
        "kept = [np.ones(2**20) for _ in range(10**6)]",
        LIMITS,
        "more than 400 MiB of memory together|MemoryError",
    ),
    "memory of many": (
        """
        for _ in range(8):
            if os.fork() == 0:
                kept = bytearray(os.urandom(2**20) * 100)
                time.sleep(60)
                os._exit(0)
            time.sleep(0.3)
        time.sleep(60)
        """,
        LIMITS,
        "more than 400 MiB of memory together",
    ),
    "memory that is shared": (
        """
        import mmap
        whole = mmap.mmap(-1, 2**30)
        for start in range(0, 2**30, 4096):
            whole[start] = 1
        """,
        LIMITS,
        "more than 400 MiB of memory together",
    ),
    "addresses": ("np.empty(2**37, dtype=np.uint8)", LIMITS, "MemoryError"),
    "processes": (
        """
        while True:
            if os.fork() == 0:
                time.sleep(60)
        """,
        replace(LIMITS, processes=16),
        "BlockingIOError|more than 16 processes at once",
    ),
    "processes that make processes": (
        """
        while True:
            try:
                os.fork()
            except OSError:
                pass
        """,
        replace(IMPATIENT, processes=16),
        "processor time|processes at once",
    ),
    "threads": (
        """
        import threading
        while True:
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        """,
        LIMITS,
        "can't start new thread",
    ),
    "open files": ("kept = [open('/dev/null') for _ in range(10**5)]", LIMITS, "Too many open files"),
    "one large file": ("open('/tmp/large', 'wb').write(bytes(12 * 2**20))", LIMITS, "File too large|SIGXFSZ"),
    "the whole of tmp": (
        "for n in range(9): open(f'/tmp/{n}', 'wb').write(bytes(4 * 2**20))",
        LIMITS,
        "No space left on device",
    ),
    "shared memory": ("open('/dev/shm/large', 'wb').write(bytes(6 * 2**20))", LIMITS, "No space left on device"),
    "a huge folder": (
        "for n in range(10**7): open(f'/tmp/{n}', 'w').close()",
        replace(LIMITS, files=2000),
        "more than 2,000 files",
    ),
    "a deep folder": (
        """
        for n in range(10**7):
            os.mkdir('d')
            os.chdir('d')
        """,
        replace(LIMITS, files=2000),
        "more than 2,000 files",
    ),
    "processor": (
        """
        while True:
            pass
        """,
        IMPATIENT,
        "more than 1 seconds? of processor time",
    ),
    "processor of many": (
        """
        for _ in range(3):
            os.fork()
        while True:
            pass
        """,
        IMPATIENT,
        "more than 1 seconds? of processor time",
    ),
    "time": ("time.sleep(1000)", SHORT, "ran longer than 3 seconds"),
    "time, deaf to signals": (
        """
        for number in set(range(1, 65)) - {9, 19, 32, 33}:
            signal.signal(number, signal.SIG_IGN)
        while True:
            time.sleep(1000)
        """,
        SHORT,
        "ran longer than 3 seconds",
    ),
    "time, with nothing open": ("os.closerange(0, 512); time.sleep(1000)", SHORT, "ran longer than 3 seconds"),
    "time, stopped": ("os.kill(os.getpid(), signal.SIGSTOP); time.sleep(1000)", SHORT, "ran longer than 3 seconds"),
    "the terminal": (
        """
        while True:
            os.write(1, b'x' * 2**16)
        """,
        LIMITS,
        "printed more than 16 MiB",
    ),
    "the answer": (
        """
        answer = json.load(open('/job/job.json'))['answer']
        while True:
            os.write(answer, b'0' * 2**16)
        """,
        LIMITS,
        "handed out more than 32 MiB",
    ),
    "a bomb of rows": ("return np.zeros(10**7, dtype=np.int64)", LIMITS, "26 rows where the budget is 8"),
}


@pytest.mark.parametrize("name", HOGS)
def test_nothing_is_used_beyond_the_limits(name: str, isolation: Isolation) -> None:
    body, limits, said = HOGS[name]
    verdict = attack(isolation, body, limits=limits)
    assert re.search(said, verdict.reason), verdict.reason
    assert verdict.outcome.peak_memory < 2 * 400 * MIB
    assert verdict.outcome.seconds < 60
    assert len(verdict.outcome.printed) <= 16 * 2**10


DAEMONS = {
    "a child": "if os.fork() == 0: time.sleep(1000)",
    "a daemon": """
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.closerange(0, 512)
                time.sleep(1000)
            os._exit(0)
        os.wait()
        """,
    "many deaf daemons": """
        for _ in range(10):
            if os.fork() == 0:
                os.setsid()
                for number in set(range(1, 65)) - {9, 19, 32, 33}:
                    signal.signal(number, signal.SIG_IGN)
                while True:
                    time.sleep(1000)
        """,
    "a thread": "import threading; threading.Thread(target=time.sleep, args=(1000,)).start()",
    "a last word": "import atexit; atexit.register(time.sleep, 1000)",
}


@pytest.mark.parametrize("name", DAEMONS)
def test_nothing_stays_when_the_answer_is_there(name: str, isolation: Isolation) -> None:
    verdict = attack(isolation, DAEMONS[name])  # which looks for processes that are left
    assert verdict.reason == ""
    assert verdict.rows == tuple(range(8))
    assert verdict.outcome.seconds < 30


def test_it_can_be_called_off(isolation: Isolation) -> None:
    asked = threading.Event()
    threading.Timer(2, asked.set).start()
    began = time.monotonic()
    outcome = outcome_of(isolation, "time.sleep(1000)", stopped=asked.is_set)
    assert outcome.broken == "it was called off"
    assert time.monotonic() - began < 20
