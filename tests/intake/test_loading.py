"""From a submission's folder to a strategy: ids are given, code runs only where it is trusted, names never collide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sent import PYTHON, TOML, TRACK, code, ids, index_only
from tiny_track import experiment

from suite.boards import installed_facts
from suite.errors import SelectionError, UsageError
from suite.features import Features, TrackContext
from suite.intake.archive import pack, write_files
from suite.intake.loading import SubmissionError, load
from suite.intake.submission import CODE, MANIFEST, SELECTION
from suite.pool.loading import load_pool
from suite.registry import strategies
from suite.runner.stages import selection_key

HIDDEN = """
from dataclasses import dataclass
from suite.registry import Strategy, register
class Second(Strategy):
    def select(self, pool, budget, *, features, rng): ...
[register][0]("second")(dataclass(frozen=True)(Second))
"""


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    strategies.forget("my-method")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "my-method"


def test_ids_are_given_as_they_stand(folder: Path) -> None:
    write_files(index_only(), folder)
    made = load(folder, track=TRACK)
    strategy = strategies.parse("my-method")
    assert type(strategy) is made
    assert (made.index_only, made.info.deterministic, made.info.level, made.info.licence) == (
        True,
        False,
        "meso",
        "Apache-2.0",
    )
    assert installed_facts()["my-method"].kind == "index-only"
    selector = experiment().selector_for("tiny-llama", [strategy])
    assert selector.pick(strategy, 8, 1).selection.ids == tuple(map(str, range(15, 23)))
    assert selector.pick(strategy, 15, 0).selection.ids == tuple(map(str, range(15)))


def test_draws_that_were_not_given_are_refused(folder: Path) -> None:
    only = "".join(row for row in ids().splitlines(keepends=True) if '"seed": 0' in row)
    write_files({MANIFEST: TOML.encode(), SELECTION: only.encode()}, folder)
    assert load(folder, track=TRACK).info.deterministic
    strategy = strategies.parse("my-method")
    pool = load_pool(TRACK)
    for track, budget, seed in (("tiny", 8, 1), ("tiny", 9, 0), ("other", 8, 0)):
        with pytest.raises(SelectionError, match=r"my-method gives no ids for track .* tiny at 15; tiny at 8"):
            strategy.given(pool, budget, track=track, seed=seed)  # type: ignore[attr-defined]
    with pytest.raises(SelectionError, match="gives ids and selects nothing"):
        strategy.select(pool, 8, features=Features(_context(), {}), rng=np.random.default_rng(0))


def test_other_ids_are_another_selection(folder: Path) -> None:
    keys = []
    for old, new in (("59", "59"), ('"id": "0"', '"id": "59"')):
        write_files({MANIFEST: TOML.encode(), SELECTION: ids().replace(old, new).encode()}, folder)
        load(folder, track=TRACK)
        keys.append(selection_key(strategies.parse("my-method"), 8, 0, "0" * 64, []))
    assert keys[0] != keys[1]


def test_code_runs_only_where_it_is_trusted(folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    files = code()
    files[CODE] += f"\nopen({str(trace)!r}, 'w').close()\n".encode()
    write_files(files, folder)
    with pytest.raises(UsageError, match="--trust-my-own-code"):
        load(folder, track=TRACK)
    assert not trace.exists()
    assert "my-method" not in strategies.names()

    made = load(folder, track=TRACK, trust_code=True)
    assert trace.exists()
    assert made.info.origin == f"submission my-method 1.2 ({folder})"
    assert installed_facts()["my-method"].kind == "code"
    rows = strategies.parse("my-method:step=2").select(
        load_pool(TRACK), 4, features=Features(_context(), {}), rng=np.random.default_rng(0)
    )
    assert rows.tolist() == [0, 2, 4, 6]
    # Nothing is left beside the author's files, so the folder still passes.
    assert {path.name for path in folder.iterdir()} == {MANIFEST, CODE}


def test_code_is_loaded_anew_after_a_change(folder: Path) -> None:
    keys = []
    for step in (1, 3):
        write_files(
            {MANIFEST: TOML.encode(), CODE: PYTHON.replace("step: int = 1", f"step: int = {step}").encode()}, folder
        )
        load(folder, track=TRACK, trust_code=True)
        assert strategies.parse("my-method").parameters == {"step": step}
        keys.append(selection_key(strategies.parse("my-method"), 8, 0, "0" * 64, []))
    assert keys[0] != keys[1]


def test_an_archive_loads_like_its_folder(tmp_path: Path) -> None:
    archive = tmp_path / "sent.tar.gz"
    archive.write_bytes(pack(code()))
    assert load(archive, track=TRACK, trust_code=True).info.name == "my-method"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("import numpy as np", "import numpy as np\n1 / 0", "strategy.py cannot be loaded: ZeroDivisionError"),
        ("import numpy as np", "import numpy as np\nfrom numpy import nothing", "ImportError"),
        ("    step: int", "    step: nowhere.int", "NameError"),
        ('"""A strategy."""', "raise SystemExit('out')", "SystemExit: out"),
        ('"""A strategy."""', HIDDEN, "more than the one strategy"),
    ],
)
def test_code_that_fails_is_taken_out_again(folder: Path, old: str, new: str, said: str) -> None:
    write_files({MANIFEST: TOML.encode(), CODE: PYTHON.replace(old, new, 1).encode()}, folder)
    before = strategies.names()
    with pytest.raises(SubmissionError, match=said):
        load(folder, track=TRACK, trust_code=True)
    assert strategies.names() == before


def test_setting_what_is_kept_for_built_ins_is_refused(folder: Path) -> None:
    hidden = PYTHON + '\nsetattr(MyMethod, "refer" + "ence", True)\n'
    write_files({MANIFEST: TOML.encode(), CODE: hidden.encode()}, folder)
    with pytest.raises(SubmissionError, match="kept for built-in"):
        load(folder, track=TRACK, trust_code=True)
    assert "my-method" not in strategies.names()


@pytest.mark.parametrize("name", ["k-center", "random", "k-centre-", "kcenter"])
def test_a_name_that_is_there_is_refused_before_anything_runs(folder: Path, name: str) -> None:
    files = {MANIFEST: TOML.replace("my-method", name).encode(), CODE: PYTHON.replace("my-method", name).encode()}
    write_files(files, folder)
    known = strategies.get("k-center")
    with pytest.raises(SubmissionError, match=r"breaks \d rule"):
        load(folder, track=TRACK, trust_code=True)
    assert strategies.get("k-center") is known


def _context() -> TrackContext:
    return TrackContext(track="tiny", pool_size=60)
