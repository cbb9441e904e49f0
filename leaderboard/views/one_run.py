"""One record in full: how to make it again, what it was made of, what it cost, how it trained, and what it scored."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from leaderboard.page import Page
from suite.aggregate.cells import CellLine
from suite.errors import StoreError
from suite.figures.training import HOW_TO_READ as READ_TRAINING
from suite.figures.training import training_figure
from suite.report.blocks import Block, Column, Command, Fold, Grid, Heading, Link, Links, Paragraph, Picture, Value
from suite.results import Result

FACTS = (Column("what", role="name"), Column("value"))
TASKS = (
    Column("task", role="name"),
    Column("kind", role="short"),
    Column("unit", role="short"),
    Column("mean (in that unit)", ".4f", key="mean"),
    Column("chance", ".4f"),
    Column("items", ",d"),
    Column("items (sha256)", key="items-hash"),
)
REFERENCES = ("full", "untuned", "oracle")
MOST_TOKENS = 2000


def one_run(page: Page, line: CellLine) -> Iterator[Block]:
    """The page of a record; what cannot be read of it is said, with the reason."""
    yield Links((Link(f"← all runs of {line.strategy}", page.link(run="", search=line.spec)),))
    yield Paragraph(_sentence(line), "lead")
    yield Heading("Make it again")
    yield Paragraph("This trains every registered seed of the row; this record is one of them.", "note")
    yield Command(command(line, page.data.name if page.data else ""))
    assert page.data is not None
    try:
        result = page.data.result(line.path)
    except StoreError as error:
        yield Paragraph(f"The rest of this record cannot be shown. {error}", "note")
        return
    yield from (Paragraph(f"The strategy says of its selection: {remark}", "note") for remark in result.remarks)
    yield from _files(page, line, result)
    yield from _trained(result)
    yield Heading("Tasks")
    yield Grid("run-tasks", f"Scores on {len(result.tasks)} tasks", TASKS, tuple(_tasks(result)))
    yield Heading("What it was made of, and what it cost")
    yield Grid("run-facts", "Hashes, versions, machine and costs", FACTS, tuple(_facts(line, result)))
    yield from _prompt(result)


def command(line: CellLine, track: str) -> str:
    """The line that makes a record again; a name from a stranger must not become a command of the reader's."""
    words = ["breadth", "run", "--track", track]
    if line.strategy not in REFERENCES:
        words += ["--strategies", line.spec]
    if line.strategy not in ("full", "untuned"):
        words += ["--budget", str(line.budget)]
    return shlex.join([*words, "--base-model", line.base_model])


def _sentence(line: CellLine) -> str:
    what = f"{line.spec}, training seed {line.training_seed}, selection seed {line.selection_seed}"
    spent = f", {line.budget:,} samples" if line.budget else ""
    counts = "It counts." if line.counts else f"It does not count: {line.why_not}."
    return f"{what}{spent} on {line.base_model}. {counts}"


def _files(page: Page, line: CellLine, result: Result) -> Iterator[Block]:
    query = page.asked.changed(run=line.path, sort="").to_query()
    links = [Link("the record (JSON)", f"record/{line.record_id}.json?{query}")]
    if picked_rows(result) is not None:
        links.append(Link("rows that were picked (text)", f"picks/{line.record_id}.txt?{query}"))
    yield Links(tuple(links), download=True)
    if len(links) == 1 and result.hashes.selection is not None:
        yield Paragraph("Which samples were picked was not recorded with this result; their hash was.", "note")


def picked_rows(result: Result) -> list[int] | None:
    """The rows of the pool that a record was trained on, in the order picked; None where it does not carry them."""
    rows = result.unpack_picks()
    return None if rows is None else [int(row) for row in rows]


def _trained(result: Result) -> Iterator[Block]:
    training = result.training
    if training is None:
        return
    drawn = training_figure(training.loss_curve)
    if drawn is not None:
        yield Picture("training", drawn, "Training loss", READ_TRAINING)


def _tasks(result: Result) -> Iterator[tuple[Value, ...]]:
    for task in result.tasks:
        unit = task.unit.replace("-", " ")
        yield task.name, task.kind, unit, task.mean, task.chance, task.items, task.items_sha256


def _facts(line: CellLine, result: Result) -> Iterator[tuple[Value, ...]]:
    cell, hashes, cost, training = result.cell, result.hashes, result.cost, result.training
    yield "record", result.path
    yield "track identity (sha256)", cell.track_identity
    yield "pool (sha256)", hashes.pool
    yield "selection (sha256)", hashes.selection
    yield "base weights (sha256)", hashes.base_weights
    yield "trained weights (sha256)", hashes.weights
    for name, value in result.parameters.items():
        yield f"parameter {name}", str(value)
    yield "samples selected", f"{result.selection_size:,}"
    if training is not None:
        yield "samples trained on", f"{training.samples:,}"
        yield "dropped by truncation", f"{training.dropped_by_truncation:,}"
        yield "steps", f"{training.steps:,}"
        yield "tokens seen", f"{training.tokens_seen:,}"
        yield "tokens trained", f"{training.trained_tokens:,}"
        yield "final loss", None if training.final_loss is None else f"{training.final_loss:.4f}"
        yield from ((f"trained by {name}", version) for name, version in sorted(training.versions.items()))
    yield "features", f"{cost.feature_seconds:.1f} s, computed once a pool"
    yield "selection", f"{cost.selection_seconds:.2f} s"
    yield "training", f"{cost.training_seconds:.1f} s, {cost.training_flops:.3g} FLOP (estimate)"
    if cost.model_flop_utilisation is not None:
        yield "model FLOP utilisation", f"{cost.model_flop_utilisation:.1%} of the card's peak, steps alone"
    elif training is not None:
        yield "model FLOP utilisation", "not measured: the peak of this machine is not known"
    if cost.determinism is not None:
        strict = cost.determinism == "strict"
        yield "deterministic training", "yes" if strict else "no: an operation has no such form on this machine"
    yield "evaluation", f"{cost.evaluation_seconds:.1f} s, {cost.evaluation_tokens:,} tokens"
    yield "peak memory", f"{cost.peak_memory_bytes / 2**20:,.0f} MiB"
    yield "machine", cost.hardware
    yield "finished", cost.finished_at
    yield "engine", result.engine
    for name, version in sorted(result.versions.items()):
        yield name, version
    if result.supersedes:
        yield "corrects the record", result.supersedes


def _prompt(result: Result) -> Iterator[Block]:
    ids = result.first_prompt_ids
    if not ids:
        return
    text = () if result.first_prompt is None else (Command(result.first_prompt),)
    shown = " ".join(str(token) for token in ids[:MOST_TOKENS])
    more = f" and {len(ids) - MOST_TOKENS:,} more" if len(ids) > MOST_TOKENS else ""
    yield Fold(
        f"First prompt as the model saw it: {len(ids):,} tokens",
        (
            *text,
            Paragraph("Token ids of the base model's own tokenizer, template and special tokens included.", "note"),
            Command(shown + more),
        ),
    )
