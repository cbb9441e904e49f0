"""From a submission's folder to a strategy of this process, registered under the submission's name.

Only what passes every check is loaded. An index-only submission runs no code. The code of a code submission is run
here only when whoever starts Breadth says that they trust it; the board's workers never say so.
"""

from __future__ import annotations

import dataclasses
import hashlib
import linecache
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.errors import BreadthError, UsageError
from suite.intake.check import Report, Surroundings, check, known_tracks
from suite.intake.given import Given
from suite.intake.names import built_in_names, module_name
from suite.intake.rules import Problems
from suite.intake.selections import read_selections
from suite.intake.submission import CODE, SELECTION, Submission
from suite.registry import Strategy, strategies
from suite.track import Track

LISTED = 10


class SubmissionError(BreadthError):
    """A submission breaks rules, or its code cannot be loaded; the message lists what."""


def load(path: Path, *, track: Track | None = None, trust_code: bool = False) -> type[Strategy]:
    """Check the submission at `path` and register its strategy in this process; `track` may be one of one's own.

    Raises SubmissionError with the problems when a rule is broken or the code fails, UsageError when it is code and
    is not trusted, UnreadableError when nothing is there.
    """
    tracks = known_tracks(*([track] if track else []))
    # Ids are held against the pool when they are picked: there is no need to read the pools of other tracks now.
    around = Surroundings(taken=built_in_names(), tracks=tracks, pool_ids=lambda _: "read when picked")
    return register_report(check(path, around), origin=path, trust_code=trust_code)


def register_report(report: Report, *, origin: Path, trust_code: bool = False) -> type[Strategy]:
    """Register the strategy of a submission that was checked; `origin` is where it came from. Raises as `load`."""
    if report.problems or report.submission is None or report.kind is None:
        listed = "\n".join(f"  {problem}" for problem in report.problems[:LISTED])
        raise SubmissionError(
            f"{origin} breaks {len(report.problems)} rule(s); `breadth check {origin}` lists them all:\n{listed}"
        )
    if report.kind == "index-only":
        return _register_ids(report.submission, report.files[SELECTION], origin)
    if not trust_code:
        raise UsageError(
            f"{origin} is code, which would run on this machine with your rights. Read its {CODE}, then add "
            "--trust-my-own-code; the board itself runs it in a sandbox only."
        )
    return _register_code(report.submission, report.files[CODE], origin)


def _register_ids(submission: Submission, content: bytes, origin: Path) -> type[Strategy]:
    found = read_selections(content, Problems())
    members: dict[str, Any] = {
        "__module__": module_name(submission.name),
        "__doc__": submission.title,
        "selections": {which: tuple(picks.lines) for which, picks in found.items()},
        "source_sha256": hashlib.sha256(content).hexdigest(),
    }
    bare: type[Strategy] = type(_class_name(submission), (Given,), members)
    made = dataclass(frozen=True)(bare)
    fixed = all(which.seed == 0 for which in found)
    strategies.forget(submission.name)
    return _with_facts(strategies.add(submission.name, made, deterministic=fixed), submission, origin)


def _register_code(submission: Submission, content: bytes, origin: Path) -> type[Strategy]:
    text = content.decode("utf-8")
    place = str(origin / CODE if origin.is_dir() else f"{origin}:{CODE}")
    module = types.ModuleType(module_name(submission.name))
    module.__file__ = place
    # A traceback shows the author's own lines, also where the code came from an archive.
    linecache.cache[place] = (len(text), None, text.splitlines(keepends=True), place)
    sys.modules[module.__name__] = module
    before = set(strategies.names())
    strategies.forget(submission.name)
    try:
        exec(compile(text, place, "exec", dont_inherit=True), module.__dict__)
        made = strategies.get(submission.name)
    except (Exception, SystemExit) as error:
        _unload(module, before, submission.name)
        raise SubmissionError(
            f"{place} cannot be loaded: {type(error).__name__}: {error}. Mend it and try again."
        ) from error
    extra = set(strategies.names()) - before - {submission.name}
    if extra or made.allows_repeats or made.reference or made.degenerate or made.index_only:
        _unload(module, before, submission.name)
        raise SubmissionError(
            f"{place} registers more than the one strategy {submission.name!r}, or sets what is kept for built-in ones."
        )
    made.source_sha256 = hashlib.sha256(content).hexdigest()
    return _with_facts(made, submission, origin)


def _unload(module: types.ModuleType, before: set[str], name: str) -> None:
    for added in {name, *(set(strategies.names()) - before)}:
        strategies.forget(added)
    sys.modules.pop(module.__name__, None)


def _with_facts(made: type[Strategy], submission: Submission, origin: Path) -> type[Strategy]:
    """What `submission.toml` says is what tables show."""
    made.info = dataclasses.replace(
        made.info,
        level=submission.level,
        paper=submission.paper,
        licence=submission.licence,
        origin=f"submission {submission.name} {submission.version} ({origin})",
    )
    return made


def _class_name(submission: Submission) -> str:
    return "".join(word.capitalize() for word in submission.name.split("-"))
