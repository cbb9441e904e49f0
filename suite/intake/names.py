"""Which names a submission may not take: words with a meaning, names that are there, and names that read like them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from suite.intake.rules import Problems
from suite.intake.submission import MANIFEST, Submission, line_of, version_key

MODULES = "submissions."
"""What the names of modules made from submissions begin with; their strategies are told from built-in ones by it."""

RESERVED = frozenset(
    # Rows that the board makes itself, and words that its pages and commands use.
    "untuned full oracle random duplicate reference baseline base board breadth best winner track tracks strategy "
    "strategies submission submissions request requests result results queue worker leaderboard test admin".split()
    # Names that some systems cannot give a folder.
    + ["con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))]
)
_LIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "-": None})


@dataclass(frozen=True)
class Taken:
    """A name on the board: whose it is (None: nobody's who could send a version), and its published version."""

    owner: str | None = None
    version: str = ""


def folded(name: str) -> str:
    """What a name looks like at a glance: names that fold alike are confused with each other."""
    return name.translate(_LIKE)


def built_in_names() -> dict[str, Taken]:
    """The strategies that are installed here, which nobody may submit again."""
    from suite.registry import strategies

    return {cls.info.name: Taken() for cls in strategies if not cls.__module__.startswith(MODULES)}


def check_name(
    submission: Submission, manifest: str, taken: Mapping[str, Taken], author: str | None, problems: Problems
) -> None:
    """Note a name that is reserved or taken by another than `author`, and a version that does not rise."""
    name, line = submission.name, line_of(manifest, "name")
    if name in RESERVED or folded(name) in _FOLDED:
        problems.add("name-reserved", MANIFEST, line, name)
    own = taken.get(name)
    if own is not None and author is not None and own.owner == author:
        if version_key(submission.version) <= version_key(own.version):
            remedy = f"Raise it above {own.version}, which is published."
            problems.add("version-rises", MANIFEST, line_of(manifest, "version"), submission.version, remedy)
        return
    if like := _alike(name, taken):
        remedy = f"Choose a name that reads differently from {like!r}, which is there already."
        problems.add("name-taken", MANIFEST, line, name, remedy)


def _alike(name: str, taken: Iterable[str]) -> str:
    look = folded(name)
    return next((known for known in sorted(taken, key=lambda known: known != name) if folded(known) == look), "")


_FOLDED = frozenset(map(folded, RESERVED))
