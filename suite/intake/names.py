"""Which names a submission may not take: words with a meaning, names that are there, and names that read like them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from suite.intake.rules import Problems
from suite.intake.submission import MANIFEST, Manifest, Submission, version_key

MODULES = "submissions."
"""What the names of modules made from submissions begin with; their strategies are told from built-in ones by it."""


def module_name(submission: str) -> str:
    """The name of the module that a submission's code is run as."""
    return MODULES + submission.replace("-", "_")


_WORDS = """
admin base baseline best board breadth duplicate full leaderboard oracle queue random reference request requests result
results strategies strategy submission submissions test track tracks untuned winner worker
"""
_DEVICES = ("con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)))
RESERVED = frozenset((*_WORDS.split(), *_DEVICES))
"""Rows that the board makes itself, words of its pages and commands, and names that some systems give no folder."""
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
    manifest: Manifest, submission: Submission, taken: Mapping[str, Taken], author: str | None, problems: Problems
) -> None:
    """Note a name that is reserved or taken by another than `author`, and a version that does not rise."""
    name, line = submission.name, manifest.line("name")
    if name in RESERVED or folded(name) in _FOLDED:
        problems.add("name-reserved", MANIFEST, line, name)
        return
    own = taken.get(name)
    if own is not None and author is not None and own.owner == author:
        if "version" not in manifest.broken and version_key(submission.version) <= version_key(own.version):
            remedy = f"Raise it above {own.version}, which is published."
            problems.add("version-rises", MANIFEST, manifest.line("version"), submission.version, remedy)
        return
    if like := _alike(name, taken):
        remedy = f"Choose a name that reads differently from {like!r}, which is there already."
        problems.add("name-taken", MANIFEST, line, name, remedy)


def _alike(name: str, taken: Iterable[str]) -> str:
    look = folded(name)
    return next((known for known in sorted(taken, key=lambda known: known != name) if folded(known) == look), "")


_FOLDED = frozenset(map(folded, RESERVED))
