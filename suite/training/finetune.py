"""One fine-tune: base model, selected samples and recipe in; adapter or weights, and what it took, out.

trl's SFTTrainer trains; what it trains on is ours: rows arrive tokenised and labelled (`suite.templates`), so the
mask, the stop token inside it and the single beginning-of-sequence token do not hang on a trainer's defaults.
"""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.atomic import atomic_folder
from suite.errors import TrainingError
from suite.hashing import file_sha256, library_versions
from suite.memory import out_of_memory, peak_memory_bytes, reset_peak_memory
from suite.quiet import quiet_libraries
from suite.reporting import Progress, no_progress
from suite.reproducible import Determinism, run_reproducibly
from suite.results import Training
from suite.templates import get_template
from suite.track import Recipe
from suite.training.job import LIBRARIES, TrainedModel, TrainingJob, weights_sha256
from suite.training.rows import Rows, encode_rows
from suite.training.trainer import sft_trainer
from suite.training.utilisation import model_flop_utilisation

if TYPE_CHECKING:
    from trl import SFTConfig, SFTTrainer

CURVE_POINTS = 50


def finetune(job: TrainingJob, progress: Progress = no_progress) -> TrainedModel:
    """Fine-tune and save into `job.output`, whole or not at all; `progress` gets (steps done, steps in all).

    Deterministic on a CPU: the same job gives the same safetensors, bit for bit, on the same kind of machine,
    whatever ran in the process before and however many threads it has; on a GPU where every operation has a
    deterministic form (see `suite.reproducible`; the record says whether that was so). trl and peft draw from the
    global generators of torch, numpy and random, which are seeded here: run it in a process of its own kind, not beside
    code that draws too.
    Raises TrainingError for a base model that cannot be read, for samples without a trained token, for weights that
    diverged and for memory that ran out.
    """
    import torch

    started = time.perf_counter()
    if torch.cuda.device_count() > job.gpus:
        raise TrainingError(
            f"{torch.cuda.device_count()} GPUs are visible and this fine-tune uses {job.gpus}: set "
            "CUDA_VISIBLE_DEVICES to as many, or raise --gpus-per-cell."
        )
    torch.set_num_threads(job.threads)
    reset_peak_memory()
    with quiet_libraries():
        return run_reproducibly(lambda determinism: _train_and_save(job, progress, started, determinism))


def _train_and_save(job: TrainingJob, progress: Progress, started: float, determinism: Determinism) -> TrainedModel:
    import torch

    model, tokenizer = load_base(job.base_model, job.recipe, job.gpus)
    template = get_template(job.recipe.template)
    rows = encode_rows(template, tokenizer, job.samples, job.recipe.max_length)
    try:
        trainer = build_trainer(job, model, tokenizer, rows, progress)
        begun = time.perf_counter()
        trainer.train()
        # The loss of the last steps was read by now: nothing is left in the queue of a GPU.
        looped = time.perf_counter() - begun
    except (torch.cuda.OutOfMemoryError, MemoryError, RuntimeError) as error:
        where = out_of_memory(error)
        if where is None:
            raise
        raise TrainingError(
            f"{where} ran out of memory. Run fewer lanes at once (--jobs), set a smaller micro_batch_size or "
            "gradient_checkpointing = true in the recipe, or give the model more GPUs with --gpus-per-cell."
        ) from error
    training = _facts(trainer, rows)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    with atomic_folder(job.output) as folder:
        _save(trainer.model, tokenizer, folder, job.recipe, job.base_model.name)
        trained = TrainedModel(
            folder=job.output,
            kind="adapter" if job.recipe.method == "lora" else "full",
            weights_sha256=weights_sha256(folder),
            training=training,
            seconds=time.perf_counter() - started,
            peak_memory_bytes=peak_memory_bytes(),
            training_flops=6.0 * parameters * training.tokens_seen,
            files={path.name: file_sha256(path) for path in sorted(folder.iterdir())},
            loop_seconds=looped,
            model_flop_utilisation=model_flop_utilisation(model.config, job, training, rows.square_mean, looped),
            determinism=determinism,
        )
        trained.write(folder)
    return trained


