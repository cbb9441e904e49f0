"""How far a judge agrees with published judgements of the same answers, and with itself when they are turned round.

A judge's verdict on a pair is what both orders say; where they differ it is a tie (Zheng et al., NeurIPS 2023, section
3.4: the conservative way). Chance agreement is taken off by Cohen's kappa over the three verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from suite.evaluation.formats import subsample
from suite.evaluation.judging.pairs import Compared, compare
from suite.evaluation.judging.published import Judged, win_rate
from suite.evaluation.judging.verdicts import Preference
from suite.reporting import Progress, no_progress

if TYPE_CHECKING:
    from suite.evaluation.judging.judge import Judge

VERDICTS: tuple[Preference, ...] = ("A", "tie", "B")


@dataclass(frozen=True)
class Agreement:
    """A judge against published judgements, all shares between 0 and 1; nan where nothing can be said.

    `agreement` counts equal verdicts, ties among them, `decided_agreement` those pairs alone on which both sides
    decided (chance: 0.5); `standard_error` is that of `agreement`. `consistency` is the share of pairs on which both
    orders gave the same verdict, `first_place` the share of decided verdicts for the answer shown first (0.5: no bias).
    """

    pairs: int
    agreement: float
    standard_error: float
    decided: int
    decided_agreement: float
    kappa: float
    consistency: float
    first_place: float
    unreadable: float


@dataclass(frozen=True)
class OfModel:
    """One model: its win rate by the judge and by the published verdicts on the same pairs, and their agreement."""

    model: str
    judged: float
    published: float
    agreement: Agreement


@dataclass(frozen=True)
class Study:
    """A judge over several models; `spearman` is the rank correlation of both win rates (nan below 3 models, or
    where one side ties them all)."""

    models: tuple[OfModel, ...]
    overall: Agreement
    spearman: float


def combined(first: Preference | None, last: Preference | None) -> Preference:
    """One verdict of both orders: a tie unless they agree; a verdict that could not be read agrees with none."""
    return first if first is not None and first == last else "tie"


def agreement(found: Sequence[Compared], published: Sequence[Sequence[Preference]]) -> Agreement:
    """Agreement of judged pairs with the published verdicts on them, several models' pairs together."""
    ours = [combined(*pair) for compared in found for pair in zip(*compared.verdicts, strict=True)]
    theirs = [verdict for verdicts in published for verdict in verdicts]
    alike = np.array([one == other for one, other in zip(ours, theirs, strict=True)], dtype=np.float64)
    decided = [one == other for one, other in zip(ours, theirs, strict=True) if one != "tie" and other != "tie"]
    pairs, unknown = len(alike), float("nan")
    places = [place for compared in found for place in compared.first_places()]
    consistent = [compared.consistency or 0.0 for compared in found]
    return Agreement(
        pairs=pairs,
        agreement=float(alike.mean()),
        standard_error=float(alike.std(ddof=1) / np.sqrt(pairs)) if pairs > 1 else unknown,
        decided=len(decided),
        decided_agreement=float(np.mean(decided)) if decided else unknown,
        kappa=cohens_kappa(ours, theirs),
        consistency=float(np.average(consistent, weights=[len(one.verdicts[0]) for one in found])),
        first_place=float(np.mean(places)) if places else unknown,
        unreadable=sum(len(one.unreadable) for one in found) / sum(one.asked for one in found),
    )


def cohens_kappa(one: Sequence[Preference], other: Sequence[Preference]) -> float:
    """Agreement beyond chance: (observed - expected) / (1 - expected); nan where chance alone makes it perfect.

    Source: Cohen (1960), Educational and Psychological Measurement 20.
    """
    table = np.zeros((len(VERDICTS), len(VERDICTS)))
    for first, second in zip(one, other, strict=True):
        table[VERDICTS.index(first), VERDICTS.index(second)] += 1
    table /= table.sum()
    observed, expected = float(np.trace(table)), float(table.sum(axis=1) @ table.sum(axis=0))
    return (observed - expected) / (1 - expected) if expected < 1 else float("nan")


def study(judge: Judge, judged: Sequence[Judged], limit: int | None, progress: Progress = no_progress) -> Study:
    """Put the published pairs (`limit` of each model, always the same ones) to a judge in both orders."""
    rows, all_found, all_published = [], [], []
    for at, one in enumerate(judged):
        items = subsample(one.items, min(limit or len(one.items), len(one.items)), "agreement")
        places = {item.id: place for place, item in enumerate(one.items)}
        answers = [one.answers[places[item.id]] for item in items]
        published = [one.verdicts[places[item.id]] for item in items]
        found = compare(judge, f"agreement/{one.model}", items, answers)
        rows.append(
            OfModel(one.model, float(found.values.mean()), win_rate(published), agreement([found], [published]))
        )
        all_found.append(found)
        all_published.append(published)
        progress(at + 1, len(judged))
    rates = [row.judged for row in rows], [row.published for row in rows]
    ordered = len(rows) > 2 and all(len(set(side)) > 1 for side in rates)
    correlation = float(stats.spearmanr(*rates).statistic) if ordered else float("nan")
    return Study(tuple(rows), agreement(all_found, all_published), correlation)
