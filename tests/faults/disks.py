"""A small file system of one's own, filled up to the page: what writing does when the disk is full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PAGE = 4096
BALLAST = "ballast"


@contextmanager
def mounted(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A file system of that size in memory; skips the test where this user may mount none (see `test_mounting`)."""
    folder.mkdir()
    if not _mount(folder, mebibytes):
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield folder
    finally:
        _unmount(folder)


def may_mount(folder: Path) -> bool:
    """Whether this user may mount a file system over a folder."""
    allowed = _mount(folder, 1)
    if allowed:
        _unmount(folder)
    return allowed


def _mount(folder: Path, mebibytes: int) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def leave_free(disk: Path, pages: int) -> None:
    """Fill the file system until so many pages are free."""
    make_room(disk)
    with (disk / BALLAST).open("wb") as file:
        room = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        file.write(bytes(max(0, room - pages * PAGE)))


def make_room(disk: Path) -> None:
    """Empty it again of what filled it."""
    (disk / BALLAST).unlink(missing_ok=True)


def files_in(disk: Path) -> list[str]:
    """What lies there, but for what filled it, locks, logs and the folders themselves."""
    found = [path for path in disk.rglob("*") if path.is_file() or path.suffix == ".part"]
    return sorted(str(path.relative_to(disk)) for path in found if not path.name.endswith((".lock", ".log", BALLAST)))