def load_base(folder: Path, recipe: Recipe, gpus: int = 1) -> tuple[Any, Any]:
    """The base model and its tokenizer; with several `gpus` its layers are spread evenly over those that are visible.

    In a bfloat16 recipe the frozen base of LoRA is held in bfloat16; full fine-tuning holds float32 weights and
    computes in bfloat16, since steps of 1e-5 vanish in bfloat16's eight bits.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if not (folder / "config.json").is_file():
        raise TrainingError(f"There is no base model in {folder} (no config.json). Prepare it, or check the path.")
    half = recipe.dtype == "bfloat16" and recipe.method == "lora"
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.bfloat16 if half else torch.float32,
            local_files_only=True,
            device_map="balanced" if gpus > 1 and torch.cuda.device_count() > 1 else None,
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        # A damaged folder fails in any of four libraries, each with errors of its own.
        raise TrainingError(f"The base model in {folder} cannot be read: {error}") from error
    return model, tokenizer


def build_trainer(job: TrainingJob, model: Any, tokenizer: Any, rows: Rows, progress: Progress) -> SFTTrainer:
    """The trl trainer of a job, ready to train; the model is wrapped for LoRA inside it."""
    import trl

    recipe = job.recipe
    dataset = rows.dataset()
    if recipe.packing:
        dataset = trl.pack_dataset(dataset, seq_length=recipe.max_length, strategy="bfd")
    steps = step_count(len(dataset), recipe)
    trainer = sft_trainer()(
        model=model,
        args=_config(job, steps),
        train_dataset=dataset.with_format("numpy"),
        processing_class=_with_padding(tokenizer),
        peft_config=_lora(recipe),
        callbacks=[_reporter(progress, steps)],
    )
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    return trainer


def step_count(rows: int, recipe: Recipe) -> int:
    """Optimiser steps: every epoch ends with a smaller batch where rows do not divide, and `max_steps` caps all.

    With packing a row is a packed sequence of up to `max_length` tokens.
    """
    per_epoch = math.ceil(math.ceil(rows / _micro(recipe)) / (recipe.batch_size // _micro(recipe)))
    steps = math.ceil(per_epoch * recipe.epochs)
    return min(steps, recipe.max_steps) if recipe.max_steps else steps


def _micro(recipe: Recipe) -> int:
    return recipe.micro_batch_size or recipe.batch_size


def _config(job: TrainingJob, steps: int) -> SFTConfig:
    import torch
    import trl

    recipe = job.recipe
    config = trl.SFTConfig(
        # Never written to: nothing is saved on the way.
        output_dir=str(job.output.parent),
        max_steps=steps,
        per_device_train_batch_size=_micro(recipe),
        gradient_accumulation_steps=recipe.batch_size // _micro(recipe),
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.scheduler,
        warmup_steps=round(recipe.warmup_ratio * steps),
        weight_decay=recipe.weight_decay,
        max_length=recipe.max_length,
        packing=recipe.packing,
        completion_only_loss=True,
        dataset_kwargs={"skip_prepare_dataset": True},
        bf16=recipe.dtype == "bfloat16",
        use_cpu=not torch.cuda.is_available(),
        gradient_checkpointing=recipe.gradient_checkpointing,
        seed=job.training_seed,
        data_seed=job.training_seed,
        logging_steps=max(1, math.ceil(steps / CURVE_POINTS)),
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
    # Otherwise an environment variable of accelerate's could change the precision behind the recipe's back.
    config.mixed_precision = "bf16" if recipe.dtype == "bfloat16" else "no"
    return config


def _lora(recipe: Recipe) -> Any:
    if recipe.lora is None:
        return None
    from peft import LoraConfig

    targets = recipe.lora.target_modules
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.lora.rank,
        lora_alpha=recipe.lora.alpha,  # type: ignore[arg-type]
        lora_dropout=recipe.lora.dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
    )


def _with_padding(tokenizer: Any) -> Any:
    # Padding is masked out of attention and loss, so any token serves.
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


def _reporter(progress: Progress, steps: int) -> Any:
    from transformers import TrainerCallback

    class Reporter(TrainerCallback):
        """Passes every finished step on."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            progress(state.global_step, steps)

    return Reporter()


def _facts(trainer: Any, rows: Rows) -> Training:
    curve = [(int(entry["step"]), float(entry["loss"])) for entry in trainer.state.log_history if "loss" in entry]
    broken = next((step for step, loss in curve if not math.isfinite(loss)), None)
    if broken is not None:
        raise TrainingError(f"Training diverged: the loss is not a number at step {broken}. Lower the learning rate.")
    return Training(
        samples=rows.read - rows.dropped,
        dropped_by_truncation=rows.dropped,
        steps=int(trainer.state.global_step),
        tokens_seen=int(trainer.tokens_seen),
        trained_tokens=int(trainer.trained_tokens),
        final_loss=curve[-1][1] if curve else None,
        loss_curve=tuple(curve),
        versions=library_versions(LIBRARIES),
    )


def _save(model: Any, tokenizer: Any, folder: Path, recipe: Recipe, base_name: str) -> None:
    import torch

    if recipe.method == "lora":
        model.save_pretrained(folder)
        # peft's model card is an empty form, and its config lists modules in random order and a path of this machine.
        (folder / "README.md").unlink(missing_ok=True)
        file = folder / "adapter_config.json"
        config = json.loads(file.read_text(encoding="utf-8"))
        config |= {"target_modules": sorted(config["target_modules"]), "base_model_name_or_path": base_name}
        file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        return
    model.to(torch.bfloat16 if recipe.dtype == "bfloat16" else torch.float32).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
