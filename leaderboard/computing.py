"""`python -m leaderboard.computing STORE TRACK FOLDER`: the prepared files of a track, written beside no store."""

from __future__ import annotations

import sys
from pathlib import Path

from suite.atomic import write_bytes
from suite.errors import BreadthError


def compute(store: str, track: str, folder: Path) -> None:
    """Score a track's results as `breadth board` does, and write its prepared files into a folder."""
    from suite.boards import prepare
    from suite.stores import open_store
    from suite.track import load_track

    _, files = prepare(load_track(track), open_store(store))
    for path, content in files.items():
        write_bytes(folder / path, content)


if __name__ == "__main__":
    try:
        compute(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    except BreadthError as error:
        sys.exit(str(error))
