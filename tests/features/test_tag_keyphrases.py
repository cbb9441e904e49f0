"""The offline tagger: what it finds in odd texts, in one process and in several, and when it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from killed_tagging import TAGS, short_pool

from suite.errors import FeatureError
from suite.features import TrackContext
from suite.features.store import FeatureStore
from suite.features.tag_keyphrases import KeyphraseTagger
from suite.features.tag_spool import CHUNK, Tagged, tag_pool

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests" / "killed_tagging.py"
SIZE = 2 * CHUNK + 10


def keyphrases(*texts: str, **changes: object) -> list[tuple[str, ...]]:
    ((_, answers),) = KeyphraseTagger(**changes).tag([0], lambda number: list(texts))  # type: ignore[arg-type]
    assert all(answer.failure is None for answer in answers)
    return [answer.tags for answer in answers]


def test_keyphrases_of_odd_texts() -> None:
    found = keyphrases(
        "Write a letter to the city council about noise pollution near the school.",
        "",
        " \n ",
        "!!! ???",
        "a b c",
        "Schreibe einen Brief an den Bürgermeister über den Lärm der Schule.",
        "请写一封信给市长，关于学校附近的噪音。",
        "\x00\ud7ff\U0001f600 smile \u202e",
    )
    assert "noise pollution" in found[0]
    assert found[1:4] == [(), (), ()]
    assert any("Bürgermeister" in phrase for phrase in found[5])
    assert len(found) == 8


def test_its_options() -> None:
    text = "The water cycle moves water vapour. A distant glacier feeds the harbour."
    assert max(len(phrase.split()) for phrase in keyphrases(text, words=3)[0]) == 3
    assert {len(phrase.split()) for phrase in keyphrases(text, words=1)[0]} == {1}
    assert len(keyphrases(text, candidates=2)[0]) == 2
    assert not any("glacier" in phrase for phrase in keyphrases(text, characters=36)[0])
    german = "Das ist wie ein Brief und wie ein Haus"
    assert len(keyphrases(german, language="de")[0]) < len(keyphrases(german)[0])


def test_a_text_that_breaks_the_library_is_a_failure_and_not_an_empty_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    import yake.core.yake as library

    def broken(**changes: object) -> None:
        raise ValueError("broken data")

    monkeypatch.setattr(library, "DataCore", broken)
    ((_, answers),) = KeyphraseTagger().tag([0], lambda number: ["a fine text", ""])
    assert "broken data" in str(answers[0].failure)
    assert answers[1] == Tagged()


def test_several_processes_find_what_one_finds(tmp_path: Path) -> None:
    pool = short_pool(2 * CHUNK + 3)
    done: list[int] = []
    found = tag_pool(
        pool, "response", KeyphraseTagger(), tmp_path, lambda now, total: done.append(now), most_failures=0.0
    )
    assert done == sorted(done)
    assert done[-1] == len(pool)
    assert found[:CHUNK] == [Tagged(tags) for tags in keyphrases(*pool.texts("response", range(CHUNK)))]
    assert found[-3:] == found[2 * CHUNK % 64 : 2 * CHUNK % 64 + 3], "texts repeat every 64 samples"


def test_a_killed_tagging_goes_on_and_leaves_no_process(tmp_path: Path) -> None:
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    program = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(tmp_path), str(SIZE)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert program.stdout is not None
    first = int(program.stdout.readline())
    workers = psutil.Process(program.pid).children(recursive=True)
    program.kill()
    program.wait()
    assert 0 < first < SIZE
    assert workers
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive

    pool, track = short_pool(SIZE), TrackContext("test", SIZE)
    key = FeatureStore(tmp_path).key(TAGS, pool)
    spooled = len(list((tmp_path / f"{key}.scratch").glob("tagged-*.json")))
    assert spooled >= 1
    done: list[int] = []
    finished = FeatureStore(tmp_path).ensure(TAGS, pool, track, lambda label: lambda now, total: done.append(now))
    assert done[0] > first, "it goes on behind what was spooled"
    assert not (tmp_path / f"{key}.scratch").exists()
    whole = FeatureStore(tmp_path / "another").ensure(TAGS, pool, track)
    assert whole.arrays.keys() == finished.arrays.keys()
    for name, array in whole.arrays.items():
        assert np.array_equal(array, finished.arrays[name]), name


def test_a_worker_that_dies_is_one_error_and_keeps_what_was_done(tmp_path: Path) -> None:
    def kill_a_worker(done: int, total: int) -> None:
        workers = [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]
        for worker in workers[:1]:  # none yet, or none any more: the next call kills one
            worker.kill()

    with pytest.raises(FeatureError, match=r"killed.*Run again"):
        tag_pool(short_pool(8 * CHUNK), "response", KeyphraseTagger(), tmp_path, kill_a_worker, most_failures=0.0)
    assert list(tmp_path.glob("tagged-*.json"))
