"""Twelve adapters on one engine against an engine start for each: whole processes, from start to end."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from findings import Findings, Setting
from models import base_model, engine_of, environment

ADAPTERS, LEAST = 12, ">=4"

# A worker's life: start the engine on a base model, then generate and score with each adapter it is given.
WORKER = """
import sys
from pathlib import Path
from suite.engines import open_engine
from suite.engines.protocol import GenerationRequest, LikelihoodRequest
name, dtype, rows, base, *adapters = sys.argv[1:]
engine = open_engine(name, Path(base), dtype=dtype)
for folder in adapters:
    engine.add_adapter(folder, Path(folder))
    prompts = [tuple(range(5, 15 + place % 5)) for place in range(int(rows))]
    print(engine.generate([GenerationRequest(ids, 16, (), folder) for ids in prompts]))
    pairs = [LikelihoodRequest(ids[:6], ids[6:], folder) for ids in prompts]
    print([round(one.log_likelihood, 2) for one in engine.log_likelihoods(pairs)])
    engine.remove_adapter(folder)
"""


def measure(setting: Setting, findings: Findings) -> None:
    """The vllm engine where it can be had for a GPU, else that of transformers, which runs wherever torch does."""
    findings.once("adapters", lambda: _adapters(setting))


def _adapters(setting: Setting) -> dict[str, Any]:
    base = base_model(setting)
    count = 2 if setting.tiny else ADAPTERS
    adapters = [_saved(base, setting.folder / "adapters" / str(number), number) for number in range(count)]
    together, seconds = _worker(setting, base, adapters)
    apart = [_worker(setting, base, [adapter]) for adapter in adapters]
    same = together == "".join(text for text, _ in apart)
    return {
        "rows": [
            [
                f"{count} adapters: one {engine_of(setting)} engine against {count} starts",
                sum(took for _, took in apart) / seconds,
                "x",
                LEAST,
            ],
            [f"{count} adapters: answers of both", "the same" if same else "differ", "", ""],
        ]
    }


def _worker(setting: Setting, base: Path, adapters: list[Path]) -> tuple[str, float]:
    rows = "8" if setting.tiny else "64"
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", WORKER, engine_of(setting), setting.dtype, rows, str(base), *map(str, adapters)],
        capture_output=True,
        text=True,
        env=environment(setting),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout, time.perf_counter() - started


def _saved(base: Path, folder: Path, seed: int) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    if not (folder / "adapter_config.json").is_file():
        torch.manual_seed(seed)
        config = LoraConfig(r=8, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
        get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16), config).save_pretrained(folder)
    return folder
