"""vLLM's process: killed, out of memory, orphaned. Real processes of real vLLM, each killed where it would die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from vllm_processes import children

from suite.engines.protocol import GenerationRequest
from suite.engines.vllm.child import Child, OutOfMemory
from suite.engines.vllm.engine import VllmEngine, VllmSettings
from suite.engines.vllm.finding import is_there_for_gpus
from suite.errors import EngineError
from suite.home import logs_folder
from suite.machine import gpus

PARENT = """
import os, sys
from pathlib import Path
from suite.engines.vllm.engine import VllmEngine, VllmSettings
engine = VllmEngine(Path(sys.argv[1]), settings=VllmSettings(adapters=0))
print(os.getpid(), flush=True)
engine._started("generate")
"""


def long_answers(engine: VllmEngine) -> list[list[int]]:
    return engine.generate([GenerationRequest((0, 5 + n), 200, ()) for n in range(200)])


def wait_until(what: object, seconds: float = 120) -> None:
    assert callable(what)
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


@pytest.mark.long
@pytest.mark.usefixtures("with_vllm")
def test_killed_twice_it_fails_with_its_last_words_and_then_goes_on(base: Path) -> None:
    engine = VllmEngine(base, batch_size=4, settings=VllmSettings(adapters=0))
    before = engine.generate([GenerationRequest((0, 5), 8, ())])
    killed: list[int] = []

    def kill_two() -> None:
        # The first in the middle of its answer, the one that takes its place while it starts.
        for _ in range(2):
            wait_until(lambda: [child for child in children(os.getpid()) if child.pid not in killed])
            time.sleep(0.3)
            (child,) = [child for child in children(os.getpid()) if child.pid not in killed]
            killed.append(child.pid)
            child.kill()

    killer = threading.Thread(target=kill_two)
    killer.start()
    with pytest.raises(EngineError, match=r"killed, perhaps for memory; it last said: .*log: ") as caught:
        long_answers(engine)
    killer.join()
    assert "ran out of memory with 2 requests at once, after one try with twice as many" in str(caught.value)
    assert (engine.batch_size, engine.batching) == (2, "up to 2 requests of 1 adapters at once")
    # The log is kept for whoever reads the error; the next question is answered by a new process.
    assert any(logs_folder().iterdir())
    assert engine.generate([GenerationRequest((0, 5), 8, ())]) == before
    (running,) = children(os.getpid())
    engine.close()
    assert not psutil.pid_exists(running.pid) or running.status() == psutil.STATUS_ZOMBIE


@pytest.mark.long
@pytest.mark.usefixtures("with_vllm")
def test_without_memory_it_tries_once_with_less_and_says_so(
    base: Path, adapters: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # No machine has this much: the allocation itself fails, as it does on a card that is too small.
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "4000000")
    engine = VllmEngine(base, batch_size=8, settings=VllmSettings(rank=4, adapters=2))
    with pytest.raises(EngineError, match=r"ran out of memory with 4 requests at once, .*smaller batch_size") as caught:
        engine.add_adapter("first", adapters["adapter-0"])
    assert isinstance(caught.value.__cause__, OutOfMemory)
    assert children(os.getpid()) == []


@pytest.mark.usefixtures("with_vllm")
def test_it_ends_with_its_parent(base: Path) -> None:
    root = Path(__file__).parents[3]
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(base)], stdout=subprocess.PIPE, text=True, cwd=root)
    assert parent.stdout is not None
    assert int(parent.stdout.readline()) == parent.pid
    wait_until(lambda: children(parent.pid))
    time.sleep(0.5)
    (child,) = children(parent.pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 60)


@pytest.mark.usefixtures("with_vllm")
def test_a_model_that_cannot_be_read_says_why(base: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((base / "config.json").read_text())
    engine = VllmEngine(tmp_path, settings=VllmSettings(adapters=0))
    with pytest.raises(EngineError, match=r"vLLM could not start: .*\(log: .*vllm-.*\.log\)"):
        engine.generate([GenerationRequest((0, 5), 8, ())])
    assert children(os.getpid()) == []


@pytest.mark.skipif(not gpus() or not is_there_for_gpus(), reason="no GPU, or no vLLM for it")
def test_when_it_has_ended_the_memory_of_the_gpu_is_free(base: Path) -> None:
    def used() -> list[int]:
        command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
        return [
            int(line) for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        ]

    before = used()
    engine = VllmEngine(base, settings=VllmSettings(adapters=0, memory_share=0.5))
    engine.generate([GenerationRequest((0, 5), 8, ())])
    assert max(now - then for now, then in zip(used(), before, strict=True)) > 500
    engine.close()
    wait_until(lambda: max(now - then for now, then in zip(used(), before, strict=True)) < 64, 30)


def test_a_program_that_speaks_another_language(tmp_path: Path) -> None:
    """Whatever stands at the other end, what it said last is what is shown."""
    from suite.engines.vllm.finding import Installation

    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho hello\necho 'no such option: -P' >&2\nexit 3\n")
    script.chmod(0o755)
    with pytest.raises(EngineError, match="ended with code 3; it last said: no such option: -P"):
        Child(Installation(str(script), {"vllm": "0.32.0+cpu"}), {}, tmp_path / "logs")
