"""Tags by a language model: the prompt's tokens, strict answers, failures, and a real tiny model end to end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from suite.engines.protocol import GenerationRequest, Likelihood, LikelihoodRequest
from suite.errors import BreadthError, FeatureError
from suite.features import Tags, TrackContext
from suite.features.store import FeatureStore, compute_features
from suite.features.tag_engine import EngineTagger, Model, load_model
from suite.features.tag_prompt import parse_answer, prompt_parts
from suite.features.tag_spool import CHUNK, LEAST_ASKED, Tagged, tag_pool
from suite.pool import Pool, pool_from_records
from suite.pool.pool import View

CHAT = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}<|im_start|>a"
GOOD = json.dumps([{"tag": "cooking", "explanation": "it asks for a recipe"}, {"tag": "recipe"}])


class ScriptedEngine:
    """An engine that answers each request by a function of its prompt's text."""

    name = "scripted"
    versions: dict[str, str] = {}  # noqa: RUF012 - the protocol's own form

    def __init__(self, tokenizer: Any, answer: Callable[[str], str]) -> None:
        self.tokenizer = tokenizer
        self.answer = answer
        self.requests: list[GenerationRequest] = []
        self.closed = False

    def add_adapter(self, name: str, folder: Path) -> None:
        raise NotImplementedError

    def remove_adapter(self, name: str) -> None:
        raise NotImplementedError

    def generate(self, requests: Sequence[GenerationRequest]) -> list[list[int]]:
        self.requests += requests
        return [
            self.tokenizer(self.answer(self.tokenizer.decode(request.prompt_ids)), add_special_tokens=False)[
                "input_ids"
            ]
            for request in requests
        ]

    def log_likelihoods(self, requests: Sequence[LikelihoodRequest]) -> list[Likelihood]:
        raise NotImplementedError

    def close(self) -> None:
        self.closed = True


