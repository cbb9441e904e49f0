"""How often stated intervals hold the truth, in made-up worlds whose truth is known: what tests demand, and a table.

    .venv/bin/python tests/interval_coverage.py

prints the table of docs/statistics.md. Every share is over `WORLDS` worlds, so that its own standard error is 0.7 of a
hundredth at 95 %, and 1.5 at one sigma; everything is seeded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from suite.statistics.agreement import pairwise_accuracy
from suite.statistics.bradley_terry import bradley_terry
from suite.statistics.correlation import Correlations, Method, combine_strata, correlate, correlation_difference
from suite.statistics.intervals import crossed_interval
from suite.statistics.regression import bayesian_line
from suite.studies.slopes import fitted_line, partial_slope

WORLDS = 1000
SEEDS = 3
LINES = ("slope", "band", "slope at equal length", "single seeds taken as points")
CLUSTERS = {
    "30 rows": [1] * 30,
    "6 strategies of 7 rows": [7] * 6,
    "12 strategies of 1 to 6 rows": [1, 2, 3, 4, 5, 6] * 2,
}
CROSSED = {
    "one task": (1, 0.0, 0.0, 0.0),
    "five tasks": (5, 0.8, 0.0, 0.0),
    "five draws of random": (5, 0.8, 0.03, 0.03),
    "draws that differ much": (5, 0.8, 0.05, 0.01),
}
"""Tasks, how alike seeds do on them, and the spread of draws, and of draws and seeds together."""


def truth(rho: float) -> np.ndarray:
    """The coefficients of a bivariate normal population, in the order of the fields."""
    spearman = 6 / np.pi * np.arcsin(rho / 2)
    return np.array([spearman, rho, 2 / np.pi * np.arcsin(rho), (spearman + rho) / 2])


def pairs(rng: np.random.Generator, rho: float, n: int) -> np.ndarray:
    """Two columns of n rows with that correlation, shape (2, n)."""
    x, e = rng.normal(size=(2, n))
    return np.array([x, rho * x + np.sqrt(1 - rho**2) * e])


def world(
    rng: np.random.Generator, sizes: Sequence[int], between: float, within: float
) -> tuple[np.ndarray, np.ndarray]:
    """Half of each column's variance is that of its cluster; (columns, cluster of each row)."""
    codes = np.repeat(np.arange(len(sizes)), sizes)
    both = np.sqrt(0.5) * pairs(rng, between, len(sizes))[:, codes] + np.sqrt(0.5) * pairs(rng, within, len(codes))
    return both, codes


def held(found: Correlations, target: np.ndarray) -> np.ndarray:
    """Which of the four intervals hold their truth."""
    return np.array([one.low <= true <= one.high for (_, one), true in zip(found.items(), target, strict=True)])


def correlations(
    sizes: Sequence[int], between: float, within: float, method: Method = "jackknife", worlds: int = WORLDS
) -> np.ndarray:
    """Of Spearman, Pearson, Kendall and their mean, rows in clusters of these sizes; shape (4,)."""
    rng = np.random.default_rng([len(sizes), round(10 * between)])
    hits = np.zeros(4)
    for _ in range(worlds):
        both, codes = world(rng, sizes, between, within)
        found = correlate(*both, clusters=codes, permutations=0, method=method, draws=400)
        hits += held(found, truth((between + within) / 2))
    return hits / worlds


def strata() -> np.ndarray:
    """Two budgets combined, the same twelve strategies in both; as `correlations`."""
    rng = np.random.default_rng(4)
    hits = np.zeros(4)
    for _ in range(WORLDS):
        both, codes = world(rng, [4] * 12, 0.8, 0.2)
        halves = [(*both[:, at::2], codes[at::2]) for at in range(2)]
        hits += held(combine_strata(halves, permutations=0), truth(0.5))
    return hits / WORLDS


def differences() -> tuple[float, float]:
    """Of the paired difference of two Spearmans over 40 rows; and the share of false alarms where there is none."""
    rng = np.random.default_rng(5)
    hits = alarms = 0
    for _ in range(WORLDS):
        y, shared = rng.normal(size=(2, 40))
        good = 0.8 * y + 0.6 * (0.8 * shared + 0.6 * rng.normal(size=40))
        poor = 0.5 * y + np.sqrt(0.75) * (0.8 * shared + 0.6 * rng.normal(size=40))
        found = correlation_difference(good, poor, y)["spearman"]
        hits += found.low <= truth(0.8)[0] - truth(0.5)[0] <= found.high
        twin = 0.8 * y + 0.6 * (0.8 * shared + 0.6 * rng.normal(size=40))
        alarms += correlation_difference(good, twin, y)["spearman"].p <= 0.05
    return hits / WORLDS, alarms / WORLDS


