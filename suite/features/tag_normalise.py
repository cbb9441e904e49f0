"""From a tagger's words to a vocabulary: normalise, drop rare tags, merge near-duplicates, number what is left.

After InsTag (Lu et al., arXiv 2308.07074), whose tags M2M uses. Nothing here depends on the order of samples, the
numbers of tags included: they follow how many samples hold a tag, then its name.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

BLOCK = 256
WORD = re.compile(r"[^\W_]+")
Embed = Callable[[Sequence[str]], Any]
"""Rows of unit length, one a name: a scipy CSR matrix or an array."""


@dataclass(frozen=True)
class TagIncidences:
    """Tags of each sample: numbers end to end, (tags,) uint32 and (n + 1,) int64, and the name of each number.

    `distinct` says how many different tags there were after each step, in the order of the steps.
    """

    ids: np.ndarray
    offsets: np.ndarray
    names: tuple[str, ...]
    distinct: dict[str, int]


def number_tags(
    samples: Iterable[Sequence[str]], *, rare: int, most: int | None, similarity: float, embed: Embed
) -> TagIncidences:
    """Tags of samples as their tagger wrote them, best first, to numbered ones.

    Spellings of one normal form are one tag, named by the commonest of them. A tag in fewer than `rare` samples is
    dropped, before near-duplicates are merged and again after a sample's tags are cut to its first `most`.
    """
    found = _normal_forms(samples)
    counts = {key: spelled.total() for key, spelled in found.spellings.items()}
    frequent = sorted((key for key, count in counts.items() if count >= rare), key=lambda key: (-counts[key], key))
    leaders = merge_near_duplicates(embed(frequent), similarity=similarity) if frequent else np.zeros(0, dtype=np.int64)
    leader_of = {key: frequent[leader] for key, leader in zip(frequent, leaders.tolist(), strict=True)}
    cut = [list(islice(dict.fromkeys(leader_of[key] for key in keys if key in leader_of), most)) for keys in found.held]
    left = Counter(key for keys in cut for key in keys)
    names = {key: found.name(key) for key in left}
    kept = sorted((key for key in left if left[key] >= rare), key=lambda key: (-left[key], names[key]))
    number = {key: place for place, key in enumerate(kept)}
    numbers = [[number[key] for key in keys if key in number] for keys in cut]
    return TagIncidences(
        ids=np.asarray([tag for tags in numbers for tag in tags], dtype=np.uint32),
        offsets=np.cumsum([0, *map(len, numbers)], dtype=np.int64),
        names=tuple(names[key] for key in kept),
        distinct={
            "written": found.written,
            "normalised": len(counts),
            "frequent": len(frequent),
            "merged": len(set(leader_of.values())),
            "kept": len(kept),
        },
    )


@dataclass(frozen=True)
class _NormalForms:
    """The normal forms each sample holds, how often each is spelled how, and how many different tags were written."""

    held: list[list[str]]
    spellings: dict[str, Counter[str]]
    written: int

    def name(self, key: str) -> str:
        """The commonest spelling of a normal form; of equally common ones, the first in the alphabet."""
        spelled = self.spellings[key]
        return min(spelled, key=lambda spelling: (-spelled[spelling], spelling))


def _normal_forms(samples: Iterable[Sequence[str]]) -> _NormalForms:
    spellings: dict[str, Counter[str]] = {}
    written: set[str] = set()
    held: list[list[str]] = []
    for tags in samples:
        written.update(tags)
        keys: dict[str, str] = {}
        for tag in tags:
            keys.setdefault(stemmed(tag), plain(tag))
        keys.pop("", None)
        for key, spelling in keys.items():
            spellings.setdefault(key, Counter())[spelling] += 1
        held.append(list(keys))
    return _NormalForms(held, spellings, len(written))


def plain(tag: str) -> str:
    """A tag in lower case, its words joined by single spaces, without signs."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tag).casefold())
    return " ".join(WORD.findall(folded))


def stemmed(tag: str) -> str:
    """What spellings of one tag share: their plain words, stemmed by Snowball's English stemmer.

    One pass: stemming the stems again would make `tense` (tens) and `ten` the same.
    """
    return " ".join(map(_stem, plain(tag).split()))


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")


@lru_cache(maxsize=2**18)
def _stem(word: str) -> str:
    return str(_stemmer().stemWord(word))


def character_rows(names: Sequence[str]) -> csr_matrix:
    """TF-IDF of the character 2- to 4-grams of names, float64 rows of unit length."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True).fit_transform(names)


def merge_near_duplicates(rows: Any, *, similarity: float) -> np.ndarray:
    """For each row the row it is merged into, (n,), int64: itself or an earlier one; earlier rows hold more samples.

    Row after row: it joins the most similar of the earlier rows that stand for themselves when their cosine is at
    least `similarity` (ties: the earliest). So those left are less similar than that, and merging them again changes
    nothing. Similarities are computed in blocks; a similarity over 1 merges nothing.
    """
    count = rows.shape[0]
    leaders = np.arange(count)
    for start in range(0, count, BLOCK):
        stop = min(start + BLOCK, count)
        cosines = rows[start:stop] @ rows[:stop].T
        if hasattr(cosines, "tocoo"):
            found = cosines.tocoo()
            near = found.data >= similarity - 1e-9
            members, others, values = found.row[near] + start, found.col[near], found.data[near]
        else:
            members, others = np.nonzero(cosines >= similarity - 1e-9)
            values = cosines[members, others]
            members = members + start
        earlier = others < members
        order = np.lexsort((others, -values, members))
        for place in order[earlier[order]].tolist():
            member, other = members[place], others[place]
            if leaders[member] == member and leaders[other] == other:
                leaders[member] = other
    return leaders
