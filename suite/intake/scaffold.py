"""A new submission's folder: files that pass every check, to be changed into a method of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from suite.atomic import atomic_folder, storage_errors
from suite.errors import UsageError
from suite.intake.check import Report, Surroundings, check_files
from suite.intake.names import built_in_names
from suite.intake.selections import Which, as_lines
from suite.intake.submission import CODE, LONGEST_NAME, MANIFEST, SELECTION, SHORTEST_NAME, Kind
from suite.registry import NAME

if TYPE_CHECKING:
    from suite.pool import Pool
    from suite.track import Track

DRAW_SEED = 20_261
"""Of the draws that a new index-only submission begins with."""

_MANIFEST = """\
# Who sends what. Every key is explained in submissions/README.md; `breadth check` says what is wrong.
name = "{name}"
version = "1.0"
title = "{title}"
authors = ["Your Name"]
licence = "Apache-2.0"                # an SPDX identifier
# paper = "arXiv:2505.24768"          # or an https link; leave it out where there is none
level = "baseline"                    # macro, meso, micro, embedding, model-aware or baseline: what it looks at

# Each track with the budgets you take part in: counts, or shares such as "15%". `breadth tracks` lists them.
[tracks]
{track} = [{budget}]
"""

_TITLES = {
    "index-only": "A uniform draw, the rule that `breadth init` begins with",
    "code": "The samples whose responses are of middling length",
}

_CODE = '''\
"""The samples whose responses are of middling length: a strategy to begin with."""

from dataclasses import dataclass

import numpy as np

from suite.registry import Strategy, register


# The name is that of submission.toml. Without chance in it, a strategy is deterministic and picks once.
@register("{name}", level="baseline", cost="n log n", deterministic=True)
@dataclass(frozen=True)
class {class_name}(Strategy):
    """Picks the samples whose response has a length closest to the pool's median, times `target`."""

    # Fields are parameters, each with a default: `breadth select "./{name}:target=2"` tries another.
    target: float = 1.0

    # What takes long and others may share is declared here, and read in `select` as features[Embeddings(view="both")]:
    # from suite.features import Embeddings
    # def requires(self, track):
    #     return (Embeddings(view="both"),)

    def select(self, pool, budget, *, features, rng):
        """Row positions of `budget` different samples, in the order picked."""
        lengths = np.array([len(text) for text in pool.texts("response")])
        distance = np.abs(lengths - self.target * np.median(lengths))
        # A stable sort breaks ties by row, so that every machine picks the same. Chance comes from `rng` alone.
        return np.argsort(distance, kind="stable")[:budget]
'''


def check_new(name: str, folder: Path) -> None:
    """Raise UsageError unless `name` can be a submission's and nothing is at `folder` yet."""
    if not (SHORTEST_NAME <= len(name) <= LONGEST_NAME and NAME.fullmatch(name)):
        raise UsageError(
            f"{name!r} is no name: use {SHORTEST_NAME} to {LONGEST_NAME} lower-case letters and digits in words joined "
            "by single hyphens, such as my-method-2."
        )
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} exists already. Choose another name, or move it away.")


def new_files(name: str, kind: Kind, track: Track, pool: Pool | None) -> dict[str, bytes]:
    """The files of a new submission; the index-only kind needs the track's pool."""
    budget = track.default_budget
    manifest = _MANIFEST.format(name=name, title=_TITLES[kind], track=track.name, budget=budget)
    if kind == "code":
        class_name = "".join(word.capitalize() for word in name.split("-"))
        return {MANIFEST: manifest.encode(), CODE: _CODE.format(name=name, class_name=class_name).encode()}
    assert pool is not None
    draws = {
        Which(track.name, budget, seed): _uniform_draw(pool, budget, seed) for seed in range(len(track.seeds.training))
    }
    return {MANIFEST: manifest.encode(), SELECTION: "".join(as_lines(draws)).encode()}


def _uniform_draw(pool: Pool, budget: int, seed: int) -> Sequence[str]:
    """`budget` samples, each equally likely, drawn without repeats by a generator seeded with [DRAW_SEED, seed]."""
    rows = np.random.default_rng([DRAW_SEED, seed]).choice(len(pool), budget, replace=False)
    return pool.id_of(rows)


def write_new(files: dict[str, bytes], folder: Path, tracks: dict[str, Track]) -> Report:
    """Check new files and write them as a folder, whole or not at all; raises UsageError when the name is taken."""
    around = Surroundings(taken=built_in_names(), tracks=tracks, pool_ids=lambda _: "drawn from it just now")
    report = check_files(files, around)
    if report.problems:
        problem = report.problems[0]
        raise UsageError(f"{problem.value!r} cannot be used: {problem.sentence}. {problem.remedy}")
    with storage_errors(folder), atomic_folder(folder) as temporary:
        for file, content in files.items():
            (temporary / file).write_bytes(content)
    return report
