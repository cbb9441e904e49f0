"""Published judgements and win rates: AlpacaEval's, by GPT-4, of ten models of every quality.

Each file holds 805 pairs of answers (text-davinci-003's and the model's) with the preference that was published; the
leaderboard's win rates follow from them exactly. Source: tatsu-lab/alpaca_eval (data CC BY-NC 4.0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from suite.errors import EvaluationError, UnknownNameError
from suite.evaluation.formats import json_array, text_of
from suite.evaluation.judging.verdicts import Preference
from suite.evaluation.protocol import Item
from suite.reporting import Notify, say_nothing
from suite.sources import fetch
from suite.track import Source

COMMIT = "cd543a149df89434d8a54582c0151c0b945c3d20"
RAW = f"https://raw.githubusercontent.com/tatsu-lab/alpaca_eval/{COMMIT}"
SHA256: Mapping[str, str] = {
    "alpaca-7b": "d44ea50f1a81f6ae6a95e8ac1dd08b7eca82cc0a9058a2923b1c70cec1e9eaa5",
    "claude-2": "6f48c1acd3be70d698bf4f0fd9275cda7c44ae5a632dddfb9cd296ddc300f732",
    "falcon-7b-instruct": "24e953bcc62a55dd0d360ed64de328dda5d1569b56ec567cc2a14f5cdebbcd70",
    "gpt-3.5-turbo-0301": "4c5de0db5c74653f49c50becf008491e7da39ac83ec4893780ebbe7110d1b040",
    "gpt4": "822d7ce0fc777c526bd063e5b44d3c179884654f63fe43fe359c5dec524727ff",
    "llama-2-7b-chat-hf": "a003092552c9d97793e6e08e82e2c73b96a1031e882e78ef65dfb972a9d74630",
    "phi-2": "4eb708c0be289460cf66f2e7f8058c5dd481b19fa995ede24495580153086664",
    "text_davinci_001": "09d486ce69568c52229e2123c9e3a0d7c485d64c709d86505297301289c8880b",
    "vicuna-13b": "3e43d5de375aa1e8c9d0148a4b352dd5b5ee04f0644469e597c155d28641ea61",
    "zephyr-7b-beta": "004401fcd0a1faae086ba33c612550334ff6954d1989fbc17c29d4d379c38687",
}
WORTH: Mapping[Preference, float] = {"A": 1.0, "tie": 0.5, "B": 0.0}


@dataclass(frozen=True)
class Judged:
    """One model's answers with the published verdicts: `A` where the model was preferred to the baseline.

    An item's `reference` is the baseline's answer.
    """

    model: str
    items: tuple[Item, ...]
    answers: tuple[str, ...]
    verdicts: tuple[Preference, ...]

    @property
    def win_rate(self) -> float:
        """The share preferred to the baseline, ties counting half."""
        return win_rate(self.verdicts)

    def lengths(self) -> np.ndarray:
        """The baseline's length less the model's, in characters, shape (items,)."""
        return np.array([len(item.reference) - len(text) for item, text in zip(self.items, self.answers, strict=True)])


def win_rate(verdicts: Sequence[Preference]) -> float:
    """The share of verdicts for `A`, ties counting half."""
    return float(np.mean([WORTH[verdict] for verdict in verdicts]))


def published_models() -> tuple[str, ...]:
    """The models whose judgements are known here."""
    return tuple(sorted(SHA256))


def load_published(model: str, *, notify: Notify = say_nothing) -> Judged:
    """A model's published judgements; pairs that the judge left without a verdict are left out, as there.

    StorageError where the file cannot be had, UnknownNameError for another model, EvaluationError for another layout.
    """
    if model not in SHA256:
        raise UnknownNameError("model with published judgements", model, SHA256)
    source = Source(
        local=f"evals/alpaca_eval/annotations/{model}.json",
        url=f"{RAW}/results/{model}/alpaca_eval_gpt4/annotations.json",
        sha256=SHA256[model],
    )
    items, answers, verdicts = [], [], []
    for number, (place, record) in enumerate(json_array(fetch(source, notify=notify))):
        verdict = read_published(record.get("preference"), place)
        if verdict is None:
            continue
        baseline = text_of(record, "output_1", place, empty=True)
        items.append(Item(str(number), text_of(record, "instruction", place), "", baseline))
        answers.append(text_of(record, "output_2", place, empty=True))
        verdicts.append(verdict)
    return Judged(model, tuple(items), tuple(answers), tuple(verdicts))


def read_published(preference: object, place: str) -> Preference | None:
    """AlpacaEval's numbers: 2 for the model, 1 for the baseline, 0 and 1.5 for ties; None where there is none."""
    if preference is None:
        return None
    known: dict[object, Preference] = {2: "A", 1: "B", 0: "tie", 1.5: "tie"}
    if preference not in known:
        raise EvaluationError(f"{place}: a preference is 0, 1, 1.5 or 2, not {preference!r}.")
    return known[preference]
