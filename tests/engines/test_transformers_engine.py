"""The transformers engine: batching changes nothing, adapters come and go, wrong folders are one error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from short_memory import memory_for
from tiny_models import build_tiny_base, tiny_recipe, tiny_samples

from suite.engines import open_engine
from suite.engines.batching import Unit, batches
from suite.engines.protocol import EmbeddingRequest, GenerationRequest, LikelihoodRequest
from suite.engines.transformers import TransformersEngine
from suite.errors import EvaluationError
from suite.training import TrainingJob
from suite.training.finetune import finetune

STOP = 17


@pytest.fixture(scope="module")
def adapters(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {}
    for seed, name in enumerate(("first", "second")):
        folders[name] = tmp_path_factory.mktemp("adapters") / name
        recipe = tiny_recipe(learning_rate=0.1, epochs=2)
        finetune(
            TrainingJob(
                base_model=tiny_base,
                samples=tiny_samples(8, seed=seed),
                recipe=recipe,
                training_seed=seed,
                output=folders[name],
            )
        )
    return folders


@pytest.fixture
def engine(tiny_base: Path) -> Iterator[TransformersEngine]:
    opened = TransformersEngine(tiny_base, batch_size=4, device="cpu")
    yield opened
    opened.close()


def prompts(count: int, seed: int = 0) -> list[tuple[int, ...]]:
    rng = np.random.default_rng(seed)
    return [(0, *rng.integers(3, 400, size=int(rng.integers(1, 20))).tolist()) for _ in range(count)]


def generations(adapter: str | None = None, count: int = 11) -> list[GenerationRequest]:
    return [
        GenerationRequest(ids, 5 + index % 7, (STOP, 200 + index), adapter) for index, ids in enumerate(prompts(count))
    ]


def likelihoods(adapter: str | None = None, count: int = 11) -> list[LikelihoodRequest]:
    continuations = prompts(count, seed=1)
    return [LikelihoodRequest(ids, then, adapter) for ids, then in zip(prompts(count), continuations, strict=True)]


def test_generation_in_batches_equals_plain_decoding_one_by_one(engine: TransformersEngine, tiny_base: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    expected = []
    for request in generations():
        ids = list(request.prompt_ids)
        while len(ids) - len(request.prompt_ids) < request.max_new_tokens:
            with torch.no_grad():
                token = int(model(torch.tensor([ids])).logits[0, -1].argmax())
            if token in request.stop_ids:
                break
            ids.append(token)
        expected.append(ids[len(request.prompt_ids) :])
    assert engine.generate(generations()) == expected
    assert {len(answer) for answer in expected} != {0}


def test_stop_token_ends_a_row_and_is_left_out(engine: TransformersEngine) -> None:
    prompt = prompts(1)[0]
    free = engine.generate([GenerationRequest(prompt, 8, ())])[0]
    stop = free[4]
    stopped = engine.generate([GenerationRequest(prompt, 8, (stop,)), GenerationRequest(prompt, 0, ())])
    assert stopped == [free[: free.index(stop)], []]


def test_likelihoods_in_batches_equal_those_by_hand(engine: TransformersEngine, tiny_base: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    for request, answer in zip(likelihoods(), engine.log_likelihoods(likelihoods()), strict=True):
        ids = torch.tensor([request.prompt_ids + request.continuation_ids])
        with torch.no_grad():
            logs = model(ids).logits[0].log_softmax(-1)
        first = len(request.prompt_ids)
        expected = sum(float(logs[place - 1, ids[0, place]]) for place in range(first, ids.shape[1]))
        assert answer.log_likelihood == pytest.approx(expected, abs=1e-4)
        assert answer.tokens == len(request.continuation_ids)


def test_greedy_flag_and_empty_continuation(engine: TransformersEngine) -> None:
    prompt = prompts(1)[0]
    greedy = tuple(engine.generate([GenerationRequest(prompt, 4, ())])[0])
    other = (*greedy[:3], (greedy[3] + 1) % 400)
    requests = [LikelihoodRequest(prompt, then) for then in (greedy, other, ())]
    answers = engine.log_likelihoods(requests)
    assert [answer.greedy for answer in answers] == [True, False, True]
    assert (answers[2].log_likelihood, answers[2].tokens) == (0.0, 0)
    assert engine.log_likelihoods(requests[2:]) == [answers[2]]
    assert engine.log_likelihoods([]) == engine.generate([]) == []


def test_batch_composition_does_not_matter(engine: TransformersEngine) -> None:
    together = engine.log_likelihoods(likelihoods())
    alone = [engine.log_likelihoods([request])[0] for request in likelihoods()]
    assert [a.log_likelihood for a in together] == pytest.approx([a.log_likelihood for a in alone], abs=1e-4)
    backwards = engine.generate(generations()[::-1])[::-1]
    assert backwards == engine.generate(generations())


def test_adapters_interleaved_equal_each_alone(engine: TransformersEngine, adapters: dict[str, Path]) -> None:
    names: list[str | None] = [None, "first", "second"]
    base_text, base_scores = engine.generate(generations()), engine.log_likelihoods(likelihoods())
    alone = {None: (base_text, base_scores)}
    for name, folder in adapters.items():
        engine.add_adapter(name, folder)
        alone[name] = engine.generate(generations(name)), engine.log_likelihoods(likelihoods(name))
        engine.remove_adapter(name)
    assert alone["first"][0] != alone["second"][0]
    assert alone["first"][0] != alone[None][0]

    for name, folder in adapters.items():
        engine.add_adapter(name, folder)
    mixed = [names[index % 3] for index in range(11)]
    text = engine.generate([generations(name)[index] for index, name in enumerate(mixed)])
    scores = engine.log_likelihoods([likelihoods(name)[index] for index, name in enumerate(mixed)])
    for index, name in enumerate(mixed):
        assert text[index] == alone[name][0][index]
        assert scores[index].log_likelihood == pytest.approx(alone[name][1][index].log_likelihood, abs=1e-4)

    engine.remove_adapter("first")
    assert engine.generate(generations("second")) == alone["second"][0]
    assert engine.generate(generations()) == base_text
    engine.remove_adapter("second")
    # Bit for bit, not merely close: nothing of an adapter stays behind.
    assert engine.log_likelihoods(likelihoods()) == base_scores


def test_adapter_equals_peft_itself(engine: TransformersEngine, tiny_base: Path, adapters: dict[str, Path]) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    tuned = PeftModel.from_pretrained(base, str(adapters["first"]))
    engine.add_adapter("first", adapters["first"])
    request = likelihoods("first")[3]
    ids = torch.tensor([request.prompt_ids + request.continuation_ids])
    with torch.no_grad():
        logs = tuned(ids).logits[0].log_softmax(-1)
    first = len(request.prompt_ids)
    expected = sum(float(logs[place - 1, ids[0, place]]) for place in range(first, ids.shape[1]))
    assert engine.log_likelihoods([request])[0].log_likelihood == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("change", [{"hidden": 48}, {"layers": 1}, {"layers": 3}])
def test_adapter_of_another_base_is_refused_and_leaves_no_trace(
    change: dict[str, int], adapters: dict[str, Path], tmp_path: Path
) -> None:
    engine = TransformersEngine(build_tiny_base(tmp_path / "other", **change), batch_size=4, device="cpu")
    before = engine.log_likelihoods(likelihoods())
    with pytest.raises(EvaluationError, match="base model"):
        engine.add_adapter("first", adapters["first"])
    assert engine.log_likelihoods(likelihoods()) == before
    with pytest.raises(EvaluationError, match="not loaded"):
        engine.generate(generations("first"))


def test_damaged_adapter_beside_a_good_one(
    engine: TransformersEngine, adapters: dict[str, Path], tmp_path: Path
) -> None:
    engine.add_adapter("first", adapters["first"])
    good = engine.generate(generations("first"))
    (tmp_path / "adapter_config.json").write_text((adapters["second"] / "adapter_config.json").read_text())
    (tmp_path / "adapter_model.safetensors").write_bytes(b"cut")
    with pytest.raises(EvaluationError, match="does not fit"):
        engine.add_adapter("second", tmp_path)
    assert engine.generate(generations("first")) == good


def test_wrong_requests_and_folders(engine: TransformersEngine, adapters: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="empty prompt"):
        engine.generate([GenerationRequest((), 3, ())])
    with pytest.raises(EvaluationError, match="no adapter in"):
        engine.add_adapter("none", tmp_path)
    with pytest.raises(EvaluationError, match="no adapter 'none' to remove"):
        engine.remove_adapter("none")
    engine.add_adapter("first", adapters["first"])
    with pytest.raises(EvaluationError, match="loaded already"):
        engine.add_adapter("first", adapters["first"])
    with pytest.raises(EvaluationError, match="no model in"):
        open_engine("auto", tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(EvaluationError, match="cannot be read"):
        open_engine("transformers", tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(EvaluationError, match="no model in"):
        open_engine("vllm", tmp_path)


def test_bfloat16_and_versions(tiny_base: Path) -> None:
    engine = TransformersEngine(tiny_base, dtype="bfloat16", batch_size=3, device="cpu")
    exact = TransformersEngine(tiny_base, batch_size=3, device="cpu")
    found = [answer.log_likelihood for answer in engine.log_likelihoods(likelihoods())]
    assert found == pytest.approx([a.log_likelihood for a in exact.log_likelihoods(likelihoods())], rel=0.05)
    assert set(engine.versions) == {"torch", "transformers", "peft"}
    assert all(version[0].isdigit() for version in engine.versions.values())


def test_shared_prompts_equal_prompts_of_their_own(engine: TransformersEngine) -> None:
    choices = [(), (5,), (5, 9), (9, 5, 7, 8), (30, 31)]
    shared = [LikelihoodRequest(ids, then) for ids in prompts(5) for then in choices]
    together = engine.log_likelihoods(shared)
    for request, answer in zip(shared, together, strict=True):
        alone = engine.log_likelihoods([request])[0]
        assert answer.log_likelihood == pytest.approx(alone.log_likelihood, abs=1e-4)
        assert (answer.tokens, answer.greedy) == (alone.tokens, alone.greedy)
    # One-token choices need no second pass over the model; they are a path of their own.
    letters = [LikelihoodRequest(ids, (token,)) for ids in prompts(3) for token in (5, 6, 7)]
    scores = [answer.log_likelihood for answer in engine.log_likelihoods(letters)]
    assert scores == pytest.approx([engine.log_likelihoods([r])[0].log_likelihood for r in letters], abs=1e-4)


def test_a_model_without_a_plain_head_scores_the_same(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    direct = engine.log_likelihoods(likelihoods())
    monkeypatch.setattr("suite.logits.PLAIN_HEADS", ())
    scores = [answer.log_likelihood for answer in engine.log_likelihoods(likelihoods())]
    assert scores == pytest.approx([answer.log_likelihood for answer in direct], abs=1e-4)


def test_embeddings_are_the_last_states_of_unit_norm(
    engine: TransformersEngine, tiny_base: Path, adapters: dict[str, Path]
) -> None:
    import torch
    from transformers import AutoModel

    body = AutoModel.from_pretrained(tiny_base, dtype=torch.float32)
    asked = [EmbeddingRequest(ids) for ids in prompts(11)]
    found = engine.embed(asked)
    for request, vector in zip(asked, found, strict=True):
        with torch.no_grad():
            state = body(torch.tensor([request.prompt_ids])).last_hidden_state[0, -1]
        np.testing.assert_allclose(vector, (state / state.norm()).numpy(), atol=1e-5)
    engine.add_adapter("first", adapters["first"])
    changed = engine.embed([EmbeddingRequest(ids, "first") for ids in prompts(11)])
    assert np.abs(changed - found).max() > 1e-3
    np.testing.assert_array_equal(engine.embed(asked), found)
    assert engine.embed([]).shape == (0, 0)


def test_short_of_memory_a_batch_is_computed_in_halves_and_then_it_is_an_error(engine: TransformersEngine) -> None:
    written, scored = engine.generate(generations()), engine.log_likelihoods(likelihoods())
    with memory_for(rows=2) as tried:
        assert engine.generate(generations()) == written
        found = engine.log_likelihoods(likelihoods())
    assert {4, 2} <= set(tried)
    expected = [one.log_likelihood for one in scored]
    assert [one.log_likelihood for one in found] == pytest.approx(expected, abs=1e-4)
    told = r"This machine ran out of memory with 4 rows at once, and again with 2\. .*smaller batch_size"
    with memory_for(rows=1), pytest.raises(EvaluationError, match=told):
        engine.generate(generations())
    alone = "ran out of memory on a single row"
    with memory_for(rows=0), pytest.raises(EvaluationError, match=alone):
        engine.embed([EmbeddingRequest((0, 5))])
    assert engine.generate(generations()) == written, "it can still be asked"


def test_batches_shrink_where_logits_would_not_fit() -> None:
    def sizes(logits: list[int], rows: int = 1) -> list[int]:
        units = [Unit((0,) * rows, None, 0, count) for count in logits]
        return [len(batch) for batch in batches(units, batch_size=64, vocabulary=32_000)]

    assert sizes([10] * 100) == [64, 36]
    assert sizes([1000] * 20) == [8, 8, 4]
    assert sizes([1, 1, 100_000]) == [2, 1]
    assert sizes([100_000, 1]) == [1, 1]
    assert sizes([10] * 30, rows=4) == [16, 14]
    assert sizes([10], rows=100) == [1]
    assert sizes([]) == []
