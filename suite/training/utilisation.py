"""Model FLOP utilisation: what a fine-tune made of its card's peak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from suite.results import Training
    from suite.training.job import TrainingJob


def model_flop_utilisation(
    config: Any, job: TrainingJob, training: Training, length: float, seconds: float
) -> float | None:
    """Model FLOPs of the tokens trained on, over what the cards' dense peak could have done in `seconds`; 0 to 1.

    Counted as in `suite.cost.formulas.training_flops`: neither what gradient checkpointing computes again nor padding
    is work (Chowdhery et al., PaLM, 2022, appendix B). `length` is the length-weighted mean of the rows. None on a
    processor, on a card whose peak is not listed, and for models of another kind than Llama's.
    """
    import torch

    from suite.cost.cards import card_of

    if not torch.cuda.is_available():
        return None
    card = card_of(torch.cuda.get_device_name())
    flops = model_flops(config, job, training, length)
    if card is None or flops is None or seconds <= 0:
        return None
    return flops / (seconds * card.peak(job.recipe.dtype) * job.gpus)


def model_flops(config: Any, job: TrainingJob, training: Training, length: float) -> float | None:
    """Model FLOPs of a fine-tune; None for a model that is not of Llama's kind."""
    from suite.cost.formulas import training_flops
    from suite.cost.shapes import shape_from_config
    from suite.logits import PLAIN_HEADS

    if config.model_type not in PLAIN_HEADS:
        return None
    return training_flops(shape_from_config(config.to_dict()), job.recipe, training.tokens_seen, length)
