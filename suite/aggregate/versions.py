"""Every way of scoring there ever was, by its version: raw values are kept, so each board can be rebuilt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from suite.aggregate.board import Board, PluginFacts, Registration
from suite.aggregate.moments import TableMoments
from suite.aggregate.score_v1 import VERSION, score_v1, score_v1_with_moments
from suite.errors import UnknownNameError
from suite.results import Result


class Score(Protocol):
    """From the results of a track to its board."""

    def __call__(
        self,
        results: Iterable[Result],
        registration: Registration,
        plugins: Mapping[str, PluginFacts] | None = None,
    ) -> Board:
        """The board; deterministic, whatever the order of `results`."""


LATEST = VERSION
SCORES: dict[str, Score] = {VERSION: score_v1}
WITH_MOMENTS = {VERSION: score_v1_with_moments}
"""The scores whose tables can be narrowed to some of their tasks without the results."""


def score_of(version: str) -> Score:
    """The score of a version. Raises UnknownNameError listing those there are."""
    if version not in SCORES:
        raise UnknownNameError("score version", version, SCORES)
    return SCORES[version]


def scored(
    version: str,
    results: Iterable[Result],
    registration: Registration,
    plugins: Mapping[str, PluginFacts] | None = None,
) -> tuple[Board, tuple[TableMoments, ...] | None]:
    """The board of a version, with the moments of its tables where that version has such.

    Raises UnknownNameError listing the versions there are.
    """
    score = score_of(version)
    if version in WITH_MOMENTS:
        return WITH_MOMENTS[version](results, registration, plugins)
    return score(results, registration, plugins), None
