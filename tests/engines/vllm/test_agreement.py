"""vLLM and transformers give the same answers, for a base and four adapters that share batches in one engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suite.engines import engine_versions, open_engine
from suite.engines.protocol import EmbeddingRequest, Engine, GenerationRequest, LikelihoodRequest
from suite.engines.vllm.engine import VllmEngine, VllmSettings
from suite.errors import EvaluationError
from suite.evaluation.exact_match import ExactMatch
from suite.evaluation.likelihood import ResponseLikelihood
from suite.evaluation.protocol import AskedModel, Item
from suite.evaluation.run import evaluate_tasks
from suite.templates import get_template

PROMPTS = 300
POSITIONS = 256
ITEMS = tuple(Item(str(n), f"ban dem gor {n}", reference=f"kin {n}") for n in range(40))


@pytest.fixture(scope="module")
def served(vllm_python: str, base: Path, adapters: dict[str, Path], tmp_path_factory: Any) -> Iterator[VllmEngine]:
    """The vllm engine with every adapter in it; started once for all tests here, and a second time to embed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BREADTH_VLLM_PYTHON", vllm_python)
        patch.setenv("BREADTH_HOME", str(tmp_path_factory.mktemp("home")))
        engine = open_engine("vllm", base, batch_size=32, vllm=VllmSettings(rank=4, adapters=4))
        assert isinstance(engine, VllmEngine)
        for name, folder in adapters.items():
            engine.add_adapter(name, folder)
        yield engine
        engine.close()


@pytest.fixture(scope="module")
def peer(base: Path, adapters: dict[str, Path]) -> Iterator[Engine]:
    """The transformers engine with the same adapters."""
    engine = open_engine("transformers", base, batch_size=32)
    for name, folder in adapters.items():
        engine.add_adapter(name, folder)
    yield engine
    engine.close()


def prompts(count: int = PROMPTS, longest: int = 60) -> list[tuple[int, ...]]:
    rng = np.random.default_rng(5)
    return [(0, *rng.integers(3, 400, size=int(rng.integers(1, longest))).tolist()) for _ in range(count)]


def mixed(adapters: dict[str, Path]) -> list[str | None]:
    names = [None, *adapters]
    return [names[place % len(names)] for place in range(PROMPTS)]


def test_greedy_text_is_the_same(served: VllmEngine, peer: Engine, adapters: dict[str, Path]) -> None:
    asked = [
        GenerationRequest(ids, 4 + place % 20, (17, 90), name)
        for place, (ids, name) in enumerate(zip(prompts(), mixed(adapters), strict=True))
    ]
    ours, theirs = served.generate(asked), peer.generate(asked)
    same = [one == other for one, other in zip(ours, theirs, strict=True)]
    assert np.mean(same) >= 0.99
    # Some stop early, some at their last token, and adapters say other things than the base.
    assert len({len(answer) for answer in ours}) > 5
    bare = served.generate([GenerationRequest(one.prompt_ids, one.max_new_tokens, one.stop_ids) for one in asked])
    changed = [one != other for one, other, name in zip(ours, bare, mixed(adapters), strict=True) if name]
    assert np.mean(changed) > 0.5


def test_likelihoods_are_the_same(served: VllmEngine, peer: Engine, adapters: dict[str, Path]) -> None:
    rng = np.random.default_rng(6)
    asked = []
    for ids, name in zip(prompts(), mixed(adapters), strict=True):
        cut = int(rng.integers(1, len(ids) + 1))
        asked.append(LikelihoodRequest(ids[:cut], ids[cut:], name))
    # What a model would say itself, so that some continuations are greedy; and as many tokens as it has positions.
    said = peer.generate([GenerationRequest(one.prompt_ids, 5, (), one.adapter) for one in asked[:50]])
    asked += [
        LikelihoodRequest(one.prompt_ids, tuple(text), one.adapter) for one, text in zip(asked[:50], said, strict=True)
    ]
    asked.append(LikelihoodRequest((0, 5), tuple(rng.integers(3, 400, size=POSITIONS - 2).tolist()), None))
    ours, theirs = served.log_likelihoods(asked), peer.log_likelihoods(asked)
    apart = [abs(one.log_likelihood - other.log_likelihood) for one, other in zip(ours, theirs, strict=True)]
    assert max(apart) <= 1e-3
    assert [one.tokens for one in ours] == [other.tokens for other in theirs]
    assert np.mean([one.greedy == other.greedy for one, other in zip(ours, theirs, strict=True)]) >= 0.99
    assert {one.greedy for one in ours if one.tokens} == {True, False}


