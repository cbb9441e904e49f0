"""Machine code on disk: shared by processes, never of other sources, never another signature's."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from strategies.kernels import compiling

PACKAGE = Path(compiling.__file__).parents[2]
KERNELS = """\
from kernels.callee import doubled
from strategies.kernels.compiling import compiled


@compiled()
def total(values):
    result = values[0] * 0
    for value in values:
        result += doubled(value)
    return result
"""
CALLEE = """\
from strategies.kernels.compiling import compiled


@compiled()
def doubled(value):
    return value * 2
"""
RUN = "import numpy as np; from kernels.caller import total; print(total(np.arange(5, dtype={dtype!r})))"
HITS = "; print(sum(total.stats.cache_hits.values()), sum(total.stats.cache_misses.values()))"


@pytest.fixture
def kernels(tmp_path: Path) -> Path:
    """A package of two kernels, one calling the other."""
    folder = tmp_path / "kernels"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "caller.py").write_text(KERNELS)
    (folder / "callee.py").write_text(CALLEE)
    return folder


def command(code: str) -> list[str]:
    return [sys.executable, "-c", f"import sys; sys.path[:0] = ['.', {str(PACKAGE)!r}]; {code}"]


def run(folder: Path, code: str) -> str:
    done = subprocess.run(command(code), capture_output=True, text=True, cwd=folder.parent, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def files(folder: Path, function: str) -> list[Path]:
    return sorted((folder / "__pycache__").glob(f"{function}*.nbc"))


def test_code_is_kept_a_file_a_signature_and_found_again(kernels: Path) -> None:
    first = run(kernels, RUN.format(dtype="int64") + HITS)
    assert first == "20\n0 1"
    assert run(kernels, RUN.format(dtype="int64") + HITS) == "20\n1 0"
    assert run(kernels, RUN.format(dtype="float32") + HITS) == "20.0\n0 1"
    assert len(files(kernels, "caller.total")) == 2
    assert not list((kernels / "__pycache__").glob("*.nbi"))


def test_a_change_in_a_called_function_is_seen(kernels: Path) -> None:
    assert run(kernels, RUN.format(dtype="int64")) == "20"
    (kernels / "callee.py").write_text(CALLEE.replace("value * 2", "value * 3"))
    assert run(kernels, RUN.format(dtype="int64")) == "30"
    assert len(files(kernels, "caller.total")) == 1  # written over, not piled up


@pytest.mark.parametrize("damage", [lambda data: data[:-100], lambda data: b"", lambda data: data[:-1] + b"\0"])
def test_damaged_code_is_compiled_anew(kernels: Path, damage: object) -> None:
    run(kernels, RUN.format(dtype="int64"))
    for path in files(kernels, "caller.total"):
        path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    assert run(kernels, RUN.format(dtype="int64") + HITS) == "20\n0 1"
    assert run(kernels, RUN.format(dtype="int64") + HITS) == "20\n1 0"


def test_code_of_another_numba_is_not_even_read(kernels: Path) -> None:
    """What another version kept may name modules that are gone."""
    run(kernels, f"import numba; numba.__version__ = '0.1'; {RUN.format(dtype='int64')}")
    (path,) = files(kernels, "caller.total")
    assert run(kernels, RUN.format(dtype="int64") + HITS) == "20\n0 1"
    data = b"cno_such_module\nthing\n."
    path.write_bytes(hashlib.sha256(data).digest() + data)
    assert run(kernels, RUN.format(dtype="int64") + HITS) == "20\n0 1"


def test_code_of_another_signature_is_not_run(kernels: Path) -> None:
    """What numba's own cache does when two processes compile at once: a name leads to another signature's code."""
    run(kernels, RUN.format(dtype="int64"))
    (integers,) = files(kernels, "caller.total")
    run(kernels, RUN.format(dtype="float64"))
    (floats,) = set(files(kernels, "caller.total")) - {integers}
    shutil.copy(floats, integers)
    assert run(kernels, RUN.format(dtype="int64") + HITS) == "20\n0 1"


def test_processes_that_compile_at_once_stay_apart(kernels: Path) -> None:
    types = ["int8", "int16", "int32", "int64", "float32", "float64"]
    for _ in range(2):
        shutil.rmtree(kernels / "__pycache__", ignore_errors=True)
        at_once = [
            subprocess.Popen(command(RUN.format(dtype=dtype)), stdout=subprocess.PIPE, text=True, cwd=kernels.parent)
            for dtype in types
        ]
        assert [float(process.communicate(timeout=120)[0]) for process in at_once] == [20.0] * len(types)
        every = f"for dtype in {types}: print(total(np.arange(5, dtype=dtype)))"
        said = run(kernels, f"import numpy as np; from kernels.caller import total\n{every}\n{HITS.lstrip('; ')}")
        assert [float(line) for line in said.splitlines()[:-1]] == [20.0] * len(types)
        assert said.splitlines()[-1] == f"{len(types)} 0"


FACTORY = """\
from numba import njit
from strategies.kernels.compiling import compiled


def growing_from(start):
    @njit
    def grown(steps):  # calls itself twice, so that it is not inlined
        if steps < 2:
            return start
        return grown(steps - 1) + grown(steps - 2)

    return grown


of_one, of_ten = growing_from(1), growing_from(10)


@compiled()
def from_one(steps):
    return of_one(steps)


@compiled()
def from_ten(steps):
    return of_ten(steps)
"""


def test_functions_of_one_name_compiled_in_two_processes_stay_apart(kernels: Path) -> None:
    """numba's own names end in a number that each process counts from 1: the third process gets 13 and 13."""
    (kernels / "factory.py").write_text(FACTORY)
    assert run(kernels, "from kernels.factory import from_one; print(from_one(6))") == "13"
    assert run(kernels, "from kernels.factory import from_ten; print(from_ten(6))") == "130"
    both = "from kernels.factory import from_one, from_ten; print(from_one(6), from_ten(6))"
    assert run(kernels, both) == "13 130"
    assert len(files(kernels, "factory.")) == 2
