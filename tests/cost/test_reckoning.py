"""Costs of a plan: what a dry run prints, against what was recorded of the same track on a card."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import numpy as np
import pytest
from tiny_track import TINY, command_in_process

from suite.cost.cards import find_card
from suite.cost.lengths import Lengths, padded_share
from suite.cost.reckoning import CellCost, cell_cost
from suite.registry import strategies
from suite.runner.cells import Cell
from suite.track import load_track

STORE = Path(__file__).parents[2] / "docs" / "results" / "store" / "results" / "alpaca-10m"


def test_a_dry_run_prints_costs_of_each_cell_and_in_all(tiny_home: Path) -> None:
    printed = " ".join(command_in_process("run", "--track", str(TINY), "--dry-run", "--card", "A100").split())
    assert "Estimated for each cell on A100" in printed
    for heading in ("trained", "read", "PFLOP", "GPU-h", "GiB", "disk"):
        assert heading in printed
    assert "random and 1 more" in printed
    assert "GPU-hours" in printed.partition("In all:")[2]
    assert not (tiny_home / "store").exists()


@pytest.mark.parametrize("name", ["m2m", "novelsum-10k", "mads-15pct"])
def test_paper_tracks_are_reckoned_without_pool_model_or_gpu(
    name: str, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BREADTH_DATA", raising=False)
    printed = " ".join(command_in_process("run", "--track", name, "--dry-run", "--card", "H100").split())
    assert "The pool is not on this disk: 300 tokens a sample are assumed." in printed
    assert "set --gpus-per-cell 2" in printed
    assert "Llama-3.3-70B-Instruct) needs 131 GiB for its weights alone" in printed
    reads = {"m2m": "(instruction) by meta-llama/Llama-2-7b-hf", "novelsum-10k": "(both) by meta-llama/Meta-Llama-3-8B"}
    assert f"Once for all cells: embeddings {reads.get(name, '')}" in printed or name == "mads-15pct"
    assert "Not counted: embeddings (both) by sentence-transformers" in printed or name != "mads-15pct"
    wide = " ".join(command_in_process("run", "--track", name, "--dry-run", "--gpus-per-cell", "4").split())
    assert "set --gpus-per-cell" not in wide


def test_adapters_of_a_paper_track_fit_one_card(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BREADTH_DATA", raising=False)
    asked = ("run", "--track", "m2m-lora", "--base-model", "llama-2-7b", "--dry-run", "--card", "H100")
    printed = " ".join(command_in_process(*asked).split())
    assert "Estimated for each cell on H100" in printed
    assert "GPU-hours" in printed
    assert "set --gpus-per-cell" not in printed


def of_alpaca_10m(spec: str, budget: int) -> CellCost:
    track = load_track("alpaca-10m")
    lengths = Lengths(track)
    cell = Cell(track, strategies.parse(spec), budget, track.base_models[0].name, 0, 0)
    return cell_cost(track, cell, find_card("H200"), lengths.samples(), lengths.asked())


def test_an_estimate_is_near_what_was_measured_on_a_card(breadth_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))
    measured = {
        name: [json.loads(path.read_text()) for path in (STORE / name).glob("*/*.json")] for name in ("random", "full")
    }
    for name, budget in (("random", 2000), ("full", 0)):
        cost = of_alpaca_10m(name, budget)
        tokens = statistics.mean(record["training"]["tokens_seen"] for record in measured[name])
        assert cost.training_tokens == pytest.approx(tokens, rel=0.25)
        # Twelve lanes shared the card: a lane's seconds are twelve times those that the card spent on it.
        seconds = statistics.median(record["cost"]["training_seconds"] for record in measured[name]) / 12
        assert cost.training_seconds == pytest.approx(seconds, rel=0.25)


def test_padding_costs_what_batches_are_padded_by() -> None:
    assert padded_share(np.full(50, 7.0), 8) == pytest.approx(1.0)
    assert padded_share(np.asarray([1.0, 9.0]), 1) == 1.0
    # Of two samples drawn from 1 and 3, half the pairs are alike and half are padded from 4 to 6.
    assert padded_share(np.asarray([1.0, 3.0]), 2) == pytest.approx((2 + 6 + 6 + 6) / (2 + 4 + 4 + 6), rel=0.03)


def test_epochs_caps_and_packing_change_what_is_trained() -> None:
    track = load_track(str(TINY))
    samples, strategy = np.full(10, 50.0), strategies.parse("random")

    def tokens(**recipe: object) -> float:
        changed = track.model_copy(update={"recipe": track.recipe.model_copy(update=recipe)})
        cell = Cell(changed, strategy, 8, "tiny-llama", 0, 1)
        return cell_cost(changed, cell, find_card("H100"), samples, []).training_tokens

    assert tokens(max_steps=None) == 8 * 50
    assert tokens(max_steps=None, epochs=3) == 24 * 50
    assert tokens(max_steps=1) == 4 * 50
    # Eight samples of 50 tokens fill five rows of 96.
    assert tokens(packing=True, max_steps=None) == 5 * 96
