"""Sizes of public evaluation sets, for those whose items are not on this disk or are made by a library of an extra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ITEMS: Mapping[str, int] = {
    "alpaca-eval": 805,
    "arena-hard": 500,
    "gsm8k": 1319,
    "humaneval": 164,
    "mt-bench": 80,
    "self-instruct": 252,
    "truthfulqa": 817,
}
"""Items by the format of their file, counted in the files that tracks pin by sha256, and as their authors state them:
Li et al., 2023; Li et al., 2024; Cobbe et al., 2021; Chen et al., 2021; Zheng et al., 2023; Wang et al., 2023; Lin et
al., 2022."""


@dataclass(frozen=True)
class HarnessTask:
    """One task of lm-evaluation-harness: how many items, and tokens of a question, of an example and of an answer.

    `shots` is the harness's own number of examples. `choices` are the tokens of all choices together, whose likelihoods
    are asked for: then no text is written (`answer` 0).
    """

    items: int
    question: float
    example: float
    shots: int
    choices: float
    answer: float


HARNESS: Mapping[str, HarnessTask] = {
    "mmlu": HarnessTask(14_042, 96, 108, 0, 4, 0),
    "gsm8k_cot": HarnessTask(1319, 57, 67, 8, 0, 63),
    "bbh_cot_fewshot": HarnessTask(6511, 99, 231, 3, 0, 132),
    "tydiqa_goldp": HarnessTask(5077, 141, 141, 0, 0, 4),
    "arc_easy": HarnessTask(2376, 29, 29, 0, 21, 0),
    "arc_challenge": HarnessTask(1172, 37, 37, 0, 32, 0),
    "hellaswag": HarnessTask(10_042, 60, 60, 0, 142, 0),
    "truthfulqa_mc2": HarnessTask(817, 160, 160, 0, 81, 0),
    "ifeval": HarnessTask(541, 53, 53, 0, 0, 400),
}
"""By the name in the harness. Items: as their authors state, and as the harness 0.4.13 counts them. Tokens: the mean
characters of up to 60 prompts (10 of each of a group's tasks), drawn with seed 0 and rendered by that version, over 4.
Answers: the mean reference of GSM8K and TyDi QA, the mean solution in BIG-Bench Hard's examples; IFEval's assumed."""
