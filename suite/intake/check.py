"""Checking a submission: every rule at once, the same on the author's machine, on the page and on the server.

    report = check(Path("my-method"))                       # a folder, or an archive of one
    report = check_archive(uploaded, taken=..., author=...)  # its bytes

Nothing of a submission is run, and nothing heavy is imported: no torch, no strategy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suite.errors import UsageError, did_you_mean
from suite.intake.archive import Files, identity, read, unpack
from suite.intake.check_code import check_code
from suite.intake.names import Taken, check_name
from suite.intake.pool_ids import PoolIds, ids_at_hand
from suite.intake.rules import Problem, Problems
from suite.intake.selections import Selections, check_ids, check_selections, read_selections
from suite.intake.submission import (
    CODE,
    KIND_OF,
    MANIFEST,
    SELECTION,
    Kind,
    Manifest,
    Submission,
    read_manifest,
)
from suite.track import Track, load_track, track_names


@dataclass(frozen=True)
class Report:
    """What a check found. `sha256` is the submission's identity; `unchecked` says what only the server can check."""

    problems: tuple[Problem, ...]
    submission: Submission | None
    kind: Kind | None
    sha256: str
    files: Files = field(repr=False)
    unchecked: tuple[str, ...] = ()
    selections: int = 0
    ids: int = 0

    @property
    def passed(self) -> bool:
        """Whether no rule is broken."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "passed": self.passed,
            "kind": self.kind,
            "sha256": self.sha256,
            "submission": self.submission.model_dump(mode="json") if self.submission else None,
            "selections": self.selections,
            "ids": self.ids,
            "problems": [problem.as_dict() for problem in self.problems],
            "unchecked": list(self.unchecked),
        }


@dataclass(frozen=True)
class Surroundings:
    """What a submission is held against.

    `taken` holds the names on the board and of the built-in strategies, `author` whose submission it is (None where
    nobody has signed in), `tracks` the tracks there are, `pool_ids` where ids of pools come from.
    """

    taken: Mapping[str, Taken] = field(default_factory=dict)
    author: str | None = None
    tracks: Mapping[str, Track] | None = None
    pool_ids: PoolIds = ids_at_hand


def known_tracks(*own: Track) -> dict[str, Track]:
    """The tracks that come with Breadth, and those given."""
    return {name: load_track(name) for name in track_names()} | {track.name: track for track in own}


def check(path: Path, surroundings: Surroundings | None = None) -> Report:
    """Check a folder or an archive. Raises UnreadableError when there is neither."""
    problems = Problems()
    return _checked(read(path, problems), problems, surroundings or Surroundings())


def check_archive(content: bytes, surroundings: Surroundings | None = None) -> Report:
    """Check the bytes of an archive; whatever they are, the answer is a report."""
    problems = Problems()
    return _checked(unpack(content, problems), problems, surroundings or Surroundings())


def check_files(files: Mapping[str, bytes], surroundings: Surroundings | None = None) -> Report:
    """Check files by name, as a form or a repository gives them."""
    from suite.intake.archive import LARGEST

    problems = Problems()
    kept: Files = {}
    for name, content in files.items():
        if name not in LARGEST:
            problems.add("files", name, None, "no file of a submission")
        elif len(content) > LARGEST[name]:
            problems.add("file-size", name, None, f"{len(content):,} bytes")
        else:
            kept[name] = content
    return _checked(kept, problems, surroundings or Surroundings())


def _checked(files: Files, problems: Problems, around: Surroundings) -> Report:
    tracks = known_tracks() if around.tracks is None else around.tracks
    kind = _kind(files, problems)
    manifest = read_manifest(files[MANIFEST], problems) if MANIFEST in files else Manifest("")
    unchecked: list[str] = []
    if manifest.draft is not None:
        if "name" not in manifest.broken:
            check_name(manifest, manifest.draft, around.taken, around.author, problems)
        _check_tracks(manifest, manifest.draft, tracks, problems)
    found: Selections = {}
    if SELECTION in files:
        found = read_selections(files[SELECTION], problems)
        check_selections(found, manifest, tracks, problems)
        unchecked += _check_pools(found, tracks, around.pool_ids, problems)
    if CODE in files:
        check_code(files[CODE], manifest, problems)
        unchecked.append("what the code picks: the server runs it in a sandbox and checks its ids")
    if around.author is None:
        unchecked.append("whether the name is free on the board: the server knows")
    return Report(
        problems=tuple(sorted(problems, key=_place)),
        submission=manifest.submission,
        kind=kind,
        sha256=identity(files),
        files=files,
        unchecked=tuple(unchecked),
        selections=len(found),
        ids=sum(len(picks.lines) for picks in found.values()),
    )


def _kind(files: Files, problems: Problems) -> Kind | None:
    if MANIFEST not in files:
        problems.add("files", MANIFEST, None, "missing or unreadable", "Write it: `breadth init NAME` shows how.")
    kinds = [kind for name, kind in KIND_OF.items() if name in files]
    if len(kinds) == 2:
        problems.add("files", CODE, None, f"{CODE} and {SELECTION}", "Keep one of them: a submission is of one kind.")
    elif not kinds:
        remedy = f"Add the ids that were picked ({SELECTION}), or the code that picks ({CODE})."
        problems.add("files", SELECTION, None, f"neither {SELECTION} nor {CODE} can be read", remedy)
    return kinds[0] if len(kinds) == 1 else None


def _place(problem: Problem) -> tuple[int, str, bool, int]:
    """Problems in the order in which a reader goes through the files; what is said of a whole file comes first."""
    files = [MANIFEST, SELECTION, CODE]
    return (
        files.index(problem.file) if problem.file in files else -1,
        problem.file,
        problem.others > 0,
        problem.line or 0,
    )


def _check_tracks(manifest: Manifest, draft: Submission, tracks: Mapping[str, Track], problems: Problems) -> None:
    for name, budgets in draft.tracks.items():
        if name == "stand-in" and "tracks" in manifest.broken:
            continue
        line = manifest.line("tracks", name)
        if name not in tracks:
            remedy = f"There are: {', '.join(tracks)}.{did_you_mean(name, tracks)}"
            problems.add("track-unknown", MANIFEST, line, name, remedy)
            continue
        sizes: dict[int, str] = {}
        for written in map(str, budgets):
            try:
                size = tracks[name].check_budget(written)
            except UsageError as error:
                problems.add("budget-unknown", MANIFEST, line, written, str(error))
                continue
            if size in sizes:
                problems.add("budget", MANIFEST, line, f"{written} and {sizes[size]} are the same")
            sizes[size] = written


def _check_pools(found: Selections, tracks: Mapping[str, Track], pool_ids: PoolIds, problems: Problems) -> list[str]:
    unchecked = []
    for name in dict.fromkeys(which.track for which in found):
        if name in tracks:
            ids = pool_ids(tracks[name])
            if isinstance(ids, str):
                unchecked.append(f"whether the ids exist: {ids}")
            else:
                check_ids(name, found, ids, problems)
    return unchecked
