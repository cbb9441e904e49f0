"""Published selections: which rows of a public pool other people's methods kept, read from what they published.

Each set is one file of its authors' repository, pinned by commit and sha256: the rows they kept, as texts. A row is
found in the pool by its exact instruction, input and output. BREADTH_DATA may hold the outcome of that search as ids
(`selections/alpaca-52k-published.json`, or the same gzipped), which saves the downloads; either way the rows are
checked against a pinned hash.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from suite.errors import FeatureError, StorageError, UnknownNameError
from suite.hashing import canonical_json
from suite.pool.parts import Part, part_records
from suite.pool.pool import Pool
from suite.reporting import Progress, no_progress, say_nothing
from suite.sources import fetch, local_copy
from suite.track import Source

ALPACA_52K = "ea7891d8cf4f6b1639dbf4a9cf5f4d16133ce39d4f4fddbf4133893216ff6b9e"
"""Fingerprint of Stanford Alpaca without its empty outputs, the pool that all of these sets were kept from."""

IDS = Source(
    local="selections/alpaca-52k-published.json",
    sha256="b0339fe5888717cdc95e554d0111eca2c8ddbbe830260c6a18a30318267016db",
)


class PublishedSet(NamedTuple):
    """One published selection: its file in a repository at a commit, and the hash of the rows it comes to.

    `entry` names it in the file of ids. `rows_sha256` is `rows_hash` of its row numbers in the order published.
    """

    title: str
    repository: str
    commit: str
    path: str
    sha256: str
    entry: str
    rows_sha256: str
    pool: str = ALPACA_52K
    pool_name: str = "Alpaca 52k"
    ids: Source = IDS

    def part(self) -> Part:
        """Its file as a part whose rows can be fetched and parsed."""
        return Part(self.entry, self.repository, self.commit, "pairs", {self.path: self.sha256})


ALPAGASUS = ("gpt4life/alpagasus", "95ad3e52510df8c0a2f0dd6cbe50b501acde83a1")

SETS: dict[str, PublishedSet] = {
    "alpagasus-claude": PublishedSet(
        "AlpaGasus (Chen et al., ICLR 2024), scored 4.5 or more by Claude",
        *ALPAGASUS,
        "data/filtered/claude_t45.json",
        "726de12839a57201915867a0cdaec5010619915d8668fa57ff5fa9efa6e893f3",
        "alpagasus_claude_ge4.5",
        "1030c9d3ab7c1783b5077bf25cdffe90bc9023ae166f9f6b140bd1ab7e6bae7e",
    ),
    "alpagasus-helpfulness": PublishedSet(
        "AlpaGasus (Chen et al., ICLR 2024), scored 4.5 or more for helpfulness",
        *ALPAGASUS,
        "data/filtered/helpfulness_t45.json",
        "617fdaa4ff38d39b1fbb18044f771a01c93679c859937acecf8e4d54595eccf6",
        "alpagasus_helpfulness_ge4.5",
        "cbba50525e2cb56ab0ce093f09252b869452687e9d95d8b5ab3ac0ea375a0c2e",
    ),
    "alpagasus-random": PublishedSet(
        "AlpaGasus' own control: 9,225 rows drawn at random",
        *ALPAGASUS,
        "data/random/random_9k.json",
        "dbb217523fb750e4c56013844e22f5f3363c8c8b01013df5b39e8cabec0e48b0",
        "alpagasus_random_9k",
        "834d495eb83f963841df1ba0d5a64a2d13eb8f45a7b101516292e67670d40ca9",
    ),
    "cherry-ifd": PublishedSet(
        "Cherry (Li et al., NAACL 2024): the 5 % of highest instruction-following difficulty",
        "tianyi-lab/Cherry_LLM",
        "01fac8d2febb51dbd1501ec594a20e499b51fe7d",
        "cherry_data_v1/cherrt_alpaca/cherry_alpaca_5_percent.json",
        "8dfaca9b4bea1a81e5234b2b408e2070f7f4a40f6e26c8b556b503e0587fe15d",
        "cherry_ifd_5_percent",
        "9d350945f880dbf8367fce76fdca4ebe691dc65739077a7600a5a5857bb401d4",
    ),
    "car": PublishedSet(
        "CaR (Ge et al., EMNLP 2024): clustered and ranked",
        "IronBeliever/CaR",
        "3357044ac99bbbc5bfc39e461ef346f05a0c80da",
        "data/CaR_selected_result.json",
        "25deb0e6202d72bfcd753b7b18a22febca398fd1bf066b940d3a28e48718e658",
        "car_1k",
        "a982db40043980f505ab6f7071eb34b7bf023befdbb159bea0f2a12e0f204fdb",
    ),
}


def published_set(name: str) -> PublishedSet:
    """The set of that name; UnknownNameError lists the near names and all there are."""
    if name not in SETS:
        raise UnknownNameError("published set", name, SETS)
    return SETS[name]


def published_rows(name: str, pool: Pool, *, progress: Progress = no_progress) -> np.ndarray:
    """Row positions that a published set kept, shape (m,), int64, each once, in the order published.

    Kept rows that the pool dropped for an empty output are left out. Raises FeatureError for another pool than the
    one the set was kept from or for rows that are not those pinned, StorageError when no place has the file.
    """
    chosen = published_set(name)
    if pool.fingerprint != chosen.pool:
        raise FeatureError(
            f"The published set {name!r} was kept from {chosen.pool_name} (fingerprint {chosen.pool[:12]}); this pool "
            f"has fingerprint {pool.fingerprint[:12]}. Use it on a track whose pool is {chosen.pool_name}."
        )
    if local_copy(chosen.ids) is not None:
        rows = _from_ids(fetch(chosen.ids, notify=say_nothing), chosen, pool)
    else:
        rows = _from_texts(chosen, pool, progress)
    if (found := rows_hash(rows)) != chosen.rows_sha256:
        raise FeatureError(
            f"The published set {name!r} comes to other rows (hash {found[:12]}) than those pinned "
            f"({chosen.rows_sha256[:12]}); it is not used."
        )
    return rows


def rows_hash(rows: np.ndarray) -> str:
    """The sha256 (hex) of the canonical JSON of row positions, in their order."""
    return hashlib.sha256(canonical_json(rows.tolist()).encode()).hexdigest()


def _from_ids(path: Path, chosen: PublishedSet, pool: Pool) -> np.ndarray:
    """Ids are numbers of rows in the source, written `alpaca-52k/00012` in files and `12` by a track."""
    row_of = {_number(identifier): row for row, identifier in enumerate(pool.table.column("id").to_pylist())}
    try:
        ids = json.loads(path.read_text(encoding="utf-8"))[chosen.entry]["ids"]
        return np.asarray([row_of[_number(identifier)] for identifier in ids], dtype=np.int64)
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path} does not list {chosen.entry} by ids of this pool ({error!r}).") from error


def _number(identifier: str) -> str:
    return identifier.rpartition("/")[2].lstrip("0") or "0"


def _from_texts(chosen: PublishedSet, pool: Pool, progress: Progress) -> np.ndarray:
    places: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for row, sample in enumerate(pool.samples()):
        places[sample.instruction, sample.input, sample.output].append(row)
    rows = []
    for record in part_records(chosen.part(), notify=say_nothing, progress=progress):
        found = places.get((record["instruction"], record["input"], record["output"]))
        if not found:
            raise FeatureError(f"{chosen.part().sources()[0].url} holds a row the pool does not: {record['id']}.")
        rows.append(found.pop(0))
    return np.asarray(rows, dtype=np.int64)
