"""The pictures of the page on statistics: simulations of known truth, and the results that are committed.

    python -m handbook.pictures        (from `docs`; needs a browser, as every picture does)

writes each as two SVGs, light and dark, into `images/statistics`; `front` is that of the front page. The end of a file
says what it was drawn from, and a test compares that with what would be drawn today.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from scipy import stats

from suite.aggregate import Board
from suite.aggregate.moments import TableMoments
from suite.aggregate.rows import RANDOM
from suite.figures.forest import forest_figure
from suite.figures.ranks import ranks_figure
from suite.figures.theme import GREY, OKABE_ITO, figure
from suite.statistics.intervals import Components, Estimate, components, crossed_interval
from suite.statistics.power import minimum_detectable

FOLDER = Path(__file__).parents[1] / "images" / "statistics"
RESULTS = Path(__file__).parents[1] / "results" / "store"
WIDTH = 940
SEEDS, ITEMS, SHOWN, REPEATED = 4, 80, 40, 2000
SEED_SPREAD, ITEM_SPREAD, REST_SPREAD = 2.0, 9.0, 16.0
"""Points: how far a seed, an item, and an item under one seed lie from the mean, as standard deviations."""
TRACKS = {"microworld": "blue", "alpaca-cpu": "vermilion", "alpaca-10m": "green"}
WRONG, RIGHT = OKABE_ITO["vermilion"], OKABE_ITO["blue"]


def simulated(repetitions: int) -> np.ndarray:
    """Differences of two equal methods in points, shape (repetitions, seeds, items): seeds and items are crossed."""
    rng = np.random.default_rng(0)
    seeds = rng.normal(0, SEED_SPREAD, (repetitions, SEEDS, 1))
    items = rng.normal(0, ITEM_SPREAD, (repetitions, 1, ITEMS))
    return np.asarray(seeds + items + rng.normal(0, REST_SPREAD, (repetitions, SEEDS, ITEMS)))


def over_items(table: np.ndarray) -> Estimate:
    """The interval of somebody who forgets the seeds: a t interval over the item means of one table."""
    means = table.mean(axis=0)
    error = float(means.std(ddof=1) / np.sqrt(len(means)))
    half = float(stats.t.ppf(0.975, len(means) - 1)) * error
    mean = float(means.mean())
    return Estimate(mean, error, len(means) - 1, mean - half, mean + half, float("nan"), len(table))


def over_seeds(table: np.ndarray) -> Estimate:
    """The interval of somebody who forgets the items: a t interval over the seed means of one table."""
    return over_items(table.T)


METHODS: dict[str, Callable[[np.ndarray], Estimate]] = {
    "items alone": over_items,
    "seeds alone": over_seeds,
    "seeds and items crossed": lambda table: crossed_interval([table]),
}


@cache
def coverage() -> dict[str, float]:
    """The share of experiments whose interval holds the truth, by how it is made."""
    tables = simulated(REPEATED)
    found = {}
    for name, interval in METHODS.items():
        made = [interval(table) for table in tables]
        found[name] = float(np.mean([one.low <= 0 <= one.high for one in made]))
    return found


def crossed(dark: bool) -> go.Figure:
    """Forty experiments without any effect under three ways to make an interval."""
    titles = [f"{name}<br>{100 * share:.1f} % hold the truth" for name, share in coverage().items()]
    drawn = make_subplots(cols=3, shared_yaxes=True, horizontal_spacing=0.03, subplot_titles=titles)
    for column, interval in enumerate(METHODS.values(), start=1):
        for hit, colour in ((True, RIGHT), (False, WRONG)):
            lines: list[tuple[float | None, int | None]] = []
            for number, table in enumerate(simulated(REPEATED)[:SHOWN]):
                made = interval(table)
                if (made.low <= 0 <= made.high) == hit:
                    lines += [(made.low, number), (made.high, number), (None, None)]
            x, y = [place for place, _ in lines], [number for _, number in lines]
            drawn.add_scatter(
                x=x, y=y, mode="lines", line={"color": colour, "width": 2}, showlegend=False, row=1, col=column
            )
        drawn.add_vline(x=0, line={"color": GREY, "width": 1}, row=1, col=column)
    made = _like(figure("", "difference (points)", "experiment", dark=dark), drawn)
    made.update_xaxes(range=[-9, 9], title="difference (points)", zeroline=False)
    made.update_yaxes(showticklabels=False, showgrid=False, zeroline=False)
    made.update_yaxes(title="40 experiments", col=1)
    return made.update_annotations(font={"size": 13}).update_layout(height=440, margin={"t": 56, "b": 56})


@cache
def committed(track: str) -> tuple[Board, TableMoments]:
    """The board of committed results, with what its first table's intervals are made of."""
    from suite.boards import board_with_moments
    from suite.stores import LocalStore
    from suite.track import load_track

    definition, store = load_track(track), LocalStore(RESULTS)
    board, found = board_with_moments(definition, store, list(store.results(track)))
    assert found is not None
    return board.without_variants(), found[0]


def pooled(track: str) -> Components:
    """What the variance of a difference to random is made of on a track: the mean over its judged rows."""
    board, kept = committed(track)
    judged = [kept.differences[row.spec, RANDOM] for row in board.tables[0].rows if row.p_holm is not None]
    chosen = [place for place, task in enumerate(entering(board)) if task]
    return components(judged, kept.items, chosen).averaged()


