"""trl's SFTTrainer with two additions: it counts tokens, and on small models it scores trained positions only."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from suite.logits import has_plain_head, logits_at
from suite.training.rows import IGNORED

if TYPE_CHECKING:
    from trl import SFTTrainer

# Above this many numbers a GPU leaves the loss to trl's fused head, which holds no logits (512 MiB as float32).
SMALL_LOGITS = 2**27


@cache
def sft_trainer() -> type[SFTTrainer]:
    """The trainer class; made here because importing trl takes seconds."""
    import torch
    import trl
    from torch.nn import functional

    class CountingTrainer(trl.SFTTrainer):
        """SFTTrainer that counts the tokens it was given (`tokens_seen`) and those with loss (`trained_tokens`)."""

        tokens_seen: Any = 0
        trained_tokens: Any = 0

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            """Mean negative log-likelihood over the trained tokens of the whole step (all micro-batches)."""
            mask = inputs.get("attention_mask")
            # Sums stay on the device: reading them here would make the GPU wait at every step.
            self.tokens_seen += inputs["input_ids"].numel() if mask is None else mask.sum()
            self.trained_tokens += (inputs["labels"][:, 1:] != IGNORED).sum()
            causal = _causal(model)
            if not scores_trained_positions(causal, inputs["input_ids"]):
                return self._loss_of_fused_head(model, inputs, num_items_in_batch)
            # trl's head works through every position, prompt and padding included, and without Triton again in the
            # backward pass: on a small model a third of all time. On a GPU it also waits for three numbers at every
            # step, as long as a small model's step takes. The loss is the same; a test compares the two.
            forward = {name: value for name, value in inputs.items() if name != "labels"}
            following = functional.pad(inputs["labels"][:, 1:], (0, 1), value=IGNORED)
            trained = following != IGNORED
            # Not `model`, whose forward accelerate has wrapped for the recipe's precision, but its body is called.
            with self.accelerator.autocast():
                logits = logits_at(causal, trained, **forward, use_cache=False).float()
            # A model spread over several GPUs ends on another than the one it begins on, where its loss is due.
            targets = following[trained].to(logits.device)
            total = functional.cross_entropy(logits, targets, reduction="sum").to(trained.device)
            return total / torch.as_tensor(len(targets) if num_items_in_batch is None else num_items_in_batch)

        def _loss_of_fused_head(self, model: Any, inputs: Any, num_items_in_batch: Any) -> Any:
            """trl's own loss, on the device where the step's inputs are.

            Of a model spread over several GPUs trl divides where its output matrix is, and Triton launches its kernels
            on the GPU that is current, wherever their numbers lie.
            """
            head = _causal(model).get_output_embeddings().weight
            if torch.is_tensor(num_items_in_batch):
                num_items_in_batch = num_items_in_batch.to(head.device)
            with torch.cuda.device_of(head):
                loss = super().compute_loss(model, inputs, num_items_in_batch=num_items_in_batch)
            return loss.to(inputs["labels"].device)

    return CountingTrainer


def scores_trained_positions(causal: Any, ids: Any) -> bool:
    """Whether the loss comes from the logits of the trained positions alone, rather than from trl's head."""
    small = ids.device.type == "cpu" or ids.numel() * causal.config.vocab_size <= SMALL_LOGITS
    return small and has_plain_head(causal)


def _causal(model: Any) -> Any:
    from peft import PeftModel

    return model.get_base_model() if isinstance(model, PeftModel) else model
