"""The cost model against what the training part measured, and a plain reading pass against its estimate."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from findings import Findings, Setting
from models import base_model, recipe, samples
from part_training import KINDS, SAMPLES

from suite.training import TrainedModel

WITHIN = "<=0.25"


def measure(setting: Setting, findings: Findings) -> None:
    """Seconds and memory of every fine-tune of the training part, which is measured first where it was not."""
    path = setting.folder / "training.json"
    if not path.is_file():
        from part_training import measure as train

        train(setting, Findings(path, setting))
    for name in KINDS:
        findings.once(name, lambda name=name: _against(setting, name, path.read_text()))


def _against(setting: Setting, name: str, measured: str) -> dict[str, Any]:
    from suite.cost.cards import find_card
    from suite.cost.formulas import recomputed, training_flops, training_memory, training_seconds
    from suite.cost.lengths import encoded_lengths, padded_share
    from suite.cost.shapes import shape_from_config

    method, changes = KINDS[name]
    chosen = recipe(setting, method, **changes)
    trained = TrainedModel.model_validate(json.loads(measured)["measured"][name]["trained"])
    base = base_model(setting)
    shape = shape_from_config(json.loads((base / "config.json").read_text()))
    lengths = encoded_lengths(base, chosen.template, samples(setting, SAMPLES))
    lengths = np.minimum(lengths, chosen.max_length)
    micro = chosen.micro_batch_size or chosen.batch_size
    mean_square = float((lengths**2).sum() / lengths.sum())
    tokens = trained.training.tokens_seen * (1.0 if chosen.packing else padded_share(lengths, micro))
    flops = training_flops(shape, chosen, tokens, mean_square) + recomputed(shape, chosen, tokens, mean_square)
    batches = trained.training.steps * (chosen.batch_size // micro)
    seconds = training_seconds(shape, chosen, find_card(None), flops=flops, micro_batches=batches)
    held = training_memory(shape, chosen, micro, float(chosen.max_length if chosen.packing else lengths.max())).total
    return {
        "rows": [
            [f"{name}: seconds of steps, estimated", seconds, "s", ""],
            [f"{name}: seconds of steps, measured", trained.loop_seconds, "s", ""],
            [f"{name}: estimate off by", abs(seconds / (trained.loop_seconds or 1) - 1), "of measured", WITHIN],
            [f"{name}: memory, estimated", held / 2**30, "GiB", ""],
            [f"{name}: memory, measured", trained.peak_memory_bytes / 2**30, "GiB", ""],
            [f"{name}: memory estimate off by", abs(held / trained.peak_memory_bytes - 1), "of measured", WITHIN],
        ]
    }
