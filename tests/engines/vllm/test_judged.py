"""A judge beside vLLM: it may need the GPU that vLLM fills, so vLLM's process has ended when a judge starts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psutil
import pytest
from judges import build_judge
from vllm_processes import children

from suite.engines import open_engine
from suite.engines.protocol import GenerationRequest
from suite.engines.vllm.engine import VllmEngine, VllmSettings
from suite.evaluation.judged_later import judge_all, whole
from suite.evaluation.judging.loading import load_judged_task
from suite.evaluation.protocol import AskedModel
from suite.evaluation.run import ask_together
from suite.evaluation.suites import suite
from suite.templates import get_template


@pytest.mark.long
@pytest.mark.usefixtures("with_vllm")
def test_a_judge_starts_when_the_engine_of_the_adapters_has_ended(
    base: Path, adapters: dict[str, Path], breadth_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoTokenizer

    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))
    alive: list[list[psutil.Process]] = []

    def opened(*options: Any, **named: Any) -> Any:
        alive.append(children(os.getpid()))
        return open_engine(*options, **named)

    monkeypatch.setattr("suite.evaluation.judging.judge.open_engine", opened)
    judge = build_judge(base, tmp_path / "judge", "[[A]]")
    changes: dict[str, Any] = {"judge": str(judge), "judge_revision": "not pinned", "limit": 3, "max_new_tokens": 8}
    tasks = [load_judged_task(suite(name, **changes)) for name in ("alpaca-eval", "arena-hard")]
    tokenizer, template = AutoTokenizer.from_pretrained(base), get_template("plain")
    engine = VllmEngine(base, settings=VllmSettings(rank=4, adapters=len(adapters)))
    try:
        for name, folder in adapters.items():
            engine.add_adapter(name, folder)
        asked = [GenerationRequest((0, 5, 9), 8, (), name) for name in adapters]
        before = engine.generate(asked)
        (first,) = children(os.getpid())
        models = {name: AskedModel(tokenizer, template, 128, name) for name in adapters}
        _, waiting = ask_together(tasks, engine, models)
        assert children(os.getpid()) == [first], "one start for all adapters and tasks"
        found = whole(judge_all(waiting, engine))
        assert alive == [[]], "the judge is started once, and nothing of vLLM runs beside it"
        assert all(outcome.values.tolist() == [0.5] * 3 for outcome in found.values())
        assert engine.memory_elsewhere() > 10**8, "what it had taken is remembered"
        assert engine.generate(asked) == before, "it starts again with its adapters"
        (second,) = children(os.getpid())
        assert second.pid != first.pid
    finally:
        engine.close()
