"""Compiling a kernel with numba, with a cache on disk that processes may share.

numba's own cache goes wrong in three ways that a benchmark cannot bear; each gives wrong picks, or a crash.

*Names.* numba tells two functions of one name (closures of a factory, such as the sorts behind `sort` and `argsort`)
apart by a number that every process counts from 1. Machine code kept by two processes may use one name for two
functions, and where both are loaded the first is called for both. Here the count starts at a number drawn at random.

*Files.* The files of a function's signatures are numbered, and the index is written before the file: two processes
that compile different signatures at once may leave an index that leads to another signature's code. Here every
signature has a file of its own, named by its key and holding it, with a digest of its bytes.

*Callees.* Only the function's own source decides whether its code is fresh, though the functions it calls are in it.
Here every file carries a stamp of all sources beside it. What does not fit is compiled anew and written over.

What another version of numba wrote may not even be read back as Python objects: the digest counts the version and the
stamp in, so that only what this one wrote for these sources is unpickled.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import pickle
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.bytecode import FunctionIdentity
from numba.core.caching import FunctionCache, IndexDataCacheFile

FunctionIdentity._unique_ids = itertools.count(secrets.randbits(56))


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator: `numba.njit` with `options`, the machine code kept on disk where numba would keep it."""

    def compile_one(function: Callable[..., Any]) -> Any:
        dispatcher = njit(**options)(function)
        dispatcher._cache = KernelCache(function)
        return dispatcher

    return compile_one


class KernelCache(FunctionCache):
    """numba's cache of one function, its files replaced by `KernelFiles`."""

    def __init__(self, function: Callable[..., Any]):
        super().__init__(function)
        self._cache_file: KernelFiles = KernelFiles(
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=stamp(Path(function.__code__.co_filename).parent),
        )


class KernelFiles(IndexDataCacheFile):
    """One file a signature, and no index: there is nothing that two processes could tear apart."""

    def save(self, key: Any, data: Any) -> None:
        """Write the machine code of one signature, at once or not at all."""
        self._save_data(self._name(key), (key, data))

    def load(self, key: Any) -> Any:
        """The machine code kept for `key`; None where there is none that is whole and of these sources."""
        try:
            found = self._load_data(self._name(key))
        except OSError:
            return None
        return found[1] if found is not None and found[0] == key else None

    def flush(self) -> None:
        """Forget every signature of the function."""
        for path in Path(self._cache_path).glob(self._name("*", hashed=False)):
            path.unlink(missing_ok=True)

    def _name(self, key: Any, hashed: bool = True) -> str:
        part = hashlib.sha256(repr(key).encode()).hexdigest()[:24] if hashed else key
        return f"{Path(self._index_name).stem}.{part}.nbc"

    def _dump(self, obj: Any) -> bytes:
        data = super()._dump(obj)
        return self._digest(data) + data

    def _load_data(self, name: str) -> Any:
        content = Path(self._data_path(name)).read_bytes()
        digest, data = content[:32], content[32:]
        return pickle.loads(data) if self._digest(data) == digest else None

    def _digest(self, data: bytes) -> bytes:
        return hashlib.sha256(f"{self._version} {self._source_stamp}\n".encode() + data).digest()


@functools.cache
def stamp(sources: Path) -> str:
    """The SHA-256 of the Python files of a folder: their names and bytes, in order of name."""
    digest = hashlib.sha256()
    for path in sorted({*sources.glob("*.py"), *Path(__file__).parent.glob("*.py")}):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
