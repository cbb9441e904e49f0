"""Fine-tunes of a tiny Llama: the mask trl really uses, packing, determinism, and nothing half-written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from encoding import encode_sample
from tiny_models import build_tiny_base, tiny_recipe, tiny_samples

from suite.errors import TrainingError
from suite.pool import Sample
from suite.reporting import no_progress
from suite.templates import get_template
from suite.track import Recipe
from suite.training import TrainedModel, TrainingJob
from suite.training.finetune import build_trainer, finetune, load_base, step_count
from suite.training.rows import encode_rows
from suite.training.trainer import SMALL_LOGITS, scores_trained_positions

SAMPLES = tiny_samples(12)


def job(base: Path, output: Path, recipe: Recipe, **changes: Any) -> TrainingJob:
    fields: dict[str, Any] = {"samples": SAMPLES, "training_seed": 1, "threads": 1}
    return TrainingJob(base_model=base, output=output, recipe=recipe, **(fields | changes))


def loss_by_hand(base: Path, samples: tuple[Sample, ...], template: str) -> float:
    """Mean nats over response and stop tokens, each sample alone, straight from the logits."""
    import torch

    model, tokenizer = load_base(base, tiny_recipe())
    total, count = 0.0, 0
    for sample in samples:
        encoded = encode_sample(get_template(template), tokenizer, sample)
        with torch.no_grad():
            logits = model(torch.tensor([encoded.input_ids])).logits[0].log_softmax(-1)
        for place in range(1, len(encoded.input_ids)):
            if encoded.trained[place]:
                total -= float(logits[place - 1, encoded.input_ids[place]])
                count += 1
    return total / count


@pytest.mark.parametrize("packing", [False, True])
@pytest.mark.parametrize("template", ["plain", "chatml"])
def test_first_loss_is_that_of_our_mask(template: str, packing: bool, tiny_base: Path, tmp_path: Path) -> None:
    # One step over all samples in uneven micro-batches: any slip in mask, padding, packing or weighting shows.
    recipe = tiny_recipe(
        template=template, packing=packing, max_steps=1, batch_size=12, micro_batch_size=4, max_length=128
    )
    trained = finetune(job(tiny_base, tmp_path / "out", recipe))
    expected = loss_by_hand(tiny_base, SAMPLES, template)
    assert trained.training.loss_curve == ((1, pytest.approx(expected, rel=1e-5)),)
    _, tokenizer = load_base(tiny_base, recipe)
    encoded = [encode_sample(get_template(template), tokenizer, sample) for sample in SAMPLES]
    assert trained.training.tokens_seen == sum(len(row.input_ids) for row in encoded)
    assert trained.training.trained_tokens == sum(sum(row.trained) for row in encoded)


def test_packing_packs(tiny_base: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(packing=True, max_length=64)
    model, tokenizer = load_base(tiny_base, recipe)
    rows = encode_rows(get_template("plain"), tokenizer, SAMPLES, 64)
    trainer = build_trainer(job(tiny_base, tmp_path / "out", recipe), model, tokenizer, rows, no_progress)
    lengths = [list(row) for row in trainer.train_dataset["seq_lengths"]]
    assert sorted(length for row in lengths for length in row) == sorted(
        (rows.offsets[1:] - rows.offsets[:-1]).tolist()
    )
    assert all(sum(row) <= 64 for row in lengths)
    assert len(lengths) < len(rows)


@pytest.mark.parametrize(("dtype", "within"), [("float32", 1e-6), ("bfloat16", 4e-3)])
def test_loss_of_trained_positions_equals_that_of_trl(
    dtype: str, within: float, tiny_base: Path, tmp_path: Path
) -> None:
    import trl

    recipe = tiny_recipe("full", dtype=dtype)
    model, tokenizer = load_base(tiny_base, recipe)
    rows = encode_rows(get_template("plain"), tokenizer, SAMPLES, 64)
    trainer = build_trainer(job(tiny_base, tmp_path / "out", recipe), model, tokenizer, rows, no_progress)
    losses, gradients = [], []
    for compute in (type(trainer).compute_loss, trl.SFTTrainer.compute_loss):
        batch = next(iter(trainer.get_train_dataloader()))
        model.zero_grad()
        loss = compute(trainer, model, dict(batch))
        loss.backward()
        losses.append(float(loss.detach()))
        gradients.append([parameter.grad.clone() for parameter in model.parameters()])
    assert losses[0] == pytest.approx(losses[1], rel=within)
    assert all((ours - theirs).norm() <= 10 * within * theirs.norm() for ours, theirs in zip(*gradients, strict=True))


def test_a_gpu_leaves_large_logits_to_trl(tiny_base: Path) -> None:
    import torch

    model, _ = load_base(tiny_base, tiny_recipe())
    width = SMALL_LOGITS // model.config.vocab_size
    for device, columns, ours in (("meta", width, True), ("meta", width + 1, False), ("cpu", width + 1, True)):
        ids = torch.empty((1, columns), dtype=torch.int8, device=device)
        assert scores_trained_positions(model, ids) is ours
    model.config.model_type = "gemma2"
    assert not scores_trained_positions(model, torch.empty((1, 1), device="cpu"))


@pytest.mark.parametrize("method", ["lora", "full"])
def test_same_job_same_bits(method: str, tiny_base: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(method, epochs=2)
    first = finetune(job(tiny_base, tmp_path / "a", recipe))
    again = finetune(job(tiny_base, tmp_path / "b", recipe, threads=2))
    other = finetune(job(tiny_base, tmp_path / "c", recipe, training_seed=2))
    assert first.weights_sha256 == again.weights_sha256
    assert first.training == again.training
    assert first.weights_sha256 != other.weights_sha256
    files = sorted(path.name for path in (tmp_path / "a").iterdir() if path.name != "trained.json")
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)
    assert first.kind == ("adapter" if method == "lora" else "full")
    assert TrainedModel.read(tmp_path / "a") == first


def test_precision_is_the_recipes_alone(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = finetune(job(tiny_base, tmp_path / "a", tiny_recipe()))
    half = finetune(job(tiny_base, tmp_path / "b", tiny_recipe(dtype="bfloat16")))
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    after = finetune(job(tiny_base, tmp_path / "c", tiny_recipe()))
    assert before.weights_sha256 == after.weights_sha256 != half.weights_sha256


def test_training_learns_and_reports(tiny_base: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    trained = finetune(
        job(tiny_base, tmp_path / "out", tiny_recipe("full", epochs=40)), lambda done, total: seen.append((done, total))
    )
    facts = trained.training
    assert (facts.samples, facts.dropped_by_truncation, facts.steps) == (12, 0, 80)
    assert seen == [(step, 80) for step in range(1, 81)]
    assert len(facts.loss_curve) <= 200
    assert facts.final_loss == facts.loss_curve[-1][1]
    assert facts.final_loss < 0.3 * facts.loss_curve[0][1]
    assert trained.training_flops == pytest.approx(6 * facts.tokens_seen * _parameters(tiny_base))
    assert trained.peak_memory_bytes > 10**7
    assert trained.seconds > 0


def test_utilisation_is_what_the_steps_made_of_the_cards_peak(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    from suite.cost.cards import find_card
    from suite.cost.formulas import training_flops
    from suite.cost.shapes import shape_from_config
    from suite.training.utilisation import model_flop_utilisation

    asked = job(tiny_base, tmp_path / "out", tiny_recipe("full"))
    trained = finetune(asked)
    assert trained.model_flop_utilisation is None, "the peak of a processor is not known"
    assert trained.loop_seconds is not None
    assert 0 < trained.loop_seconds < trained.seconds
    config = load_base(tiny_base, asked.recipe)[0].config
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "NVIDIA L4")
    tokens = trained.training.tokens_seen
    flops = training_flops(shape_from_config(config.to_dict()), asked.recipe, tokens, 30.0)
    found = model_flop_utilisation(config, asked, trained.training, 30.0, 2.0)
    assert found == pytest.approx(flops / (2.0 * find_card("L4").float32))
    two = asked.model_copy(update={"gpus": 2})
    assert model_flop_utilisation(config, two, trained.training, 30.0, 2.0) == pytest.approx(found / 2)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "A card of its own")
    assert model_flop_utilisation(config, asked, trained.training, 30.0, 2.0) is None
    other = SimpleNamespace(model_type="mamba")
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "NVIDIA L4")
    assert model_flop_utilisation(other, asked, trained.training, 30.0, 2.0) is None


def test_an_operation_without_a_deterministic_form_makes_training_go_on_without_and_say_so(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from suite.training import trainer

    assert finetune(job(tiny_base, tmp_path / "strict", tiny_recipe())).determinism == "strict"
    whole = finetune(job(tiny_base, tmp_path / "whole", tiny_recipe()))
    compute = trainer.sft_trainer().compute_loss
    calls = []

    def once_without(self: Any, *arguments: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            # torch's own words, from an operation that has no such form on any device.
            torch.use_deterministic_algorithms(True)
            try:
                torch.zeros(3).put_(torch.tensor([0]), torch.tensor([1.0]))
            finally:
                torch.use_deterministic_algorithms(False)
        return compute(self, *arguments, **more)

    monkeypatch.setattr(trainer.sft_trainer(), "compute_loss", once_without)
    again = finetune(job(tiny_base, tmp_path / "again", tiny_recipe()))
    assert again.determinism == "warn-only"
    assert again.weights_sha256 == whole.weights_sha256, "it began anew"
    assert len(calls) == again.training.steps + 2


def test_steps_are_those_of_the_recipe(tiny_base: Path, tmp_path: Path) -> None:
    assert step_count(12, tiny_recipe(epochs=3, batch_size=8)) == 6
    assert step_count(12, tiny_recipe(epochs=1.5, batch_size=4)) == 5
    assert step_count(12, tiny_recipe(epochs=3, batch_size=8, micro_batch_size=2, max_steps=4)) == 4
    recipe = tiny_recipe(epochs=3, batch_size=8, micro_batch_size=2, max_steps=4)
    assert finetune(job(tiny_base, tmp_path / "out", recipe)).training.steps == 4


def test_dropped_samples_are_reported(tiny_base: Path, tmp_path: Path) -> None:
    long_prompt = Sample(id="x", instruction="bam " * 90, input="", output="ben", source="s")
    trained = finetune(job(tiny_base, tmp_path / "out", tiny_recipe(), samples=(*SAMPLES, long_prompt)))
    assert (trained.training.samples, trained.training.dropped_by_truncation) == (12, 1)


def test_a_job_crosses_processes_as_json(tiny_base: Path, tmp_path: Path) -> None:
    turns = Sample(id="t", instruction="", input="", output="", source="s", turns=(("user", "a"), ("assistant", "b")))
    asked = job(tiny_base, tmp_path / "a", tiny_recipe(), samples=(*SAMPLES, turns))
    assert TrainingJob.model_validate_json(asked.model_dump_json()) == asked


def test_bfloat16_recipes(tiny_base: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    for method in ("lora", "full"):
        recipe = tiny_recipe(method, dtype="bfloat16", gradient_checkpointing=True)
        trained = finetune(job(tiny_base, tmp_path / method, recipe))
        assert trained.training.final_loss is not None
        weights = load_file(next((tmp_path / method).glob("*.safetensors")))
        kinds = {str(tensor.dtype) for tensor in weights.values()}
        assert kinds == ({"torch.float32"} if method == "lora" else {"torch.bfloat16"})


@pytest.mark.parametrize("method", ["lora", "full"])
def test_checkpointing_computes_the_same_again(method: str, tiny_base: Path, tmp_path: Path) -> None:
    kept = finetune(job(tiny_base, tmp_path / "kept", tiny_recipe(method)))
    again = finetune(job(tiny_base, tmp_path / "again", tiny_recipe(method, gradient_checkpointing=True)))
    assert again.training.loss_curve == kept.training.loss_curve
    assert again.weights_sha256 == kept.weights_sha256


def test_attention_is_scaled_dot_product(tiny_base: Path) -> None:
    model, _ = load_base(tiny_base, tiny_recipe())
    assert model.config._attn_implementation == "sdpa"


def test_failures_leave_nothing(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(job(tiny_base, tmp_path / "out", tiny_recipe()), interrupt)
    with pytest.raises(TrainingError, match=r"no config\.json"):
        finetune(job(tmp_path / "nowhere", tmp_path / "out", tiny_recipe()))
    diverging = tiny_recipe("full", learning_rate=1e30, epochs=4, scheduler="constant", warmup_ratio=0.0)
    with pytest.raises(TrainingError, match="Lower the learning rate"):
        finetune(job(tiny_base, tmp_path / "out", diverging))
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(TrainingError, match="CUDA_VISIBLE_DEVICES"):
        finetune(job(tiny_base, tmp_path / "out", tiny_recipe()))
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == []


def test_damaged_base_model_is_one_error(tmp_path: Path) -> None:
    base = build_tiny_base(tmp_path / "base")
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(TrainingError, match="cannot be read"):
        finetune(job(base, tmp_path / "out", tiny_recipe()))


def test_record_missing_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no finished fine-tune"):
        TrainedModel.read(tmp_path)
    (tmp_path / "trained.json").write_text(json.dumps({"kind": "full"}))
    with pytest.raises(TrainingError, match="damaged"):
        TrainedModel.read(tmp_path)


def _parameters(base: Path) -> int:
    return sum(parameter.numel() for parameter in load_base(base, tiny_recipe())[0].parameters())
