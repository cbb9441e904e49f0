"""An embedder of whole numbers: the same to the last bit on every processor and under every version of every library.

A factorisation (`tfidf-svd`) rounds as the processor's linear algebra does, and a greedy selection turns the last bit
of a number into another pick soon enough. Selections that must be the same everywhere, such as the golden picks of
`breadth regress`, are made from these embeddings instead.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

import numpy as np

from suite.features.tfidf import TERM
from suite.reporting import Progress

EVERY = 2048


def hashed_terms(texts: Iterable[str], count: int, dimensions: int, progress: Progress) -> np.ndarray:
    """Embed `count` texts: shape (count, dimensions), float32 whole numbers; rows are not yet of unit length.

    Each different term (as `tfidf-svd` has them) is a random vector of -1 and 1 that its own SHAKE-256 digest spells
    out: a random projection of Achlioptas (2003, J. Comput. Syst. Sci. 66). A text is the sum of its terms' vectors,
    each times the bits of count / samples with the term, a whole number in place of the logarithm of an inverse
    frequency. A text without a term is a row of zeros. Sums of whole numbers this small are exact in any order.
    """
    held = []
    for done, text in enumerate(texts):
        if done % EVERY == 0:
            progress(done, count)
        held.append(sorted(set(re.findall(TERM, text.lower()))))
    frequency = Counter(term for terms in held for term in terms)
    number = {term: place for place, term in enumerate(sorted(frequency))}
    vectors = np.zeros((len(number), dimensions), dtype=np.int64)
    for term, place in number.items():
        vectors[place] = (count // frequency[term]).bit_length() * _signs(term, dimensions)
    rows = np.zeros((count, dimensions), dtype=np.float32)
    for place, terms in enumerate(held):
        rows[place] = vectors[[number[term] for term in terms]].sum(axis=0)
    progress(count, count)
    return rows


def _signs(term: str, dimensions: int) -> np.ndarray:
    """The vector of a term, shape (dimensions,), int64: one bit of its digest each."""
    digest = hashlib.shake_256(term.encode()).digest((dimensions + 7) // 8)
    bits = np.unpackbits(np.frombuffer(digest, dtype=np.uint8))[:dimensions]
    return 2 * bits.astype(np.int64) - 1
