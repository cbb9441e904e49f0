"""How long samples and questions are in tokens: counted from what lies on this disk, known or assumed for the rest.

Nothing is downloaded to reckon a cost. Samples are counted by the base model's tokenizer where that is on this disk,
other texts in characters, CHARACTERS_A_TOKEN of them a token; where a figure is assumed, `Lengths.notes` says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from suite.cost.known_tasks import HARNESS, ITEMS, HarnessTask
from suite.errors import BreadthError, StorageError
from suite.sources import nothing_fetched

if TYPE_CHECKING:
    from suite.evaluation.protocol import Item
    from suite.pool import Sample
    from suite.track import TaskSpec, Track

CHARACTERS_A_TOKEN = 4.0
"""Of English text: an assumption; docs/results/cost-model.md compares its tokens with those that were counted."""
ASSUMED_SAMPLE, ASSUMED_ITEM, ASSUMED_ITEMS = 300, 300, 1000
ASSUMED_ANSWER = 400
"""Tokens a model writes where it may write more."""
INSTRUCTIONS = 350
"""Tokens of what a judge is told beside question and answers: `pair-v2` of MT-Bench's authors, 1,400 characters."""
VERDICT = 250
"""Tokens a judge writes: a short explanation and its verdict. An assumption."""
COUNTED = 2048
"""Samples of a pool that are counted."""


@dataclass(frozen=True)
class Asked:
    """What one evaluation asks: tokens read, mean length of what is read, sequences written and tokens of each.

    `verdicts` are those of a judge model on an engine of its own, each on a prompt of `shown` tokens.
    """

    read: float = 0.0
    length: float = 1.0
    written: float = 0.0
    new: float = 0.0
    verdicts: float = 0.0
    shown: float = 0.0
    judge: str = ""


