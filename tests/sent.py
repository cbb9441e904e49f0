"""Submissions as people send them: files that pass every check on the tiny track, to be broken by tests."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable

from tiny_track import TINY

from suite.intake.check import Report, Surroundings, check_files
from suite.intake.names import Taken
from suite.intake.pool_ids import ids_at_hand
from suite.intake.submission import CODE, MANIFEST, SELECTION
from suite.track import load_track

Files = dict[str, bytes]
TRACK = load_track(str(TINY))

TOML = """\
name = "my-method"
version = "1.2"
title = "What it does"
authors = ["Ada Lovelace", "Carl Friedrich Gauß"]
licence = "Apache-2.0"
paper = "arXiv:2505.24768"
level = "meso"

[tracks]
tiny = [8, "25%"]
"""

PYTHON = '''\
"""A strategy."""
from dataclasses import dataclass
import numpy as np
from suite.registry import Strategy, register

@register("my-method", level="meso", deterministic=True)
@dataclass(frozen=True)
class MyMethod(Strategy):
    """The first rows."""

    step: int = 1

    def select(self, pool, budget, *, features, rng):
        return np.arange(budget) * self.step
'''


def line(budget: int, seed: int, identifier: str, track: str = "tiny") -> str:
    """One line of a selection.jsonl."""
    return json.dumps({"track": track, "budget": budget, "seed": seed, "id": identifier}) + "\n"


def ids() -> str:
    """Lines for both budgets of the tiny track at both draws: 8 and 15 ids, other ones at each draw."""
    return "".join(
        line(budget, seed, str(place + 15 * seed)) for budget in (8, 15) for seed in (0, 1) for place in range(budget)
    )


def index_only() -> Files:
    """An index-only submission without a flaw."""
    return {MANIFEST: TOML.encode(), SELECTION: ids().encode()}


def code() -> Files:
    """A code submission without a flaw."""
    return {MANIFEST: TOML.encode(), CODE: PYTHON.encode()}


def tiny_surroundings(taken: dict[str, Taken] | None = None, author: str | None = None) -> Surroundings:
    """The tiny track alone, and its pool."""
    return Surroundings(taken=taken or {}, author=author, tracks={"tiny": TRACK}, pool_ids=ids_at_hand)


def checked(files: Files) -> Report:
    """The report on files."""
    return check_files(files, tiny_surroundings({"k-center": Taken(), "theirs": Taken("eve", "1.0")}))


def tar_gz(*members: tuple[tarfile.TarInfo, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    """An archive of these entries, whatever they are."""
    page = io.BytesIO()
    with tarfile.open(fileobj=page, mode="w:gz", format=format) as tar:
        for member, content in members:
            tar.addfile(member, io.BytesIO(content))
    return page.getvalue()


def entry(name: str, content: bytes = b"", **facts: object) -> tuple[tarfile.TarInfo, bytes]:
    """One entry of an archive; `facts` replace what a regular file would say of itself."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in facts.items():
        setattr(member, key, value)
    return member, content


Change = Callable[[Files], object]
