"""The embedder of whole numbers: its values, spelt out, its bytes on every machine, and what is alike stays alike."""

from __future__ import annotations

import hashlib
import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.features.embeddings import unit_rows
from suite.features.hashed import hashed_terms
from suite.features.tfidf import TERM
from suite.reporting import no_progress

TEXTS = ["a red fox in the snow", "The red fox", "how to bake bread", "", "bread: how to bake it?", "the RED fox"]
BYTES = "e595446f41607301"


def literal(texts: list[str], dimensions: int) -> list[list[int]]:
    """The definition, term by term, in Python's own whole numbers."""
    held = [set(re.findall(TERM, text.lower())) for text in texts]
    rows = []
    for terms in held:
        row = [0] * dimensions
        for term in terms:
            holders = sum(term in other for other in held)
            digest = hashlib.shake_256(term.encode()).digest((dimensions + 7) // 8)
            bits = "".join(f"{byte:08b}" for byte in digest)
            for place in range(dimensions):
                row[place] += (len(texts) // holders).bit_length() * (1 if bits[place] == "1" else -1)
        rows.append(row)
    return rows


@settings(max_examples=30, deadline=None)
@given(
    texts=st.lists(st.text(alphabet="ab cé\n", max_size=12), min_size=1, max_size=8),
    dimensions=st.integers(1, 20),
)
def test_values_are_those_of_the_definition(texts: list[str], dimensions: int) -> None:
    rows = hashed_terms(texts, len(texts), dimensions, no_progress)
    assert rows.dtype == np.float32
    assert rows.tolist() == literal(texts, dimensions)


def test_unit_rows_have_the_same_bytes_on_every_machine() -> None:
    rows = unit_rows(hashed_terms(TEXTS, len(TEXTS), 64, no_progress))
    assert rows.shape == (6, 65)  # the empty text has a direction of its own
    assert hashlib.sha256(rows.astype("<f4").tobytes()).hexdigest()[:16] == BYTES


def test_what_is_alike_stays_alike() -> None:
    rows = unit_rows(hashed_terms(TEXTS, len(TEXTS), 256, no_progress))
    cosine = rows @ rows.T
    assert np.array_equal(rows[1], rows[5])
    assert cosine[0, 1] > 0.5
    assert cosine[2, 4] > 0.5
    assert abs(cosine[1, 2]) < 0.3
