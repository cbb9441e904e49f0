"""Tasks of lm-evaluation-harness over copies of their data: items, identity, values, and what cannot be run."""

from __future__ import annotations

import json
import pickle
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suite.errors import EvaluationError
from suite.evaluation.loading import load_suite
from suite.evaluation.protocol import AskedModel
from suite.evaluation.suites import suite, suites
from suite.templates import get_template
from suite.track import TaskSpec

pytest.importorskip("lm_eval")

from suite.evaluation.harness.building import FOLDERS, build
from suite.evaluation.harness.documents import load_documents
from suite.evaluation.harness.task import HarnessTask, load_harness_task

STANDARD = [name for name, spec in suites().items() if spec.kind == "harness" and name != "ifeval"]
COUNTS = {
    "arc-challenge": 1172,
    "arc-easy": 2376,
    "bbh": 6511,
    "gsm8k": 1319,
    "hellaswag": 10042,
    "mmlu": 14042,
    "truthfulqa": 817,
    "tydiqa": 5077,
}


@pytest.fixture
def real_data(breadth_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))
    return breadth_data


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_base)


@pytest.fixture(scope="module")
def engine(tiny_base: Path) -> Any:
    from suite.engines.transformers import TransformersEngine

    return TransformersEngine(tiny_base, batch_size=8, device="cpu")


def spec_of(**changes: Any) -> TaskSpec:
    stated = {"name": "probe", "kind": "harness", "harness_task": "arc_easy", "limit": 3}
    return TaskSpec.model_validate(stated | changes)