@pytest.fixture(scope="module")
def chat_model(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a chat template and a stop token of its own."""
    from transformers import AutoTokenizer, GenerationConfig

    folder = tmp_path_factory.mktemp("chat") / "model"
    shutil.copytree(tiny_base, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(folder)
    GenerationConfig(
        eos_token_id=[tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|im_end|>")]
    ).save_pretrained(folder)
    return folder


def pool_of(*texts: str) -> Pool:
    return pool_from_records([{"id": str(row), "instruction": text} for row, text in enumerate(texts)])


def ask(
    folder: Path, texts: Sequence[str], answer: Callable[[str], str], *, view: View = "instruction", **options: int
) -> tuple[list[Tagged], ScriptedEngine]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    engine = ScriptedEngine(tokenizer, answer)
    tagger = EngineTagger(lambda: Model(engine, tokenizer, (tokenizer.eos_token_id,)), view, **options)
    ((_, answers),) = tagger.tag([0], lambda number: list(texts))
    assert engine.closed
    return answers, engine


@pytest.mark.parametrize(
    ("answer", "tags"),
    [
        (GOOD, ("cooking", "recipe")),
        ('["a", "b c"]', ("a", "b c")),
        ('["a", {"tag": "b"}]', ("a", "b")),
        ('[{"tag": "\\ud800 x", "explanation": null}]', ("\ud800 x",)),
        ("[]", None),
        ("", None),
        ("cooking, recipe", None),
        (f"Here are the tags: {GOOD}", None),
        (f"```json\n{GOOD}\n```", None),
        (GOOD[:-1], None),
        (GOOD + GOOD, None),
        ('{"tag": "a"}', None),
        ('"a"', None),
        ("[1]", None),
        ('["a", " "]', None),
        ('[["a"]]', None),
        ('[{"name": "a"}]', None),
        ('[{"tag": "a", "score": 1}]', None),
        ('[{"tag": 3}]', None),
        ("[" * 100_000, None),
    ],
)
def test_an_answer_is_taken_whole_or_fails(answer: str, tags: tuple[str, ...] | None) -> None:
    expected = Tagged(tags) if tags is not None else Tagged(failure=answer)
    assert parse_answer(answer) == expected


def test_the_prompt_holds_the_text_and_says_what_it_is(tiny_base: Path) -> None:
    before, after = prompt_parts("response")
    assert "answered" in before
    assert before != prompt_parts("instruction")[0]
    answers, engine = ask(tiny_base, ["bake bread", "  \n"], lambda prompt: GOOD, view="response")
    assert answers == [Tagged(("cooking", "recipe")), Tagged()]
    (request,) = engine.requests
    ids = list(request.prompt_ids)
    tokenizer = engine.tokenizer
    assert tokenizer.decode(ids, skip_special_tokens=True) == f"{before}bake bread{after}"
    assert ids.count(tokenizer.bos_token_id) == 1
    assert ids[0] == tokenizer.bos_token_id
    assert request.stop_ids == (tokenizer.eos_token_id,)


def test_the_chat_template_frames_the_text_and_its_markers_stay_text(chat_model: Path) -> None:
    _, engine = ask(chat_model, ["bake <|im_end|> bread"], lambda prompt: GOOD)
    ids = list(engine.requests[0].prompt_ids)
    tokenizer = engine.tokenizer
    before, after = prompt_parts("instruction")
    written = f"<|im_start|>user\n{before}bake <|im_end|> bread{after}<|im_end|>\n<|im_start|>a"
    assert tokenizer.decode(ids) == written
    assert ids.count(tokenizer.convert_tokens_to_ids("<|im_end|>")) == 1


def test_a_template_that_writes_the_date_asks_the_same_every_day(chat_model: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    shutil.copytree(chat_model, tmp_path / "dated")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "dated")
    tokenizer.chat_template = "{{ strftime_now('%d %b %Y') }}" + CHAT
    tokenizer.save_pretrained(tmp_path / "dated")
    _, engine = ask(tmp_path / "dated", ["bake bread"], lambda prompt: GOOD)
    assert tokenizer.decode(engine.requests[0].prompt_ids).startswith("26 Jul 2024<|im_start|>user")


def test_a_template_that_hides_the_message_is_an_error(chat_model: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(chat_model)
    tokenizer.chat_template = "hello"
    engine = ScriptedEngine(tokenizer, lambda prompt: GOOD)
    with pytest.raises(FeatureError, match="chat template"):
        list(EngineTagger(lambda: Model(engine, tokenizer, ()), "response").tag([0], lambda number: ["x"]))
    assert engine.closed


def test_long_texts_are_cut_and_answers_bounded(tiny_base: Path) -> None:
    _, engine = ask(tiny_base, ["word " * 500, "word"], lambda prompt: GOOD, max_text_tokens=7, max_new_tokens=9)
    frame = len(engine.requests[1].prompt_ids) - len(engine.tokenizer("word", add_special_tokens=False)["input_ids"])
    assert len(engine.requests[0].prompt_ids) == frame + 7
    assert {request.max_new_tokens for request in engine.requests} == {9}


class Stopped(Exception):  # noqa: N818 - a kill
    """What ends a tagger in the middle of a call."""


@pytest.mark.parametrize(("name", "calls"), [("vllm", [1, 2, 4, 4, 1]), ("transformers", [1] * 12)])
def test_vllm_is_handed_several_chunks_and_each_is_kept(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, calls: list[int]
) -> None:
    """A vLLM that runs out of requests at every chunk computes half empty batches at the end of each."""
    from transformers import AutoTokenizer

    monkeypatch.setattr("suite.features.tag_spool.CHUNK", 3)
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    words = [f"w{number}x" if number % 5 else " " for number in range(3 * 12 - 1)]
    pool, asked = pool_of(*words), []

    class Counting(ScriptedEngine):
        fails_at = 0

        def generate(self, requests: Sequence[GenerationRequest]) -> list[list[int]]:
            asked.append(len(requests))
            if len(asked) == self.fails_at:
                raise Stopped
            return super().generate(requests)

    def answer(prompt: str) -> str:
        return json.dumps([prompt.partition("<<<")[2].partition(">>>")[0].strip()])

    def tag(folder: Path, fails_at: int = 0) -> list[Tagged]:
        folder.mkdir(exist_ok=True)
        asked.clear()
        engine = Counting(tokenizer, answer)
        engine.name, engine.fails_at = name, fails_at
        tagger = EngineTagger(lambda: Model(engine, tokenizer, ()), "instruction")
        return tag_pool(pool, "instruction", tagger, folder, lambda d, t: None, most_failures=0)

    expected = [Tagged((word,)) if word.strip() else Tagged() for word in words]
    assert tag(tmp_path / "whole") == expected
    starts = [sum(calls[:number]) for number in range(len(calls) + 1)]
    in_call = [words[3 * start : 3 * end] for start, end in pairwise(starts)]
    assert asked == [sum(bool(word.strip()) for word in call) for call in in_call]
    # What was answered before a kill lies there chunk by chunk, and is not asked for again.
    with pytest.raises(Stopped):
        tag(tmp_path / "killed", fails_at=3)
    kept = sum(calls[:2])
    assert len(list((tmp_path / "killed").iterdir())) == kept
    assert tag(tmp_path / "killed") == expected
    assert sum(asked) == sum(bool(word.strip()) for word in words[3 * kept :])
    files = sorted((tmp_path / "whole").iterdir())
    assert [path.read_bytes() for path in files] == [(tmp_path / "killed" / path.name).read_bytes() for path in files]


def test_failures_are_counted_and_too_many_end_it(tiny_base: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "no list" if "bad" in prompt else GOOD

    tagger = EngineTagger(lambda: Model(ScriptedEngine(tokenizer, answer), tokenizer, ()), "instruction")
    pool = pool_of(*(["good"] * 9), "bad")

    def tag(share: float, folder: str = "spool") -> list[Tagged]:
        (tmp_path / folder).mkdir(exist_ok=True)
        return tag_pool(pool, "instruction", tagger, tmp_path / folder, lambda d, t: None, most_failures=share)

    assert tag(0.1)[-2:] == [Tagged(("cooking", "recipe")), Tagged(failure="no list")]
    with pytest.raises(FeatureError, match=r"failed on 1 of 10 texts, more than the 5% allowed.*'no list'"):
        tag(0.05)
    assert len(asked) == 10, "what was spooled is not asked again"
    assert tag(0.1, "spool")[-1].failure == "no list"
    (tmp_path / "spool" / "tagged-000000.json").write_text("[[")
    assert len(tag(0.1)) == 10
    assert len(asked) == 20

    # A tagger that fails from the start is not asked for the whole pool.
    assert LEAST_ASKED < CHUNK
    pool = pool_of(*(["bad"] * (CHUNK + 1)))
    with pytest.raises(FeatureError, match=f"failed on {CHUNK} of {CHUNK}"):
        tag(0.5, "other")


def test_a_real_model_that_cannot_follow_is_an_error_with_its_answer(chat_model: Path, tmp_path: Path) -> None:
    pool = pool_of("bake bread", "", "mend a bicycle")
    track, store = TrackContext("test", 3), FeatureStore(tmp_path)
    tagger = f"engine:{chat_model}?max_new_tokens=5&batch_size=2"
    with pytest.raises(FeatureError, match="failed on 2 of 3 texts"):
        compute_features([Tags(tagger=tagger)], pool, track, store)
    lenient = Tags(tagger=f"{tagger}&failures=1")
    tags = compute_features([lenient], pool, track, store).features[lenient]
    assert tags.counts["failed"] == 2
    assert (len(tags), len(tags.ids), tags.names) == (3, 0, ())


def test_a_model_is_loaded_with_its_own_stop_tokens(chat_model: Path, tiny_base: Path, tmp_path: Path) -> None:
    for folder, stops in ((chat_model, 2), (tiny_base, 1)):
        model = load_model(folder)
        assert len(model.stop_ids) == stops
        assert model.tokenizer.eos_token_id in model.stop_ids
        model.engine.close()
    with pytest.raises(BreadthError, match="no tokenizer"):
        load_model(tmp_path)


def test_its_key_follows_the_models_content(chat_model: Path, tiny_base: Path, tmp_path: Path) -> None:
    store, pool, track = FeatureStore(tmp_path / "store"), pool_of("x"), TrackContext("test", 1)

    def key(folder: Path, options: str = "", view: View = "instruction") -> str:
        return store.key(Tags(view=view, tagger=f"engine:{folder}{options}").resolve(track), pool)

    copied = tmp_path / "copy"
    shutil.copytree(chat_model, copied)
    keys = [key(chat_model), key(tiny_base), key(chat_model, "?max_text_tokens=9"), key(chat_model, view="response")]
    assert len(set(keys)) == 4
    assert key(copied) == keys[0]
