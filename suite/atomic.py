"""Writing that is whole or absent: a temporary name beside the target, synced, then renamed.

A writer holds a lock on its temporary as long as it lives. What a killed one left behind is thereby known for what it
is, and removed by the next writer of the same target.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from suite.errors import StorageError

PART = ".part"
"""The ending of temporary names; they begin with a full stop and the target's name."""


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path; rename it to `target` on success, remove it on any failure.

    Raises StorageError when the disk is full or the folder cannot be written.
    """
    with storage_errors(target):
        temporary, held = _begin(target, folder=False)
    try:
        with storage_errors(target):
            yield temporary
            temporary.chmod(0o644)
            _sync(temporary)
            temporary.replace(target)
            _sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(held)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `target`; every file in it is synced before it takes the name.

    When `target` exists by then (another process was faster), the temporary one is dropped:
    content-addressed folders of one name are equal.
    """
    with storage_errors(target):
        temporary, held = _begin(target, folder=True)
    try:
        with storage_errors(target):
            yield temporary
            temporary.chmod(0o755)
            for path in sorted(temporary.rglob("*")):
                _sync(path)
            _take_name(temporary, target)
            _sync(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        os.close(held)


def write_text(target: Path, text: str) -> None:
    """Write `text` (UTF-8) to `target`, whole or not at all."""
    write_bytes(target, text.encode("utf-8"))


def write_bytes(target: Path, content: bytes) -> None:
    """Write `content` to `target`, whole or not at all."""
    with atomic_file(target) as temporary:
        temporary.write_bytes(content)


def _begin(target: Path, *, folder: bool) -> tuple[Path, int]:
    """A temporary beside `target` and the descriptor that locks it, once those of dead writers are gone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _drop_abandoned(target)
    prefix = f".{target.name}."
    while True:
        if folder:
            name = tempfile.mkdtemp(prefix=prefix, suffix=PART, dir=target.parent)
        else:
            handle, name = tempfile.mkstemp(prefix=prefix, suffix=PART, dir=target.parent)
            os.close(handle)
        held = _held(Path(name))
        if held is not None:
            return Path(name), held


def _held(temporary: Path, *, wait: bool = True) -> int | None:
    """The descriptor of a lock on a temporary; None when it is gone, or (without waiting) in somebody's hands."""
    try:
        descriptor = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        # Somebody may have taken it for abandoned between its making and the lock.
        if os.path.samestat(os.fstat(descriptor), os.stat(temporary)):
            return descriptor
    except FileNotFoundError:
        pass
    except OSError as error:
        if wait and error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            return descriptor  # a file system without locks: nobody takes anything for abandoned there
        if error.errno not in (errno.EWOULDBLOCK, errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            os.close(descriptor)
            raise
    os.close(descriptor)
    return None


def _drop_abandoned(target: Path) -> None:
    """Remove what killed writers of `target` left half-written."""
    for path in target.parent.glob(f".{glob.escape(target.name)}.*{PART}"):
        held = _held(path, wait=False)
        if held is not None:
            try:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
            finally:
                os.close(held)


def _take_name(temporary: Path, target: Path) -> None:
    if target.exists():
        return
    try:
        temporary.rename(target)
    except OSError as error:
        # Another process has taken the name since we looked.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not target.is_dir():
            raise


@contextmanager
def storage_errors(target: Path) -> Iterator[None]:
    """Turn the operating system's storage errors into one sentence that says what to do."""
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        code = _error_number(error)
        if code in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                f"The disk is full: {target} could not be written and nothing half-written was left. "
                "Free space, or set BREADTH_HOME to a larger disk, and run again: finished work is kept."
            ) from error
        if code in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageError(
                f"No permission to write {target}. Set BREADTH_HOME (or --store) to a folder you may write."
            ) from error
        if code == errno.EFBIG:
            raise StorageError(
                f"{target} is larger than this user's limit on file sizes (ulimit -f); nothing half-written was left. "
                "Raise the limit and run again."
            ) from error
        if code in (errno.ENOTDIR, errno.EEXIST):
            raise StorageError(
                f"{target} cannot be written: a file lies where a folder is needed. Move it away, or set BREADTH_HOME."
            ) from error
        if code == errno.ENOENT:
            raise StorageError(
                f"{target} cannot be written: no folder can be made there, or it went away meanwhile."
            ) from error
        raise


def _error_number(error: Exception) -> int | None:
    if isinstance(error, OSError):
        return error.errno
    if code := sqlite_code(error):
        import sqlite3

        return {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_READONLY: errno.EROFS}.get(code)
    # Libraries written in Rust (safetensors, tokenizers) raise classes of their own with the number in the text.
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found else None


def sqlite_code(error: Exception) -> int:
    """SQLite's result code, without its extension; 0 where the error is not SQLite's."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
