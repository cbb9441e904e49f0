"""Operations and bytes: against torch's own count, peft's parameters, and the sizes of known models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_models import tiny_recipe

from suite.cost.cards import CARDS, card_of, find_card
from suite.cost.formulas import (
    decoding_seconds,
    forward_flops,
    recomputed,
    training_flops,
    training_memory,
    training_seconds,
)
from suite.cost.shapes import Shape, ShapeUnknown, shape_from_config, shape_of
from suite.errors import UnknownNameError
from suite.track import HubModel, Lora, load_track


def loaded(folder: Path) -> tuple[Any, Shape]:
    from transformers import AutoModelForCausalLM

    # Fused attention on a processor is not counted by torch.
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    return model, shape_from_config(model.config.to_dict())


def known(name: str) -> Shape:
    return shape_of(HubModel(kind="hub", name="x", hub=name))


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("meta-llama/Llama-2-7b-hf", 6.738),
        ("meta-llama/Meta-Llama-3-8B", 8.030),
        ("meta-llama/Llama-2-13b-hf", 13.016),
        ("mistralai/Mistral-7B-v0.1", 7.242),
        ("Qwen/Qwen2.5-0.5B", 0.494),
        ("Qwen/Qwen2.5-32B-Instruct", 32.764),
        ("HuggingFaceTB/SmolLM2-360M", 0.362),
    ],
)
def test_known_models_have_the_parameters_their_cards_state(name: str, billions: float) -> None:
    assert known(name).parameters / 1e9 == pytest.approx(billions, abs=6e-4)


def test_every_base_model_and_judge_of_a_shipped_track_has_a_known_shape() -> None:
    for name in ("m2m", "m2m-lora", "novelsum-10k", "mads-15pct", "small-gpu"):
        track = load_track(name)
        for model in track.base_models:
            assert shape_of(model).parameters > 1e8
        for task in track.evaluation.tasks:
            if task.judge:
                assert known(task.judge).parameters > 1e9


def test_an_unknown_model_says_how_to_make_it_known() -> None:
    with pytest.raises(ShapeUnknown, match=r"hf download nobody/none config\.json"):
        known("nobody/none")


def test_parameters_and_forward_flops_are_those_that_torch_counts(tiny_base: Path) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model, shape = loaded(tiny_base)
    assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())
    rows, length = 3, 40
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.ones((rows, length), dtype=torch.long))
    tokens = rows * length
    # torch counts attention as if nothing were masked.
    unmasked = 2.0 * shape.layers * shape.heads * shape.head * length * tokens
    assert counter.get_total_flops() == pytest.approx(forward_flops(shape, tokens, length) + unmasked, rel=0.01)


@pytest.mark.parametrize("targets", ["all-linear", ("q_proj", "v_proj")])
def test_lora_parameters_are_those_of_peft(tiny_base: Path, targets: Any) -> None:
    from peft import LoraConfig, get_peft_model

    model, shape = loaded(tiny_base)
    wrapped = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=3, target_modules=targets))
    trained = sum(parameter.numel() for parameter in wrapped.parameters() if parameter.requires_grad)
    assert shape.lora_parameters(Lora(rank=3, alpha=6, target_modules=targets)) == trained


def test_training_costs_three_forward_passes_and_lora_about_two() -> None:
    shape = known("meta-llama/Llama-2-7b-hf")
    forward = forward_flops(shape, 1e6, 1000)
    assert training_flops(shape, tiny_recipe("full"), 1e6, 1000) == pytest.approx(3 * forward)
    assert 1.9 * forward < training_flops(shape, tiny_recipe("lora"), 1e6, 1000) < 2.2 * forward
    assert recomputed(shape, tiny_recipe("full"), 1e6, 1000) == 0
    assert recomputed(shape, tiny_recipe("full", gradient_checkpointing=True), 1e6, 1000) == forward


def test_memory_of_a_7b_model() -> None:
    shape = known("meta-llama/Llama-2-7b-hf")
    full = tiny_recipe("full", dtype="bfloat16", gradient_checkpointing=True)
    held = training_memory(shape, full, 8, 2048)
    assert held.weights + held.gradients + held.optimiser == pytest.approx(18 * shape.parameters)
    kept = training_memory(shape, tiny_recipe("full", dtype="bfloat16"), 8, 2048)
    assert kept.activations > 10 * held.activations
    lora = training_memory(shape, tiny_recipe("lora", dtype="bfloat16", gradient_checkpointing=True), 8, 2048)
    assert lora.total < held.total / 4
    assert lora.weights == pytest.approx(2 * shape.parameters, rel=0.01)


def test_seconds_fall_with_the_card_and_never_below_what_kernels_take() -> None:
    shape, recipe = known("meta-llama/Llama-2-7b-hf"), tiny_recipe("full", dtype="bfloat16")
    flops = training_flops(shape, recipe, 1e6, 500)
    slow, fast = find_card("A100"), find_card("H100")
    times = [training_seconds(shape, recipe, card, flops=flops, micro_batches=100) for card in (slow, fast)]
    assert times[0] / times[1] == pytest.approx(fast.bfloat16 / slow.bfloat16)
    bound = training_seconds(shape, recipe, fast, flops=1.0, micro_batches=100)
    assert bound == training_seconds(shape, recipe, slow, flops=1.0, micro_batches=100) > 0
    decode = [
        decoding_seconds(shape, card, "bfloat16", sequences=64, new=100, length=500, rows=64)
        for card in (find_card("H100"), find_card("L4"))
    ]
    assert decode[1] > decode[0]


def test_cards_are_found_by_name_and_by_what_the_driver_calls_them() -> None:
    assert find_card("h200").name == "H200"
    assert len({card.name for card in CARDS}) == len(CARDS)
    for driver, name in (
        ("NVIDIA H200, 143771 MiB", "H200"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H100 PCIe", "H100-PCIe"),
        ("NVIDIA A100-SXM4-40GB", "A100-40GB"),
        ("NVIDIA A100-SXM4-80GB", "A100"),
        ("NVIDIA A100 80GB PCIe", "A100"),
        ("NVIDIA GeForce RTX 4090", "RTX-4090"),
        ("NVIDIA L4", "L4"),
        ("NVIDIA A10", "A10"),
    ):
        found = card_of(driver)
        assert found is not None
        assert found.name == name
    assert card_of("AMD EPYC, 2 cores") is None
    assert card_of("NVIDIA L40") is None
    with pytest.raises(UnknownNameError, match="Did you mean 'H100'"):
        find_card("H10")
