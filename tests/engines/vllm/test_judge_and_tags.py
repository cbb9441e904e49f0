"""vLLM judges and tags: a judge's verdicts and a pool's tags by a real vLLM, the same as transformers gives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from judges import build_judge
from vllm_processes import children

from suite.engines import engine_versions, open_engine
from suite.evaluation.judging.judge import Case, Judge, JudgeModel
from suite.features import Tags, TrackContext
from suite.features.store import FeatureStore, compute_features
from suite.pool import pool_from_records


@pytest.mark.long
@pytest.mark.usefixtures("with_vllm")
def test_a_judge_runs_on_vllm_and_its_verdicts_are_its_own(base: Path, tmp_path: Path) -> None:
    folder = str(build_judge(base, tmp_path / "judge", "[[B]]"))
    cases = [Case("task", str(number), "Judge.", f"ban dem {number}") for number in range(5)]
    with Judge(JudgeModel(folder, engine="vllm", dtype="float32")) as served:
        assert served.verdicts(cases) == ["[[B]]"] * 5
        assert len(children(os.getpid())) == 1
    assert children(os.getpid()) == [], "it is freed when it has judged"
    with Judge(JudgeModel(folder, engine="transformers", dtype="float32")) as peer:
        assert peer.verdicts(cases) == ["[[B]]"] * 5
    assert (served.asked, peer.asked) == (5, 5), "no verdict of one engine is taken for the other's"
    with Judge(JudgeModel(folder, engine="vllm", dtype="float32")) as again:
        assert again.verdicts(cases) == ["[[B]]"] * 5
        assert (again.asked, children(os.getpid())) == (0, [])


@pytest.mark.long
@pytest.mark.usefixtures("with_vllm")
def test_a_pool_is_tagged_by_vllm(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def opened(*options: Any, **named: Any) -> Any:
        engine = open_engine(*options, **named)
        ran.append(engine.name)
        return engine

    monkeypatch.setattr("suite.features.tag_engine.open_engine", opened)
    model = build_judge(base, tmp_path / "tagger", '["bread", {"tag": "oven"}]')
    pool = pool_from_records([{"instruction": text} for text in ("bake bread", "", "knead dough", "heat the oven")])
    track, store = TrackContext("test", len(pool)), FeatureStore(tmp_path / "store")
    found: dict[str, Any] = {}
    for engine in ("vllm", "transformers"):
        tags = Tags(tagger=f"engine:{model}?engine={engine}&max_new_tokens=16")
        found[engine] = compute_features([tags], pool, track, store).features[tags]
        assert children(os.getpid()) == [], "it is freed when it has tagged"
    assert ran == ["vllm", "transformers"]
    for lists in found.values():
        assert lists.counts["failed"] == 0
        assert sorted(lists.names) == ["bread", "oven"]
        assert [sorted(lists.names[tag] for tag in lists[row]) for row in range(len(pool))] == [
            ["bread", "oven"],
            [],
            ["bread", "oven"],
            ["bread", "oven"],
        ]
    libraries = Tags(tagger=f"engine:{model}?engine=vllm").identity()["libraries"]
    assert libraries.items() >= engine_versions("vllm").items(), "the versions are those of vLLM's own interpreter"
