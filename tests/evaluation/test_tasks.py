"""Tasks on a real tiny model: values by hand, cuts counted, and a model that learned its items answers them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encoding import encode_prompt, encode_response
from tiny_models import tiny_recipe, tiny_samples

from suite.engines.transformers import TransformersEngine
from suite.errors import EvaluationError
from suite.evaluation.exact_match import ExactMatch
from suite.evaluation.likelihood import ResponseLikelihood, fit_pair
from suite.evaluation.multiple_choice import MultipleChoice
from suite.evaluation.plan import fit_prompt
from suite.evaluation.protocol import AskedModel, Item, Task
from suite.evaluation.run import Evaluator, evaluate_tasks
from suite.templates import get_template
from suite.training import TrainingJob
from suite.training.finetune import finetune

SAMPLES = tiny_samples(8, longest=4)
ITEMS = tuple(
    Item(
        id=sample.id,
        instruction=sample.instruction,
        input=sample.input,
        reference=sample.output,
        choices=(sample.output, "bam zur", f"{sample.output} né"),
    )
    for sample in SAMPLES
)
TASKS: tuple[Task, ...] = (
    ExactMatch("exact", ITEMS, 0.0, 24),
    ResponseLikelihood("bits", ITEMS, 0.0),
    MultipleChoice("choice", ITEMS, 1 / 3),
)
PLAIN = get_template("plain")


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_base)


@pytest.fixture(scope="module")
def engine(tiny_base: Path) -> TransformersEngine:
    return TransformersEngine(tiny_base, batch_size=4, device="cpu")


def log_likelihood(base: Path, prompt: list[int], response: list[int]) -> float:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    with torch.no_grad():
        logs = model(torch.tensor([prompt + response])).logits[0].log_softmax(-1)
    return sum(float(logs[len(prompt) + place - 1, token]) for place, token in enumerate(response))


def test_bits_per_byte_by_hand(tiny_base: Path, engine: TransformersEngine, tokenizer: Any) -> None:
    outcome = TASKS[1].evaluate(engine, AskedModel(tokenizer, PLAIN, 256))
    for item, value in zip(ITEMS, outcome.values, strict=True):
        prompt = encode_prompt(PLAIN, tokenizer, item.instruction, item.input)
        response = encode_response(PLAIN, tokenizer, item.reference)
        bits = -log_likelihood(tiny_base, prompt, response) / math.log(2)
        assert value == pytest.approx(bits / len(item.reference.encode()), rel=1e-4)
    assert outcome.values.dtype == np.float32
    assert outcome.tokens == sum(len(encode_response(PLAIN, tokenizer, item.reference)) for item in ITEMS)
    assert outcome.first_prompt_ids == tuple(encode_prompt(PLAIN, tokenizer, ITEMS[0].instruction, ITEMS[0].input))
    assert outcome.truncated == 0


def test_choices_by_hand(tiny_base: Path, engine: TransformersEngine, tokenizer: Any) -> None:
    outcome = TASKS[2].evaluate(engine, AskedModel(tokenizer, PLAIN, 256))
    expected = []
    for item in ITEMS:
        prompt = encode_prompt(PLAIN, tokenizer, item.instruction, item.input)
        scores = [
            # Without the stop token, and by bytes: "né" holds three.
            log_likelihood(tiny_base, prompt, encode_response(PLAIN, tokenizer, choice)[:-1]) / len(choice.encode())
            for choice in item.choices
        ]
        expected.append(float(int(np.argmax(scores)) == 0))
    assert outcome.values.tolist() == expected
    assert [sample["picked"] == sample["reference"] for sample in outcome.samples] == [v == 1.0 for v in expected[:5]]


def test_many_tasks_in_one_pass_equal_one_by_one(engine: TransformersEngine, tokenizer: Any) -> None:
    seen: list[tuple[int, int]] = []
    together = evaluate_tasks(
        TASKS,
        engine,
        AskedModel(tokenizer, PLAIN, 64),
        lambda done, total: seen.append((done, total)),
    )
    assert list(together) == ["exact", "bits", "choice"]
    assert seen == [(8, 40), (40, 40)]
    for task in TASKS:
        alone = task.evaluate(engine, AskedModel(tokenizer, PLAIN, 64))
        np.testing.assert_allclose(together[task.name].values, alone.values, rtol=1e-4)
        assert together[task.name].tokens == alone.tokens


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_model_that_learned_the_items_answers_them(method: str, tiny_base: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(method, epochs=80, learning_rate=2e-2, scheduler="constant")
    trained = finetune(
        TrainingJob(base_model=tiny_base, samples=SAMPLES, recipe=recipe, training_seed=0, output=tmp_path / "out")
    )
    with Evaluator(tiny_base, template="plain", max_length=256, batch_size=4) as evaluator:
        before = evaluator.evaluate(TASKS, None)
        after = evaluator.evaluate(TASKS, trained)
        again = evaluator.evaluate(TASKS, None)
        assert (evaluator.engine_name, "torch" in evaluator.versions) == ("transformers", True)
    assert before["exact"].values.mean() == 0.0
    assert after["exact"].values.mean() == 1.0
    assert after["choice"].values.mean() == 1.0
    assert after["bits"].values.mean() < 0.2 * before["bits"].values.mean()
    assert after["exact"].samples[0]["generated"] == ITEMS[0].reference
    for name, outcome in before.items():
        np.testing.assert_array_equal(outcome.values, again[name].values)


def test_cuts_are_counted_and_keep_the_beginning_token(engine: TransformersEngine, tokenizer: Any) -> None:
    for task in TASKS:
        outcome = task.evaluate(engine, AskedModel(tokenizer, PLAIN, 16))
        assert 0 < outcome.truncated <= len(ITEMS)
        assert outcome.first_prompt_ids[0] == tokenizer.bos_token_id
        assert len(outcome.first_prompt_ids) <= 16
        assert np.isfinite(outcome.values).all()


def test_fit_prompt_and_pair() -> None:
    assert fit_prompt([0, 1, 2, 3, 4], 3, beginning=0) == (0, 3, 4)
    assert fit_prompt([0, 1, 2, 3, 4], 1, beginning=0) == (0,)
    assert fit_prompt([1, 2, 3], 2, beginning=None) == (2, 3)
    assert fit_prompt([1, 2, 3], 3, beginning=0) == (1, 2, 3)
    assert fit_pair([0, 1, 2], [7, 8], 5, 0) == ((0, 1, 2), (7, 8))
    assert fit_pair([0, 1, 2, 3], [7, 8], 4, 0) == ((0, 3), (7, 8))
    assert fit_pair([0, 1, 2, 3, 4, 5], [7, 8, 9, 9, 9], 6, 0) == ((0, 4, 5), (7, 8, 9))
    assert fit_pair([0], [7, 8, 9, 9, 9], 4, 0) == ((0,), (7, 8, 9))


def test_items_that_cannot_be_asked(engine: TransformersEngine, tokenizer: Any) -> None:
    wrong: list[tuple[Task, str]] = [
        (ExactMatch("none", (), 0.0), "has no items"),
        (ResponseLikelihood("bits", (Item("7", "say"),), 0.0), "item '7': the reference is empty"),
        (MultipleChoice("choice", (Item("7", "say", reference="a", choices=("a",)),), 0.5), "two or more"),
        (MultipleChoice("choice", (Item("7", "say", reference="a", choices=("b", "c")),), 0.5), "not one of"),
    ]
    for task, message in wrong:
        with pytest.raises(EvaluationError, match=message):
            task.evaluate(engine, AskedModel(tokenizer, PLAIN, 64))


def test_evaluator_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="tokenizer of the base model"):
        Evaluator(tmp_path, template="plain", max_length=64)
