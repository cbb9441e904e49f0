"""From the prepared files in a folder, or from results that have none, to what the page knows of a track."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from leaderboard.track_data import TrackData
from suite.aggregate.cells import read_cells
from suite.aggregate.moments_file import MomentsFile
from suite.aggregate.prepared_reading import Prepared, read_prepared
from suite.errors import BreadthError, StoreError
from suite.stores.protocol import Skipped
from suite.stores.records import LARGEST_RECORD, checked_path
from suite.track import Track, load_track, track_names

LARGEST_TABLE = 256 * 2**20
"""Bytes of a prepared file; a larger one is not read."""
LONGEST_COMPUTATION = 1800.0
"""Seconds."""


def file_reader(folder: Path, largest: int = LARGEST_RECORD) -> Callable[[str], bytes]:
    """Reads files of a folder by their paths inside it; raises StoreError for what is none, or too large."""

    def read(path: str) -> bytes:
        target = folder / checked_path(path)
        try:
            if not target.is_file():
                raise StoreError(f"{path} is not in this store (any more).")
            # Checked before the read: one huge file must not take the memory of the whole page.
            if target.stat().st_size > largest:
                raise StoreError(f"{path} is larger than {largest // 2**20} MiB, the most that is read.")
            return target.read_bytes()
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error

    return read


def read_track(name: str, folder: Path, tables: Path, read: Callable[[str], bytes]) -> tuple[TrackData, str]:
    """What the page knows of a track by the prepared files in `tables`, and the digest of the records behind them.

    `folder` holds the kept studies, `read` gives single records. Raises StoreError when a file is missing or damaged.
    """
    content = file_reader(tables, LARGEST_TABLE)
    prepared = read_prepared(content(f"leaderboard/{name}.json"), content(f"leaderboard/{name}.parquet"))
    board = prepared.board
    if board.track != name:
        raise StoreError(f"leaderboard/{name}.json is of track {board.track!r}")
    lines = content(f"leaderboard/{name}.cells.parquet")
    prepared.check("cells.parquet", hashlib.sha256(lines).hexdigest())
    cells = read_cells(lines)
    track = known_track(name)
    problems = [Skipped(path, reason) for path, reason in board.skipped]
    if track is not None and track.identity != board.registration.identity:
        problems.append(
            Skipped(f"leaderboard/{name}.json", "of another version of the track than the one that comes with Breadth")
        )
        track = None
    moments = None
    try:
        moments = _moments(tables / f"leaderboard/{name}.moments.parquet", prepared)
    except StoreError as error:
        problems.append(problem(f"leaderboard/{name}.moments.parquet", error))
    data = TrackData(board, cells, track=track, folder=folder, read=read, moments=moments, problems=tuple(problems))
    return data, prepared.results_digest


def _moments(path: Path, prepared: Prepared) -> MomentsFile | None:
    """The open file of moments, None where there is none: what is opened stays readable when it is replaced."""
    try:
        if not path.is_file():
            return None
        file = path.open("rb")
        prepared.check("moments.parquet", hashlib.file_digest(file, "sha256").hexdigest())
        file.seek(0)
        found = MomentsFile(file)
    except OSError as error:
        raise StoreError(f"the moments cannot be read: {error.strerror or error}") from error
    if found.results_digest != prepared.results_digest:
        raise StoreError("the moments are of other results than the board")
    return found


def known_track(name: str) -> Track | None:
    """The definition that comes with Breadth; never a file that a stranger's name might point at."""
    return load_track(name) if name in track_names() else None


def compute_track(
    name: str, url: str, folder: Path, read: Callable[[str], bytes], stopping: threading.Event
) -> TrackData:
    """What the page knows of a track by its results alone, scored now. Raises StoreError when that fails.

    It is done by a process of its own: scoring asks the registry, which imports every strategy, and takes the time
    and the memory that readers of the page are to have.
    """
    with tempfile.TemporaryDirectory(prefix="breadth-tables-") as place:
        command = [sys.executable, "-m", "leaderboard.computing", url, name, place]
        package_root = str(Path(__file__).resolve().parents[1])
        paths = [package_root, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        # In a folder of its own: with -m Python looks for modules where it is started.
        with subprocess.Popen(
            command, cwd=place, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            said = _wait(process, stopping)
        if process.returncode:
            raise StoreError(
                f"The results of {name} could not be scored: {said or f'exit status {process.returncode}'}"
            )
        return read_track(name, folder, Path(place), read)[0]


def _wait(process: subprocess.Popen[str], stopping: threading.Event) -> str:
    """The last line of what the process said of its trouble; the process is ended when the page is."""
    waited = 0.0
    while True:
        try:
            _, said = process.communicate(timeout=0.5)
            lines = [line.strip() for line in said.splitlines() if line.strip()]
            return lines[-1] if lines else ""
        except subprocess.TimeoutExpired:
            waited += 0.5
            if stopping.is_set() or waited > LONGEST_COMPUTATION:
                process.kill()
                process.communicate()
                return "it was stopped" if stopping.is_set() else f"it took longer than {LONGEST_COMPUTATION:g} s"


def problem(path: str, error: BreadthError) -> Skipped:
    """An error about a file, as a line of the page."""
    return Skipped(path, str(error).removeprefix(f"{path} ").rstrip("."))
