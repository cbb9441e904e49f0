"""Our engine behind the harness's model interface, against the harness's own HFLM on the same tiny model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from encoding import encode_prompt, encode_response
from tiny_models import tiny_recipe, tiny_samples

from suite.engines.transformers import TransformersEngine
from suite.errors import EvaluationError
from suite.templates import get_template
from suite.training import TrainingJob
from suite.training.finetune import finetune

pytest.importorskip("lm_eval")
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from suite.evaluation.harness.model import EngineLM

TEXTS = [f"{sample.instruction} {sample.output}" for sample in tiny_samples(12, seed=3)]


def requests(kind: Any, *arguments: tuple[Any, ...]) -> list[Instance]:
    return [Instance(kind, {}, given, place) for place, given in enumerate(arguments)]


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_base)


@pytest.fixture(scope="module")
def engine(tiny_base: Path) -> TransformersEngine:
    return TransformersEngine(tiny_base, batch_size=5, device="cpu")


@pytest.fixture(scope="module")
def ours(engine: TransformersEngine, tokenizer: Any) -> EngineLM:
    return EngineLM(engine, tokenizer, max_length=256)


@pytest.fixture(scope="module")
def theirs(tiny_base: Path) -> HFLM:
    return HFLM(str(tiny_base), device="cpu", batch_size=1, dtype="float32", add_bos_token=True)


def test_log_likelihoods_are_the_harness_s_own(ours: EngineLM, theirs: HFLM) -> None:
    pairs = [(text, f" {other}") for text, other in zip(TEXTS, reversed(TEXTS), strict=True)]
    # Choices of one prompt, a space that belongs to the continuation, and no context at all.
    asked = [*pairs, (TEXTS[0], " bam"), (TEXTS[0], " bam zur"), (f"{TEXTS[1]} ", "gor"), ("", TEXTS[2])]
    found = ours.loglikelihood(requests("loglikelihood", *asked))
    expected = theirs.loglikelihood(requests("loglikelihood", *asked), disable_tqdm=True)
    for (value, greedy), (other, likewise) in zip(found, expected, strict=True):
        assert value == pytest.approx(other, abs=1e-4)
        assert greedy == likewise


def test_generations_are_the_harness_s_own(ours: EngineLM, theirs: HFLM) -> None:
    plain = theirs.generate_until(
        requests("generate_until", *((text, {"until": [], "max_gen_toks": 90}) for text in TEXTS)), disable_tqdm=True
    )
    # A text from the middle of what the model says, so that generation has something to stop at.
    stops = [text[len(text) // 2 : len(text) // 2 + 3] for text in plain]
    asked = [
        (text, {"until": [stop, "never"] if stop else [], "max_gen_toks": 90, "do_sample": False})
        for text, stop in zip(TEXTS, stops, strict=True)
    ]
    found = ours.generate_until(requests("generate_until", *asked))
    assert found == theirs.generate_until(requests("generate_until", *asked), disable_tqdm=True)
    assert any(len(text) < len(whole) for text, whole in zip(found, plain, strict=True))
    assert (
        ours.generate_until(requests("generate_until", *((text, {"until": [], "max_gen_toks": 90}) for text in TEXTS)))
        == plain
    )


def test_generation_ends_soon_after_its_stop_sequence(engine: TransformersEngine, tokenizer: Any) -> None:
    model = EngineLM(engine, tokenizer, max_length=256)
    (whole,) = model.generate_until(requests("generate_until", (TEXTS[0], {"until": [], "max_gen_toks": 200})))
    until = {"until": [whole[:2]], "max_gen_toks": 200}
    before = model.tokens
    assert model.generate_until(requests("generate_until", (TEXTS[0], until))) == [""]
    assert model.tokens - before <= 64 < before


def test_whole_texts_are_the_harness_s_own(ours: EngineLM, tiny_base: Path, tokenizer: Any) -> None:
    # Theirs with a beginning token would have two: one as the prefix, one of the text.
    theirs = HFLM(
        str(tiny_base),
        device="cpu",
        batch_size=1,
        dtype="float32",
        add_bos_token=False,
        prefix_token_id=tokenizer.bos_token_id,
    )
    asked = requests("loglikelihood_rolling", *((text,) for text in TEXTS[:4]))
    assert ours.loglikelihood_rolling(asked) == pytest.approx(theirs.loglikelihood_rolling(asked), abs=1e-4)


def test_a_text_longer_than_the_model_is_scored_whole(engine: TransformersEngine, tokenizer: Any) -> None:
    model = EngineLM(engine, tokenizer, max_length=32)
    text = " ".join(TEXTS)
    (value,) = model.loglikelihood_rolling(requests("loglikelihood_rolling", (text,)))
    assert value < 0
    assert model.tokens == len(tokenizer(text, add_special_tokens=False)["input_ids"])
    assert model.truncated == 0


def test_a_chat_s_prompt_is_the_track_s(engine: TransformersEngine, tokenizer: Any) -> None:
    template = get_template("chatml")
    model = EngineLM(engine, tokenizer, max_length=256, template=template)
    found = model.loglikelihood(requests("loglikelihood", ("bam gor", " zur")))
    prompt, response = encode_prompt(template, tokenizer, "bam gor"), encode_response(template, tokenizer, "zur")[:-1]
    assert model.first_prompt_ids == tuple(prompt)
    assert prompt.count(tokenizer.bos_token_id) == 1
    from suite.engines.protocol import LikelihoodRequest

    (expected,) = engine.log_likelihoods([LikelihoodRequest(tuple(prompt), tuple(response))])
    assert found[0][0] == pytest.approx(expected.log_likelihood, abs=1e-4)


def test_adapters_share_one_engine(engine: TransformersEngine, tokenizer: Any, tiny_base: Path, tmp_path: Path) -> None:
    asked = requests("loglikelihood", *((text, " bam zur") for text in TEXTS))
    bare = EngineLM(engine, tokenizer, max_length=256).loglikelihood(asked)
    for seed in (0, 1):
        trained = finetune(
            TrainingJob(
                base_model=tiny_base,
                samples=tiny_samples(8),
                recipe=tiny_recipe("lora"),
                training_seed=seed,
                output=tmp_path / str(seed),
            )
        )
        engine.add_adapter(str(seed), trained.folder)
    found = [
        EngineLM(engine, tokenizer, max_length=256, adapter=adapter).loglikelihood(asked)
        for adapter in (None, "0", "1")
    ]
    for seed in (0, 1):
        engine.remove_adapter(str(seed))
    assert [value for value, _ in found[0]] == pytest.approx([value for value, _ in bare], abs=1e-4)
    assert len({values[0][0] for values in found}) == 3
    theirs = HFLM(
        str(tiny_base), peft=str(tmp_path / "1"), device="cpu", batch_size=1, dtype="float32", add_bos_token=True
    )
    expected = theirs.loglikelihood(asked, disable_tqdm=True)
    assert [value for value, _ in found[2]] == pytest.approx([value for value, _ in expected], abs=1e-4)


def test_what_cannot_be_generated(engine: TransformersEngine, tokenizer: Any) -> None:
    model = EngineLM(engine, tokenizer, max_length=64)
    with pytest.raises(EvaluationError, match="up to 64 tokens where prompt and answer together may have 64"):
        model.generate_until(requests("generate_until", ("bam", {"until": [], "max_gen_toks": 64})))
    with pytest.raises(EvaluationError, match="samples its answers"):
        model.generate_until(requests("generate_until", ("bam", {"do_sample": True, "temperature": 1.0})))
