"""Pairs of answers put to a judge, in one order or both, and what its verdicts come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from suite.evaluation.judging.prompts import pair_case
from suite.evaluation.judging.verdicts import Preference, read_preference
from suite.reporting import Progress, no_progress
from suite.statistics.bradley_terry import Strengths, bradley_terry

if TYPE_CHECKING:
    from suite.evaluation.judging.judge import Judge
    from suite.evaluation.protocol import Item

BASELINE = "baseline"
WORTH: Mapping[Preference | None, float] = {"A": 1.0, "tie": 0.5, "B": 0.0, None: 0.5}
TURNED: Mapping[Preference | None, Preference | None] = {"A": "B", "B": "A", "tie": "tie", None: None}


@dataclass(frozen=True)
class Compared:
    """Verdicts on the model's answers (`A`) against the baseline's (`B`), an order a row, whatever was shown first.

    `values` are the means over orders of 1, 0.5 and 0, shape (items,), float64; None is a verdict that could not be
    read, and counts as a tie. `unreadable` are the texts of those.
    """

    verdicts: tuple[tuple[Preference | None, ...], ...]
    unreadable: tuple[str, ...]

    @property
    def asked(self) -> int:
        """How many verdicts there are, readable or not."""
        return sum(map(len, self.verdicts))

    @property
    def values(self) -> np.ndarray:
        """One value an item, between 0 and 1; higher is better for the model."""
        return np.mean([[WORTH[verdict] for verdict in order] for order in self.verdicts], axis=0)

    @property
    def consistency(self) -> float | None:
        """Share of items on which both orders gave the same readable verdict; None with one order."""
        if len(self.verdicts) < 2:
            return None
        alike = [one == other and one is not None for one, other in zip(*self.verdicts, strict=True)]
        return float(np.mean(alike))

    def first_places(self) -> list[bool]:
        """For each decided verdict, whether it went to the answer that was shown first."""
        shown = [
            verdict for at, order in enumerate(self.verdicts) for verdict in (order if at == 0 else _turned(order))
        ]
        return [verdict == "A" for verdict in shown if verdict in ("A", "B")]

    def summary(self) -> dict[str, float | int | str]:
        """Win rate with its standard error over items, ties, consistency, and what could not be read."""
        values = self.values
        error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
        told: dict[str, float | int | str] = {"win rate": float(values.mean()), "standard error": error}
        told["ties"] = float(np.mean([verdict == "tie" for order in self.verdicts for verdict in order]))
        if (consistency := self.consistency) is not None:
            told["both orders agree"] = consistency
        if first := self.first_places():
            told["preferred when shown first"] = float(np.mean(first))
        return told | {"unreadable verdicts": len(self.unreadable)}


def compare(
    judge: Judge,
    task: str,
    items: Sequence[Item],
    answers: Sequence[str],
    *,
    both_orders: bool = True,
    progress: Progress = no_progress,
) -> Compared:
    """Put answers beside the items' references to a judge: the answer first, then (with `both_orders`) last."""
    cases = [
        pair_case(task, f"{item.id}/first", item.instruction, text, item.reference)
        for item, text in zip(items, answers, strict=True)
    ]
    if both_orders:
        cases += [
            pair_case(task, f"{item.id}/last", item.instruction, item.reference, text)
            for item, text in zip(items, answers, strict=True)
        ]
    written = judge.verdicts(cases, progress)
    read = [read_preference(text) for text in written]
    orders = [tuple(read[: len(items)])]
    if both_orders:
        orders.append(_turned(read[len(items) :]))
    unreadable = tuple(text for text, verdict in zip(written, read, strict=True) if verdict is None)
    return Compared(tuple(orders), unreadable)


def strengths(values: Mapping[str, np.ndarray]) -> Strengths:
    """Bradley and Terry's strengths of several models that were judged against one baseline, and of the baseline.

    `values` are the per-item values of each, between 0 and 1. Raises ValueError where no strengths exist: a model
    that won, or lost, every comparison.
    """
    names = (*values, BASELINE)
    wins = np.zeros((len(names), len(names)))
    for row, found in enumerate(values.values()):
        wins[row, -1], wins[-1, row] = found.sum(), (1 - found).sum()
    return bradley_terry(wins, names=names)


def _turned(order: Sequence[Preference | None]) -> tuple[Preference | None, ...]:
    return tuple(TURNED[verdict] for verdict in order)
