"""Contamination: how many questions of each task a pool holds, and which selections take more than their share of them.

    asked, missing = track_questions(track, notify)
    outcome = check_contamination(track, pool, asked, missing, selections=...)
    keep(folder, track.name, "contamination", outcome)

What counts as shared is the rule of `suite.studies.contamination_runs`. A shared run of 13 words need not mean that an
answer is given away; `whole` counts the questions that stand in the pool word for word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from suite.reporting import Progress, no_progress
from suite.studies.contamination_marks import SelectionMark, mark_selections
from suite.studies.contamination_runs import RUN, Overlap, RunIndex, plain_words, shared_words
from suite.studies.kept import KeptPart, KeptStudy

if TYPE_CHECKING:
    from suite.pool import Pool
    from suite.selection import Selection
    from suite.studies.contamination_sets import Asked, NotChecked, Question
    from suite.track import Track

NAME = "contamination"
EXAMPLES = 3


class OverlapExample(KeptPart):
    """A question, the first sample that holds a run of it, the longest run they share and how much of it that is."""

    question: str
    sample: str
    words: str
    shared: int
    of: int


class OverlapRow(KeptPart):
    """One task of the track (`kind` task) or known evaluation set (`kind` set).

    Of its `questions`, `checked` are long enough to be looked for, `overlapping` share a run with a sample, and of
    `whole` every word lies in such a run; `samples` of the pool are involved.
    """

    name: str
    kind: str
    questions: int
    checked: int
    overlapping: int
    whole: int
    samples: int
    examples: tuple[OverlapExample, ...]

    @property
    def share(self) -> float:
        """Overlapping questions over all."""
        return self.overlapping / self.questions if self.questions else 0.0


class LeftOut(KeptPart):
    """A task or set that was not checked, and why."""

    name: str
    reason: str


class ContaminationOutcome(KeptStudy):
    """The outcome of the study; `overlapping_samples` of the pool overlap anything that was checked."""

    schema_version: int = 1
    pool_fingerprint: str
    pool_size: int
    run_words: int = RUN
    passages: bool
    rows: tuple[OverlapRow, ...]
    not_checked: tuple[LeftOut, ...]
    overlapping_samples: int
    selections: tuple[SelectionMark, ...]


def check_contamination(
    track: Track,
    pool: Pool,
    asked: Sequence[Asked],
    missing: Sequence[NotChecked],
    *,
    selections: Sequence[tuple[str, Selection]] = (),
    passages: bool = False,
    examples: int = EXAMPLES,
    progress: Progress = no_progress,
) -> ContaminationOutcome:
    """Look for every question in the pool, and for over-sampled rows in (name, selection) pairs; deterministic.

    With `passages`, the passage a question is about is part of it. `examples` is how many pairs are kept of each row.
    The pool is streamed; in memory are the questions and a byte for each sample and row.
    """
    texts = [_text(question, passages) for group in asked for question in group.questions]
    groups = [number for number, group in enumerate(asked) for _ in group.questions]
    overlap = RunIndex.of(texts, groups).scan(pool, progress)
    rows = []
    start = 0
    for number, group in enumerate(asked):
        part = slice(start, start + len(group.questions))
        start = part.stop
        rows.append(
            OverlapRow(
                name=group.name,
                kind=group.kind,
                questions=len(group.questions),
                checked=int(overlap.checked[part].sum()),
                overlapping=int(overlap.questions[part].sum()),
                whole=int(overlap.whole[part].sum()),
                samples=int(overlap.samples[:, number].sum()) if group.questions else 0,
                examples=tuple(_examples(group, texts[part], overlap, part.start, pool, examples)),
            )
        )
    overlapping = np.asarray(overlap.samples.any(axis=1))
    return ContaminationOutcome(
        track=track.name,
        pool_fingerprint=pool.fingerprint,
        pool_size=len(pool),
        passages=passages,
        rows=tuple(rows),
        not_checked=tuple(LeftOut(name=one.name, reason=one.reason) for one in missing),
        overlapping_samples=int(overlapping.sum()),
        selections=mark_selections(selections, overlapping),
    )


def _text(question: Question, passages: bool) -> str:
    return f"{question.passage}\n{question.text}" if passages and question.passage else question.text


def _examples(
    group: Asked, texts: Sequence[str], overlap: Overlap, start: int, pool: Pool, count: int
) -> Iterator[OverlapExample]:
    """The first overlapping questions, those that stand in the pool whole before the others."""
    part = slice(start, start + len(texts))
    hit = np.flatnonzero(overlap.questions[part])
    for place in hit[np.argsort(~overlap.whole[part][hit], kind="stable")][:count]:
        sample = pool.sample(int(overlap.example[start + place]))
        words = shared_words(texts[place], sample)
        yield OverlapExample(
            question=group.questions[place].id,
            sample=sample.id,
            words=" ".join(words),
            shared=len(words),
            of=len(plain_words(texts[place])),
        )