def entering(board: Board) -> list[bool]:
    """Whether each task that has moments enters the score."""
    return [True for task in board.tables[0].tasks if task.enters]


def vanishing(dark: bool) -> go.Figure:
    """How good the best of many useless methods looks, by how many seeds each was given."""
    made = figure("", "methods that were tried", "best difference to random (points)", dark=dark)
    tried = np.unique(np.round(np.geomspace(1, 60, 40)).astype(int))
    found = pooled("alpaca-cpu")
    for seeds, colour in ((1, "vermilion"), (3, "orange"), (10, "blue")):
        error = 100 * found.standard_error(seeds)
        best = [error * _expected_largest(int(count)) for count in tried]
        name = f"{seeds} seed{'s' if seeds > 1 else ''} each"
        made.add_scatter(x=tried, y=best, name=name, mode="lines", line={"color": OKABE_ITO[colour], "width": 2.5})
    made.update_xaxes(type="log", tickvals=[1, 2, 5, 10, 20, 50], range=[0, np.log10(60)])
    made.update_yaxes(rangemode="tozero")
    return made.update_layout(height=380, margin={"t": 56, "b": 56})


def _expected_largest(count: int) -> float:
    """The mean of the largest of `count` standard normal numbers."""
    grid = np.linspace(-8, 8, 4001)
    density = count * stats.norm.pdf(grid) * stats.norm.cdf(grid) ** (count - 1)
    return float(np.trapezoid(grid * density, grid))


def power(dark: bool) -> go.Figure:
    """The least difference to random that each committed track finds at 80 %, by the number of seeds."""
    made = figure("", "training seeds", "least difference found at 80 % (points)", dark=dark)
    seeds = np.arange(2, 31)
    for track, colour in TRACKS.items():
        least = [100 * minimum_detectable(pooled(track), int(count)) for count in seeds]
        made.add_scatter(x=seeds, y=least, name=track, mode="lines", line={"color": OKABE_ITO[colour], "width": 2.5})
        own = committed(track)[0].tables[0].power
        if own is not None:
            made.add_scatter(
                x=[own.seeds],
                y=[100 * own.detectable],
                mode="markers",
                marker={"color": OKABE_ITO[colour], "size": 10},
                showlegend=False,
            )
    made.update_xaxes(range=[1.5, 30.5])
    made.update_yaxes(type="log", tickvals=[0.5, 1, 2, 5, 10, 20, 50])
    return made.update_layout(height=380, margin={"t": 56, "b": 56})


def front(dark: bool) -> go.Figure:
    """The forest plot of the committed results of the embedded track."""
    return _forest("microworld", dark)


def forest(dark: bool) -> go.Figure:
    """The forest plot of the committed results on real data."""
    return _forest("alpaca-cpu", dark)


def _forest(track: str, dark: bool) -> go.Figure:
    board, _ = committed(track)
    made = forest_figure(board, board.tables[0], dark=dark)
    assert made is not None
    return _untitled(made)


def rank_intervals(dark: bool) -> go.Figure:
    """The rank intervals of the same table."""
    board, _ = committed("alpaca-cpu")
    made = ranks_figure(board, board.tables[0], dark=dark)
    assert made is not None
    return _untitled(made)


def _untitled(made: go.Figure) -> go.Figure:
    """A figure whose page says what its title says."""
    room = made.layout.margin.t - 84
    return made.update_layout(
        title={"text": "", "subtitle": {"text": ""}}, margin={"t": 84}, height=made.layout.height - room
    )


PICTURES: dict[str, Callable[[bool], go.Figure]] = {
    "crossed": crossed,
    "vanishing": vanishing,
    "front": front,
    "forest": forest,
    "ranks": rank_intervals,
    "power": power,
}


def _like(framed: go.Figure, drawn: go.Figure) -> go.Figure:
    """Panels in the house's language, which a figure without panels brings along."""
    return drawn.update_layout(template=framed.layout.template)


def fingerprint(made: go.Figure) -> str:
    """The sha256 of a figure's data and words, numbers rounded so that machines agree."""

    def rounded(value: Any) -> Any:
        if isinstance(value, float):
            return float(f"{value:.3g}")
        if isinstance(value, dict):
            return {key: rounded(item) for key, item in value.items() if key != "template"}
        return [rounded(item) for item in value] if isinstance(value, list) else value

    drawn = json.loads(made.to_json(engine="json"))
    plain = rounded(json.loads(json.dumps(drawn)))
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def file_of(name: str, dark: bool) -> Path:
    """Where a picture lies."""
    return FOLDER / f"{name}-{'dark' if dark else 'light'}.svg"


def main() -> None:
    """Draw every picture that is not what it would be today; all with `--all`."""
    from suite.figures.export import svg_of

    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        for dark in (False, True):
            made = draw(dark)
            mark = f"<!-- drawn from {fingerprint(made)} -->\n"
            path = file_of(name, dark)
            if "--all" not in sys.argv and path.is_file() and path.read_text().endswith(mark):
                continue
            path.write_text(svg_of(made, width=WIDTH, height=int(made.layout.height)) + mark)
            print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