def agreement(n: int, rho: float) -> np.ndarray:
    """Of pairwise decision accuracy and tau over n strategies; shape (2,)."""
    rng = np.random.default_rng([n, round(10 * rho)])
    hits = np.zeros(2)
    tau = truth(rho)[2]
    for _ in range(WORLDS):
        x, y = ({f"s{at:02}": float(value) for at, value in enumerate(side)} for side in pairs(rng, rho, n))
        found = pairwise_accuracy(x, y, draws=300)
        hits += [found.accuracy.low <= (1 + tau) / 2 <= found.accuracy.high, found.tau.low <= tau <= found.tau.high]
    return hits / WORLDS


def judged(rng: np.random.Generator, strength: np.ndarray, games: int, ties: float = 0.0) -> list[np.ndarray]:
    """Wins and ties of a round robin in which some judgements, whoever is better, end in a tie."""
    k = len(strength)
    wins, equal = np.zeros((k, k)), np.zeros((k, k))
    for i in range(k):
        for j in range(i):
            undecided = rng.binomial(games, ties)
            wins[i, j] = rng.binomial(games - undecided, 1 / (1 + np.exp(strength[j] - strength[i])))
            wins[j, i] = games - undecided - wins[i, j]
            equal[i, j] = equal[j, i] = undecided
    return [wins, equal]


def strengths(games: int, ties: float) -> np.ndarray:
    """Of five Bradley-Terry strengths; shape (5,)."""
    rng = np.random.default_rng([games, round(10 * ties)])
    true = np.array([-0.6, -0.2, 0.0, 0.3, 0.5])
    target = true - true.mean()
    if ties:
        # What strengths tend to when a share of judgements is undecided: those of the expected half-won games.
        chance = 1 / (1 + np.exp(true[None, :] - true[:, None]))
        target = bradley_terry(1e6 * ((1 - ties) * chance + ties / 2)).strength
    hits = np.zeros(5)
    for _ in range(WORLDS):
        found = bradley_terry(*judged(rng, true, games, ties))
        hits += (found.low <= target) & (target <= found.high)
    return hits / WORLDS


def crossed(seeds: int, tasks: int, shared: float, of_draws: float, of_draws_and_seeds: float) -> float:
    """Of the difference to random, 40 items a task and five draws of random where draws differ."""
    rng = np.random.default_rng([seeds, tasks, round(1000 * of_draws)])
    hits = 0
    for _ in range(WORLDS):
        common, own = rng.normal(size=seeds), rng.normal(size=(tasks, seeds))
        row = 0.03 * (np.sqrt(shared) * common + np.sqrt(1 - shared) * own)[:, :, None]
        row = row + rng.normal(0, 0.15, (tasks, 1, 40)) + rng.normal(0, 0.3, (tasks, seeds, 40))
        if of_draws:
            effects = rng.normal(0, of_draws, (5, 1)) + rng.normal(0, of_draws_and_seeds, (5, seeds))
            random = effects[None, :, :, None] + rng.normal(0, 0.3, (tasks, 5, seeds, 40))
            estimate = crossed_interval(list(row - random.mean(axis=1)), [random.mean(axis=(0, 3))])
        else:
            estimate = crossed_interval(list(row))
        hits += estimate.low <= 0 <= estimate.high
    return hits / WORLDS


def sharing(seeds: int, alike: float, *, known: bool = True) -> float:
    """Of a mean over four sets of a hundred items, each asked in two ways whose item effects correlate by `alike`.

    `known` is whether the interval is told which tasks share their items.
    """
    rng = np.random.default_rng([seeds, round(100 * alike)])
    names = [f"set {at // 2}" if known else f"task {at}" for at in range(8)]
    hits = 0
    for _ in range(WORLDS):
        common = np.sqrt(alike) * rng.normal(size=(4, 1, 1, 100))
        own = np.sqrt(1 - alike) * rng.normal(size=(4, 2, 1, 100))
        values = rng.normal(0, 0.02, (seeds, 1)) + 0.3 * (common + own) + rng.normal(0, 0.3, (4, 2, seeds, 100))
        estimate = crossed_interval(list(values.reshape(8, seeds, 100)), items=names)
        hits += estimate.low <= 0 <= estimate.high
    return hits / WORLDS


