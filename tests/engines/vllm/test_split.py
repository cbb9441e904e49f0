"""A model that one GPU does not hold is split over several; here over as many processes of the processor."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from suite.engines.protocol import GenerationRequest, LikelihoodRequest
from suite.engines.transformers import TransformersEngine
from suite.engines.vllm.engine import VllmEngine, VllmSettings


@pytest.mark.long
@pytest.mark.usefixtures("with_vllm")
def test_a_split_model_answers_as_a_whole_one_and_leaves_no_process(base: Path) -> None:
    requests = [GenerationRequest((0, 5 + n, 9), 12, ()) for n in range(6)]
    scored = [LikelihoodRequest((0, 5 + n), (9, 7, 30)) for n in range(6)]
    whole = TransformersEngine(base, device="cpu")
    before = {process.pid for process in psutil.Process(os.getpid()).children(recursive=True)}
    engine = VllmEngine(base, batch_size=4, settings=VllmSettings(adapters=0, gpus=2))
    assert engine.batching == "up to 4 requests of 1 adapters at once, each matrix on 2 GPUs"
    try:
        written = engine.generate(requests)
        own = [one for one in psutil.Process(os.getpid()).children(recursive=True) if one.pid not in before]
        assert len(own) >= 3, "vLLM's process, and one for each half"
        assert written == whole.generate(requests)
        found = [one.log_likelihood for one in engine.log_likelihoods(scored)]
        assert found == pytest.approx([one.log_likelihood for one in whole.log_likelihoods(scored)], abs=1e-3)
    finally:
        engine.close()
    deadline = time.monotonic() + 30
    while any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in own):
        assert time.monotonic() < deadline, "a half goes on"
        time.sleep(0.2)


def test_adapters_are_not_split_on_a_processor(base: Path, with_vllm: str) -> None:
    engine = VllmEngine(base, batch_size=4, settings=VllmSettings(adapters=2, gpus=2))
    assert engine.batching == "up to 4 requests of 2 adapters at once"
