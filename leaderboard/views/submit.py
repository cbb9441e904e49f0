"""Submitting a method: how it goes, and the form that checks what is sent and queues it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from leaderboard.page import Page
from leaderboard.views.about import HOME
from leaderboard.views.queue import nowhere
from suite.intake.archive import LARGEST, LARGEST_ARCHIVE
from suite.intake.rules import RULES
from suite.report.blocks import Block, Column, Command, Fold, Form, Grid, Heading, Link, Links, Paragraph

NAME, TITLE = "submit", "Submit"
HOW_TO_READ = (
    "You send picks or code, never results: every training and every evaluation on the board is the board's own. "
    "What you send is checked by the rules of `breadth check` and is not run by this page."
)
CONTROLS = ()

SUBMISSIONS = f"{HOME}/tree/main/submissions"
GUIDE = f"{HOME}/blob/main/submissions/README.md"
FORM = "submission"
FILES = (Column("file", role="name"), Column("holds"), Column("at most (KiB)", ",.0f", 2**-10))
MEANS = {
    "submission.toml": "name, version, authors, licence, paper, and the tracks and budgets that are asked for",
    "selection.jsonl": "the ids that were picked, a line each: the safe default, of which no code runs",
    "strategy.py": "instead of the ids: the code that picks, which workers run in a sandbox and everybody can read",
}
RULE = (Column("rule", role="short"), Column("what must hold"), Column("what to do where it does not", key="remedy"))


def blocks(page: Page) -> Iterator[Block]:
    """How to submit, and the form where this page takes submissions."""
    yield Paragraph("A row of your own: send the ids that your method picks, or the code that picks them.", "lead")
    yield Paragraph(HOW_TO_READ, "note")
    requests = page.snapshot.requests
    if requests is None:
        yield from nowhere(page)
    else:
        yield Form(FORM)
    yield Heading("From a shell")
    yield Paragraph(
        "The first line makes a folder that passes as it is; put your own picks or code in its place, check it, and "
        "send it. `submissions/README.md` walks through it with a worked example."
    )
    url = requests.url if requests is not None and requests.url.isprintable() else "hf://datasets/ORG/NAME"
    yield Command(
        f"breadth init my-method\nbreadth check ./my-method\nbreadth submit ./my-method --requests {shlex.quote(url)}"
    )
    yield Links((Link("The guide", GUIDE), Link("Two complete submissions", SUBMISSIONS)))
    rows = tuple((name, MEANS[name], LARGEST[name]) for name in MEANS)
    yield Grid("submission-files", f"What a submission holds: at most {LARGEST_ARCHIVE >> 20} MiB packed", FILES, rows)
    rules = tuple((key, rule.rule, rule.remedy) for key, rule in RULES.items())
    yield Fold(f"The {len(rules)} rules", (Grid("submission-rules", "Rules", RULE, rules),))
