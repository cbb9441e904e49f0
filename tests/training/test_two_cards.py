"""A model spread over two GPUs: the output matrix is on the second, and the loss is due on the first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import tiny_recipe, tiny_samples
from two_cards import FIRST, SECOND, TwoCards, card_of, on

from suite.reporting import no_progress
from suite.templates import get_template
from suite.training import TrainingJob, trainer
from suite.training.finetune import build_trainer, load_base
from suite.training.rows import encode_rows


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("head", ["of trl", "of ours"])
def test_the_loss_comes_back_to_the_first_gpu(
    head: str, method: str, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "SMALL_LOGITS", 0 if head == "of trl" else trainer.SMALL_LOGITS)
    job = TrainingJob(
        base_model=tiny_base,
        output=tmp_path / "out",
        recipe=tiny_recipe(method),
        samples=tiny_samples(4),
        training_seed=1,
    )
    model, tokenizer = load_base(tiny_base, job.recipe)
    # The tiny base ties it to the embedding, which is on the first.
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    # As the hooks of a device map do: what enters a module is taken to where its weights are.
    model.lm_head.register_forward_pre_hook(lambda _, inputs: tuple(one.to(SECOND) for one in inputs))
    rows = encode_rows(get_template("plain"), tokenizer, job.samples, job.recipe.max_length)
    training: Any = build_trainer(job, model, tokenizer, rows, no_progress)
    batch = next(iter(training.get_train_dataloader()))
    expected = _nats(load_base(tiny_base, job.recipe)[0], batch)
    on(model.lm_head.weight, SECOND)
    items = torch.tensor(40)
    with TwoCards().entered() as cards:
        loss = training.compute_loss(training.model, dict(batch), num_items_in_batch=items)
    assert card_of(loss) == FIRST
    assert float(loss.detach()) == pytest.approx(expected / 40, rel=1e-5)
    assert (1 in cards.current) == (head == "of trl"), "Triton launches on the current GPU"


def _nats(model: Any, batch: Any) -> float:
    """The loss by the model's own logits, summed over trained tokens."""
    with torch.no_grad():
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    targets = batch["labels"][:, 1:]
    likely = logits[:, :-1].log_softmax(-1).gather(-1, targets.clamp(min=0)[..., None])[..., 0]
    return -float(likely[targets != -100].sum())