@pytest.mark.parametrize("name", STANDARD)
def test_a_suite_asks_its_questions(name: str, real_data: Path, engine: Any, tokenizer: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # Three limits of the same documents, which are read once for them; the evaluation below reads its own.
        patch.setattr("suite.evaluation.harness.task.build", cache(build))
        with pytest.raises(EvaluationError, match=f"has {COUNTS[name]}"):
            load_suite(suite(name, limit=1_000_000))
        task = load_suite(suite(name, limit=3, max_new_tokens=8))
        assert [item.id for item in task.items[:2]] == [item.id for item in load_suite(suite(name, limit=2)).items]
    assert all(item.instruction for item in task.items)
    seen: list[tuple[int, int]] = []
    outcome = pickle.loads(pickle.dumps(task)).evaluate(
        engine,
        AskedModel(tokenizer, get_template("plain"), 256),
        lambda done, total: seen.append((done, total)),
    )
    assert outcome.values.dtype == np.float32
    assert outcome.values.shape == (3,)
    assert ((outcome.values >= 0) & (outcome.values <= 1)).all()
    assert outcome.first_prompt_ids[0] == tokenizer.bos_token_id
    assert seen[-1][0] == seen[-1][1] > 0
    assert [sample["id"] for sample in outcome.samples] == [item.id for item in task.items]


def test_values_are_those_of_the_harness_itself(real_data: Path, tiny_base: Path, engine: Any, tokenizer: Any) -> None:
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM

    task = load_harness_task(spec_of(limit=12))
    outcome = task.evaluate(engine, AskedModel(tokenizer, get_template("plain"), 1024))
    places = sorted(int(item.id.partition("/")[2]) for item in task.items)
    theirs = evaluate(
        HFLM(str(tiny_base), device="cpu", batch_size=1, dtype="float32", add_bos_token=True, max_length=1024),
        {"tasks": build(task.settings)},
        samples={"arc_easy": places},
        bootstrap_iters=0,
    )
    expected = {f"arc_easy/{sample['doc_id']}": sample["acc_norm"] for sample in theirs["samples"]["arc_easy"]}
    assert outcome.values.tolist() == [expected[item.id] for item in task.items]


def test_identity_hangs_on_data_examples_and_limits(real_data: Path, tmp_path: Path, monkeypatch: Any) -> None:
    spec = spec_of(harness_task="gsm8k", shots=1)
    first = load_harness_task(spec)
    assert first.items_sha256 == load_harness_task(spec).items_sha256
    others = [
        load_harness_task(spec_of(harness_task="gsm8k", shots=2)),
        load_harness_task(spec_of(harness_task="gsm8k", shots=1, max_new_tokens=9)),
        load_harness_task(spec_of(harness_task="gsm8k", shots=1, limit=4)),
    ]
    folder = tmp_path / "evals" / "gsm8k"
    folder.mkdir(parents=True)
    for name in ("test.jsonl", "train.jsonl.gz"):
        shutil.copy(real_data / "evals" / "gsm8k" / name, folder / name)
        (folder / name).chmod(0o644)
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    assert load_harness_task(spec).items_sha256 == first.items_sha256
    place = int(first.items[0].id.partition("/")[2])
    lines = (folder / "test.jsonl").read_text().splitlines()
    lines[place] = json.dumps({"question": "What is one and one?", "answer": "#### 2"})
    (folder / "test.jsonl").write_text("\n".join(lines))
    others.append(load_harness_task(spec))
    assert len({task.items_sha256 for task in (first, *others)}) == 5


def test_documents_that_change_under_a_run_are_refused(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Any, tokenizer: Any
) -> None:
    folder = tmp_path / "evals" / "gsm8k"
    folder.mkdir(parents=True)
    for split in ("test", "train"):
        (folder / f"{split}.jsonl").write_text('{"question": "One and one?", "answer": "#### 2"}\n' * 4)
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    task = load_harness_task(spec_of(harness_task="gsm8k_cot"))
    (folder / "test.jsonl").write_text('{"question": "Two and two?", "answer": "#### 4"}\n' * 4)
    with pytest.raises(EvaluationError, match="the documents of gsm8k_cot have changed"):
        task.evaluate(engine, AskedModel(tokenizer, get_template("plain"), 256))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        # The index of all that the harness has takes ten seconds to make.
        pytest.param({"harness_task": "mmluu"}, "no task 'mmluu'. Did you mean 'mmlu'", marks=pytest.mark.long),
        ({"limit": 3000}, "asks for 3000 items where arc_easy has 2376"),
        ({"harness_task": "tydiqa_goldp", "shots": 1}, "reads the split 'train' .* unset BREADTH_DATA"),
        ({"harness_task": "humaneval"}, "runs generated code"),
    ],
)
def test_a_task_that_cannot_be_had(real_data: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(EvaluationError, match=words):
        load_harness_task(spec_of(**changes))


def test_a_name_like_another_is_asked_after(monkeypatch: pytest.MonkeyPatch) -> None:
    import lm_eval.tasks
    from lm_eval.tasks import TaskManager

    folder = Path(lm_eval.tasks.__file__).parent / FOLDERS["gsm8k"]
    few = TaskManager(include_path=str(folder), include_defaults=False).task_index
    monkeypatch.setattr("suite.evaluation.harness.building._every_task", lambda: few)
    with pytest.raises(EvaluationError, match=r"no task 'gsm8kk'\. Did you mean 'gsm8k'"):
        load_harness_task(spec_of(harness_task="gsm8kk"))


def test_data_that_is_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def unreachable(*_: Any, **__: Any) -> None:
        raise ConnectionError("Couldn't reach 'allenai/ai2_arc' on the Hub (offline)\nmore")

    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(EvaluationError) as caught:
        load_harness_task(spec_of())
    assert "Task arc_easy reads allenai/ai2_arc, which cannot be had from the Hub: Couldn't reach" in str(caught.value)
    assert "set BREADTH_DATA to a folder with evals/icl_multiple_choice" in str(caught.value)


def test_gated_data_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def gated(*_: Any, **__: Any) -> None:
        raise datasets.exceptions.DatasetNotFoundError("Dataset 'x/y' is a gated dataset on the Hub.")

    monkeypatch.delenv("BREADTH_DATA", raising=False)
    monkeypatch.setattr(datasets, "load_dataset", gated)
    with pytest.raises(EvaluationError, match="gated on the Hub: accept its terms there, log in with `hf auth login`"):
        load_documents("x/y", None, task="probe")


def test_the_hub_is_asked_for_a_pinned_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    asked: list[tuple[Any, Any]] = []
    monkeypatch.delenv("BREADTH_DATA", raising=False)
    monkeypatch.setattr(datasets, "load_dataset", lambda *given, **more: asked.append((given, more)))
    load_documents("cais/mmlu", "anatomy", task="mmlu_anatomy")
    assert asked == [(("cais/mmlu", "anatomy"), {"revision": "c30699e8356da336a370243923dbaf21066bb9fe"})]


def test_without_the_harness(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    found = importlib.util.find_spec

    def without(name: str, *rest: Any) -> Any:
        return None if name == "lm_eval" else found(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    with pytest.raises(EvaluationError, match=r"not installed here: pip install 'breadth\[eval\]'"):
        load_harness_task(spec_of())


def test_ifeval_says_what_it_counts_sentences_with(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nltk

    def missing(*_: Any, **__: Any) -> None:
        raise LookupError

    monkeypatch.setattr(nltk.data, "find", missing)
    monkeypatch.setattr(nltk, "download", lambda *_, **__: False)
    with pytest.raises(EvaluationError, match=r"python -m nltk\.downloader punkt_tab"):
        load_suite(suite("ifeval", limit=2))


def test_ifeval_goes_through_the_track_s_template(
    real_data: Path, monkeypatch: pytest.MonkeyPatch, engine: Any, tokenizer: Any
) -> None:
    from suite.evaluation.harness import task as module

    # The items below have no rule that counts sentences, so NLTK's model is not read.
    monkeypatch.setattr(module, "_check_sentences", lambda task: None)
    monkeypatch.setattr("nltk.download", lambda *_, **__: False)
    task = load_suite(suite("ifeval", limit=541, max_new_tokens=8))
    assert isinstance(task, HarnessTask)
    assert task.metric == "prompt_level_strict_acc"
    documents = build(task.settings)["ifeval"].eval_docs
    fine = [place for place in range(541) if "sentences" not in str(documents[place]["instruction_id_list"])]
    items = tuple(item for item in task.items if int(item.id.partition("/")[2]) in fine)[:3]
    from dataclasses import replace

    few = replace(task, items=items, content_sha256=module._content_sha256(build(task.settings), module._places(items)))
    template = get_template("chatml")
    outcome = few.evaluate(engine, AskedModel(tokenizer, template, 1024))
    text = tokenizer.decode(list(outcome.first_prompt_ids))
    assert text.endswith("<|im_start|>assistant\n")
    assert outcome.values.shape == (3,)
