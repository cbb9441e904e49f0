"""Fine-tunes: tokens per second, model FLOP utilisation, memory, and whether two runs give the same bits."""

from __future__ import annotations

import shutil
from typing import Any

from findings import Findings, Setting
from models import base_model, recipe, samples

from suite.runner.workers import Worker
from suite.training import TrainedModel, TrainingJob

SAMPLES = 1280
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "full": ("full", {}),
    "full, checkpointed": ("full", {"gradient_checkpointing": True}),
    "full, packed": ("full", {"packing": True}),
    "lora": ("lora", {}),
}


def measure(setting: Setting, findings: Findings) -> None:
    """Each kind of recipe once, full and LoRA twice to compare their weights, in the process that runs use."""
    hidden = {} if setting.device == "cuda" else {"CUDA_VISIBLE_DEVICES": ""}
    worker = Worker("suite.runner.work:trainer", threads=1, log=setting.folder / "trainer.log", environment=hidden)
    try:
        for name in KINDS:
            findings.once(name, lambda name=name: _rows(name, _finetuned(setting, worker, name)))
        for name in ("full", "lora"):
            findings.once(f"{name} again", lambda name=name: _same(setting, worker, findings, name))
    finally:
        worker.stop()


def _finetuned(setting: Setting, worker: Worker, name: str) -> TrainedModel:
    method, changes = KINDS[name]
    output = setting.folder / "fine-tunes" / name.replace(", ", "-")
    shutil.rmtree(output, ignore_errors=True)
    job = TrainingJob(
        base_model=base_model(setting),
        samples=samples(setting, SAMPLES),
        recipe=recipe(setting, method, **changes),
        training_seed=1,
        output=output,
    )
    worker.call(job, lambda done, total: None)
    return TrainedModel.read(output)


def _rows(name: str, trained: TrainedModel) -> dict[str, Any]:
    looped = trained.loop_seconds or float("nan")
    utilisation = trained.model_flop_utilisation
    return {
        "rows": [
            [f"{name}: tokens", trained.training.tokens_seen / looped, "tokens/s", ""],
            [f"{name}: model FLOP utilisation", "unknown" if utilisation is None else utilisation, "of the peak", ""],
            [f"{name}: peak memory", trained.peak_memory_bytes / 2**30, "GiB", ""],
            [f"{name}: determinism", trained.determinism or "unknown", "", ""],
        ],
        "trained": trained.model_dump(mode="json"),
    }


def _same(setting: Setting, worker: Worker, findings: Findings, name: str) -> dict[str, Any]:
    first = findings.measured[name]["trained"]["weights_sha256"]
    again = _finetuned(setting, worker, name)
    same = "the same" if again.weights_sha256 == first else "other bits"
    return {"rows": [[f"{name}: weights of two runs ({again.determinism})", same, "", ""]]}