@pytest.mark.parametrize("engine", ["served", "peer"])
def test_a_rerun_in_other_company_agrees(
    engine: str, request: pytest.FixtureRequest, adapters: dict[str, Path]
) -> None:
    """One adapter three requests at a time, and in batches that it shares with every other."""
    asked = request.getfixturevalue(engine)
    texts = [
        GenerationRequest(ids, 4 + place % 20, (17, 90), name)
        for name in (None, *adapters)
        for place, ids in enumerate(prompts(120))
    ]
    scores = [
        LikelihoodRequest(one.prompt_ids[: len(one.prompt_ids) // 2 + 1], (*one.prompt_ids[-9:], 7), one.adapter)
        for one in texts
    ]
    own = [place for place, one in enumerate(texts) if one.adapter == "adapter-2"]
    said, scored = asked.generate(texts), asked.log_likelihoods(scores)
    few = [own[start : start + 3] for start in range(0, len(own), 3)]
    again = [text for places in few for text in asked.generate([texts[place] for place in places])]
    same = [text == said[place] for place, text in zip(own, again, strict=True)]
    assert np.mean(same) >= 0.99
    assert len({len(text) for text in again}) > 5
    rescored = [one for places in few for one in asked.log_likelihoods([scores[place] for place in places])]
    apart = [abs(one.log_likelihood - scored[place].log_likelihood) for place, one in zip(own, rescored, strict=True)]
    assert max(apart) <= 1e-3
    assert max(abs(one.log_likelihood) for one in rescored) > 10, "far from nothing"


def test_sampled_text_depends_on_the_seed_alone(served: VllmEngine, adapters: dict[str, Path]) -> None:
    def asked(seed: int) -> list[GenerationRequest]:
        return [
            GenerationRequest(ids, 12, (), name, temperature=1.5, top_p=0.9, seed=seed + place)
            for place, (ids, name) in enumerate(zip(prompts(40), mixed(adapters)[:40], strict=True))
        ]

    first = served.generate(asked(0))
    assert served.generate(asked(0)[::-1])[::-1] == first
    assert [served.generate([one])[0] for one in asked(0)[:3]] == first[:3]
    assert served.generate(asked(1000)) != first
    greedy = [GenerationRequest(one.prompt_ids, 12, (), one.adapter) for one in asked(0)]
    assert served.generate(greedy) != first


def test_tasks_see_one_beginning_token_and_the_same_prompt(
    served: VllmEngine, peer: Engine, base: Path, adapters: dict[str, Path]
) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    tasks = (
        ExactMatch("exact", ITEMS, 0.0, max_new_tokens=8),
        ResponseLikelihood("bits", ITEMS, 0.0),
    )
    for name in (None, *adapters):
        ours, theirs = (
            evaluate_tasks(tasks, engine, AskedModel(tokenizer, get_template("plain"), 128, name))
            for engine in (served, peer)
        )
        for task in tasks:
            ids = ours[task.name].first_prompt_ids
            assert ids == theirs[task.name].first_prompt_ids
            assert (ids[0], ids.count(tokenizer.bos_token_id)) == (tokenizer.bos_token_id, 1)
            np.testing.assert_allclose(ours[task.name].values, theirs[task.name].values, atol=1e-3)


def test_versions_are_those_of_vllms_own_environment(served: VllmEngine, peer: Engine) -> None:
    assert served.versions == engine_versions("vllm")
    assert {"vllm", "torch", "transformers"} <= served.versions.keys()
    assert peer.versions == engine_versions("transformers")
    assert served.batching == "up to 32 requests of 4 adapters at once"


def test_wrong_requests_and_adapters(served: VllmEngine, adapters: dict[str, Path], tmp_path: Path) -> None:
    before = served.generate([GenerationRequest((0, 5), 4, (), "adapter-1")])
    with pytest.raises(EvaluationError, match="empty prompt"):
        served.generate([GenerationRequest((), 3, ())])
    with pytest.raises(EvaluationError, match=r"200 \+ 57 tokens, more than the engine's 256"):
        served.generate([GenerationRequest((5,) * 200, 57, ())])
    with pytest.raises(EvaluationError, match="'other', it is not loaded; loaded: adapter-0, adapter-1"):
        served.generate([GenerationRequest((0, 5), 3, (), "other")])
    with pytest.raises(EvaluationError, match="loaded already"):
        served.add_adapter("adapter-1", adapters["adapter-1"])
    (tmp_path / "adapter_config.json").write_text((adapters["adapter-0"] / "adapter_config.json").read_text())
    (tmp_path / "adapter_model.safetensors").write_bytes(b"cut")
    with pytest.raises(EvaluationError, match="does not fit"):
        served.add_adapter("damaged", tmp_path)
    assert served.generate([]) == served.log_likelihoods([]) == []
    assert served.generate([GenerationRequest((0, 5), 0, ())]) == [[]]
    assert served.generate([GenerationRequest((0, 5), 4, (), "adapter-1")]) == before


def test_adapters_leave_and_others_come(served: VllmEngine, peer: Engine, adapters: dict[str, Path]) -> None:
    """More adapters than are computed together, one after the other under one name."""
    for name, folder in adapters.items():
        served.add_adapter("guest", folder)
        guest = served.generate([GenerationRequest(ids, 8, (), "guest") for ids in prompts(10)])
        assert guest == peer.generate([GenerationRequest(ids, 8, (), name) for ids in prompts(10)])
        served.remove_adapter("guest")
    with pytest.raises(EvaluationError, match="'guest'"):
        served.remove_adapter("guest")


def test_embeddings_are_the_same(served: VllmEngine, peer: Engine, adapters: dict[str, Path]) -> None:
    asked = [EmbeddingRequest(ids, name) for ids, name in zip(prompts(), mixed(adapters), strict=True)]
    ours, theirs = served.embed(asked), peer.embed(asked)
    assert (ours.shape, ours.dtype, theirs.dtype) == ((PROMPTS, 64), np.float32, np.float32)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1.0, atol=1e-6)
    bare = peer.embed([EmbeddingRequest(one.prompt_ids) for one in asked])
    assert np.abs(bare - theirs).max() > 0.1
    # The text engine comes back, with its adapters, when it is asked again.
    request = [GenerationRequest((0, 5, 9), 8, (), "adapter-2")]
    assert served.generate(request) == peer.generate(request)