def ladders(levels: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, float]]:
    """Levels, mean lengths, scores (levels, seeds), and the mean shift of the seeds; slope 0.1, 0.01 a token.

    Levels stand away from the line for reasons of their own (lack of fit), which every seed of a level shares.
    """
    rng = np.random.default_rng(levels)
    level = np.linspace(0, 1, levels)
    for _ in range(2 * WORLDS):
        length = rng.normal(30, 3, levels)
        own, seeds = rng.normal(0, 0.05, (levels, 1)), rng.normal(0, 0.02, SEEDS)
        scores = 0.4 + 0.1 * level[:, None] + 0.01 * (length[:, None] - 30) + own + seeds
        yield level, length, scores + rng.normal(0, 0.02, (levels, SEEDS)), float(seeds.mean())


def lines(levels: int) -> np.ndarray:
    """Of one sigma of `LINES` on a ladder; shape (4,). The last is what is not done: seeds of a level as if apart."""
    hits = np.zeros(4)
    fits = 0
    for level, length, scores, shift in ladders(levels):
        plain = scores - 0.01 * (length[:, None] - 30)
        line, partial = fitted_line(level, plain.mean(axis=1)), partial_slope(level, length, scores.mean(axis=1))
        single = bayesian_line(np.repeat(level, SEEDS), plain.ravel())
        hits[0] += _within(line.slope, line.slope_sd)
        middle, low = line.mean[10], line.low[10]
        assert middle is not None
        assert low is not None
        hits[1] += abs(middle - 0.4 - 0.1 * line.grid[10] - shift) <= middle - low
        hits[2] += _within(partial.slope, partial.slope_sd)
        hits[3] += _within(single.slope, single.slope_sd)
        fits += partial.slope is not None
    return hits / [2 * WORLDS, 2 * WORLDS, fits, 2 * WORLDS]


def _within(slope: float | None, deviation: float | None) -> bool:
    return slope is not None and deviation is not None and abs(slope - 0.1) <= deviation


def markdown() -> str:
    """The table: interval, worlds, what is stated, and the shares that held the truth."""
    names = "Spearman, Pearson, Kendall, mean"
    strong, none = (0.8, 0.4), (0.0, 0.0)
    rows: list[tuple[str, str, str, np.ndarray]] = [
        (f"difference to random, {what}", "3 and 6 seeds", "95", np.array([crossed(s, *worlds) for s in (3, 6)]))
        for what, worlds in CROSSED.items()
    ]
    rows += [
        (
            f"eight tasks on four sets of items{', taken as eight' if not known else ''}",
            "3 and 6 seeds, item effects that correlate by 0.45",
            "95",
            np.array([sharing(seeds, 0.45, known=known) for seeds in (3, 6)]),
        )
        for known in (True, False)
    ]
    rows += [
        (f"correlation ({names})", f"{what}, true Pearson {sum(size) / 2:g}", "95", correlations(sizes, *size))
        for what, sizes in CLUSTERS.items()
        for size in (none, strong)
    ]
    rows += [
        (
            "the same by bootstrap, which is not used",
            "6 strategies of 7 rows, true Pearson 0.6",
            "95",
            correlations([7] * 6, *strong, method="bootstrap", worlds=400),
        ),
        (f"two budgets combined ({names})", "12 strategies of 4 rows", "95", strata()),
        ("paired difference of two Spearmans", "40 rows", "95", np.array([differences()[0]])),
    ]
    rows += [
        ("agreement of tracks (accuracy, tau)", f"{n} strategies, true Pearson {rho:g}", "95", agreement(n, rho))
        for n, rho in ((10, 0.5), (20, 0.0), (20, 0.7))
    ]
    rows += [
        (
            "Bradley-Terry strengths",
            f"5 models, {games} judgements a pair, {100 * ties:.0f} % tied",
            "95",
            strengths(games, ties),
        )
        for games, ties in ((12, 0.0), (40, 0.0), (40, 0.3))
    ]
    rows += [
        (f"ladder ({', '.join(LINES[:3])})", f"{levels} levels that stand off the line", "68.3", lines(levels)[:3])
        for levels in (4, 7)
    ]
    lines_ = ["| interval | made-up worlds | stated, % | held the truth, % |", "| --- | --- | ---: | ---: |"]
    for what, worlds, stated, shares in rows:
        lines_.append(f"| {what} | {worlds} | {stated} | {', '.join(f'{100 * share:.1f}' for share in shares)} |")
    return "\n".join(lines_)


if __name__ == "__main__":
    print(markdown())