@dataclass
class Lengths:
    """Lengths of a track's samples (tokens, cut to the recipe's maximum) and of what its tasks ask."""

    track: Track
    notes: list[str] = field(default_factory=list)

    def samples(self, base_model: Path | None = None) -> np.ndarray:
        """Tokens of up to COUNTED samples of the pool, at even distances, template included; (m,), float64.

        With the folder of a base model its own tokenizer counts them, else characters are.
        """
        from suite.pool.loading import pool_at_hand

        recipe = self.track.recipe
        pool = pool_at_hand(self.track)
        if pool is None:
            self.notes.append(f"The pool is not on this disk: {ASSUMED_SAMPLE} tokens a sample are assumed.")
            return np.full(1, float(min(ASSUMED_SAMPLE, recipe.max_length)))
        rows = np.linspace(0, len(pool) - 1, min(COUNTED, len(pool))).astype(np.int64)
        if base_model is not None:
            counted = encoded_lengths(base_model, recipe.template, pool.samples(rows))
        else:
            counted = np.asarray([self._tokens(text) for text in pool.texts("both", rows.tolist())])
        return np.minimum(counted, recipe.max_length)

    def asked(self) -> list[Asked]:
        """What each task asks, in the track's order."""
        with nothing_fetched():
            return [self._of_task(spec) for spec in self.track.evaluation.tasks]

    def _of_task(self, spec: TaskSpec) -> Asked:
        if spec.kind == "harness":
            return self._of_harness(spec)
        items = self._items(spec)
        count = len(items) if items else spec.limit or ITEMS.get(spec.format) or ASSUMED_ITEMS
        if items is None:
            self.notes.append(
                f"Task {spec.name}: its items are not on this disk; {count:,} of {ASSUMED_ITEM} tokens are assumed."
            )
        if spec.kind.endswith("-judge"):
            return self._of_judged(spec, items, count)
        prompts = [self._tokens(item.instruction, item.input) for item in items or ()] or [float(ASSUMED_ITEM)] * count
        if spec.kind == "exact-match":
            return Asked(sum(prompts), float(np.mean(prompts)), count, spec.max_new_tokens)
        if spec.kind == "code":
            drawn = spec.code.samples if spec.code else 1
            new = min(spec.max_new_tokens, ASSUMED_ANSWER)
            return Asked(drawn * sum(prompts), float(np.mean(prompts)), drawn * count, new)
        responses = [self._tokens(*(item.choices or (item.reference,))) for item in items] if items else [50.0] * count
        read = sum(prompts) + sum(responses)
        return Asked(read, read / count)

    def _of_judged(self, spec: TaskSpec, items: tuple[Item, ...] | None, count: int) -> Asked:
        """Answers, and verdicts on them: a pair's in one order or both, or a grade of each of two turns."""
        answer = float(min(spec.max_new_tokens, ASSUMED_ANSWER))
        question, follow_up, reference = float(ASSUMED_ITEM), float(ASSUMED_ITEM), float(ASSUMED_ANSWER)
        if items:
            question = float(np.mean([self._tokens(item.instruction) for item in items]))
            follow_up = float(np.mean([len(item.input) for item in items])) / CHARACTERS_A_TOKEN
            reference = float(np.mean([len(item.reference) for item in items])) / CHARACTERS_A_TOKEN
        if spec.kind == "pairwise-judge":
            verdicts, shown = count * (2 if spec.both_orders else 1), INSTRUCTIONS + question + answer + reference
            return Asked(count * question, question, count, answer, verdicts, shown, spec.judge)
        # The second question comes after the first and its answer.
        second = question + answer + follow_up
        shown = INSTRUCTIONS + answer + (question + second) / 2
        return Asked(count * (question + second), second, 2 * count, answer, 2 * count, shown, spec.judge)

    def _of_harness(self, spec: TaskSpec) -> Asked:
        known = HARNESS.get(spec.harness_task)
        if known is None:
            known = HarnessTask(ASSUMED_ITEMS, ASSUMED_ITEM, ASSUMED_ITEM, 0, 0.0, ASSUMED_ANSWER)
            self.notes.append(f"Task {spec.name}: nothing is known of it; {known.items:,} items are assumed.")
        count = spec.limit or known.items
        shots = spec.shots if "shots" in spec.model_fields_set else known.shots
        length = known.question + shots * known.example + known.choices
        if not known.answer:
            return Asked(count * length, length)
        most = spec.max_new_tokens if "max_new_tokens" in spec.model_fields_set else known.answer
        return Asked(count * length, length, count, min(known.answer, most))

    def _tokens(self, *texts: str) -> float:
        from suite.templates import get_template

        template = get_template(self.track.recipe.template)
        return (len(template.prompt("")) + sum(map(len, texts))) / CHARACTERS_A_TOKEN

    def _items(self, spec: TaskSpec) -> tuple[Item, ...] | None:
        """The items, where they are on this disk or made in place."""
        from suite.evaluation.formats import subsample
        from suite.evaluation.judging.loading import load_questions
        from suite.evaluation.loading import load_task

        try:
            if spec.kind.endswith("-judge"):
                return tuple(subsample(load_questions(spec), spec.limit, spec.name))
            return load_task(spec, self.track).items
        except StorageError:
            return None
        except BreadthError as error:
            self.notes.append(f"Task {spec.name}: {error}")
            return None


def padded_share(lengths: np.ndarray, rows: int) -> float:
    """Tokens that a batch of `rows` computes over those it holds: all are padded to its longest; 1 for a single row."""
    if rows == 1 or len(lengths) == 1:
        return 1.0
    rng = np.random.default_rng(0)
    drawn = lengths[rng.integers(len(lengths), size=(2000, rows))]
    return float((drawn.max(axis=1) * rows).sum() / drawn.sum())


def encoded_lengths(base_model: Path, template: str, samples: Iterable[Sample]) -> np.ndarray:
    """Tokens of each sample as a model's own tokenizer and a template write it; (m,), float64."""
    from transformers import AutoTokenizer

    from suite.templates import encode_samples, get_template

    tokenizer = AutoTokenizer.from_pretrained(base_model, local_files_only=True)
    encoded = encode_samples(get_template(template), tokenizer, samples)
    return np.asarray([len(one.input_ids) for one in encoded], dtype=np.float64)
