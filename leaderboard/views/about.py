"""About: what is ranked and how, the tracks, the rules, how to host a board, what to cite, and versions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import version

from leaderboard.page import Page
from suite import __version__
from suite.report.blocks import (
    Block,
    Column,
    Command,
    Fold,
    Grid,
    Heading,
    Link,
    Links,
    Listing,
    Paragraph,
    Value,
)
from suite.report.sections.methods import RULES, WORDS, recipe_in_words
from suite.report.sections.power import power_blocks
from suite.report.sections.reproduction import citations
from suite.track import Track, load_track, track_names

NAME, TITLE = "about", "About"
HOW_TO_READ = "What is ranked here and how, what the tracks fix, the rules, and what to cite."
CONTROLS = ("track",)

HOME = "https://github.com/breadth-bench/breadth"
TRACKS = (
    Column("track", role="name"),
    Column("version", "d"),
    Column("pool (samples)", ",d", key="pool"),
    Column("budgets (samples)", key="budgets"),
    Column("base models"),
    Column("tasks", "d"),
    Column("training seeds", "d"),
    Column("random draws", "d"),
    Column("GPU-hours", ",.4g"),
    Column("results here", ",d", key="results"),
)
VERSIONS = (Column("what", role="name"), Column("value"))
SUBMISSIONS = (
    "Index-only: a list of sample ids a budget and seed, and a file that names authors, licence and paper. No code of "
    "a submission runs. This is the safe default.",
    "Code: one registered strategy in one file. It runs in a child process alone, without a network, and all that "
    "leaves it is a list of ids, which then passes the same checks. It never sees evaluation data.",
    "Registered seeds only: whoever submits picks neither seeds nor draws, and an incomplete row is never ranked.",
    "Every training and every evaluation on the board is made by whoever runs the board. Nobody can publish a score.",
    "A run that fails through the board's own fault is free; an author has one active request at a time.",
)


def blocks(page: Page) -> Iterator[Block]:
    """From what is ranked to what to cite."""
    yield Paragraph(WORDS, "lead")
    yield Heading("How the ranking is computed")
    yield Listing(RULES)
    yield from _power(page)
    yield Heading("Tracks")
    yield from _tracks(page)
    yield Heading("Submissions")
    yield Listing(SUBMISSIONS)
    yield Heading("A board of one's own")
    yield Paragraph(
        "The page reads a store: a folder, or a dataset repository on the Hugging Face Hub of the same shape. These "
        "lines make results of the embedded track and show them on this machine:"
    )
    yield Command("breadth run --track microworld\nbreadth leaderboard")
    yield Links((Link("How an organisation sets up its own board", f"{HOME}/blob/main/docs/host-a-board.md"),))
    yield Heading("What to cite")
    yield from _citations(page)
    yield Heading("Versions")
    yield Grid("versions", "What this page was made with", VERSIONS, tuple(_versions(page)))


def _power(page: Page) -> Iterator[Block]:
    if page.data is None or not page.data.board.tables:
        return
    yield Heading(f"What {page.data.name} can detect")
    for block in power_blocks(page.data.board.without_variants()):
        # One line a row is more than a reader of this page came for.
        aside = isinstance(block, Grid) and block.identifier.startswith("errors")
        yield Fold(block.title, (block,)) if aside and isinstance(block, Grid) else block


@cache
def built_in() -> tuple[Track, ...]:
    """The tracks that come with Breadth."""
    return tuple(load_track(name) for name in track_names())


def _tracks(page: Page) -> Iterator[Block]:
    yield Paragraph(
        "A track fixes all that could make two results differ: pool, budgets, base models, recipe, tasks and seeds. "
        "Results of different tracks, or of different versions of one, are never compared."
    )
    rows: list[tuple[Value, ...]] = []
    for track in built_in():
        there = page.snapshot.tracks.get(track.name)
        rows.append(
            (
                Link(track.name, page.link(view="leaderboard", track=track.name)) if there else track.name,
                track.version,
                track.pool.size,
                ", ".join(f"{size:,}" for size in track.budget_sizes),
                ", ".join(model.name for model in track.base_models),
                len(track.evaluation.tasks),
                len(track.seeds.training),
                track.seeds.random_draws,
                track.gpu_hours,
                there.board.results if there else 0,
            )
        )
    yield Grid("tracks", "What the tracks fix", TRACKS, tuple(rows))
    for track in built_in():
        yield Fold(f"{track.name}: {track.title}", (Paragraph(_one_line(track.description)), Listing(_fixed(track))))
    own = [data.name for data in page.snapshot.tracks.values() if data.track is None]
    if own:
        yield Paragraph(f"Tracks of this board that do not come with Breadth {__version__}: {', '.join(own)}.")


def _fixed(track: Track) -> tuple[str, ...]:
    return (
        f"Pool: {track.pool.size:,} samples, fingerprint {track.pool.fingerprint or 'not pinned'}.",
        f"Recipe: {recipe_in_words(track.recipe)}.",
        f"Tasks: {', '.join(f'{task.name} ({task.kind})' for task in track.evaluation.tasks)}.",
        f"Training seeds: {', '.join(map(str, track.seeds.training))}; {track.seeds.random_draws} draws of random.",
        f"Cost: {track.gpu_hours:g} GPU-hours. {_one_line(track.gpu_hours_note)}".strip(),
        f"Identity: {track.identity}.",
        f"Cite: {_one_line(track.citation)} Licence: {track.licence}.",
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _citations(page: Page) -> Iterator[Block]:
    if page.data is not None:
        yield Listing(tuple(citations(page.data.track, page.data.board)))
    else:
        yield Paragraph("There are no results here yet, so there is no strategy to cite.")


def _versions(page: Page) -> Iterator[tuple[Value, ...]]:
    yield "Breadth", __version__
    if page.data is not None:
        yield "score", page.data.board.score_version
        if page.data.track is not None:
            yield "track", f"{page.data.name}, version {page.data.track.version}"
        yield "track identity (sha256)", page.data.board.registration.identity
    yield "store", page.snapshot.url
    yield "data of", f"{page.snapshot.as_of:%Y-%m-%d %H:%M} UTC" if page.snapshot.as_of else "unknown"
    yield from ((name, version(name)) for name in ("gradio", "plotly"))
