"""Writing that is whole or absent: a temporary name beside the target, synced, then renamed."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from suite.errors import StorageError


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path; rename it to `target` on success, remove it on any failure.

    Raises StorageError when the disk is full or the folder cannot be written.
    """
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        os.close(handle)
    temporary = Path(name)
    try:
        with storage_errors(target):
            yield temporary
            temporary.chmod(0o644)
            _sync(temporary)
            temporary.replace(target)
            _sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `target`; every file in it is synced before it takes the name.

    When `target` exists by then (another process was faster), the temporary one is dropped:
    content-addressed folders of one name are equal.
    """
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
    try:
        with storage_errors(target):
            yield temporary
            temporary.chmod(0o755)
            for path in sorted(temporary.rglob("*")):
                _sync(path)
            if not target.exists():
                temporary.rename(target)
            _sync(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(target: Path, text: str) -> None:
    """Write `text` (UTF-8) to `target`, whole or not at all."""
    write_bytes(target, text.encode("utf-8"))


def write_bytes(target: Path, content: bytes) -> None:
    """Write `content` to `target`, whole or not at all."""
    with atomic_file(target) as temporary:
        temporary.write_bytes(content)


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
    # Libraries written in Rust (safetensors, tokenizers) raise classes of their own with the number in the text.
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found else None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
