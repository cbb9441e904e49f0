"""Training: one fine-tune, from a base model and a selection to an adapter or whole weights."""

from suite.training.job import TrainedModel, TrainingJob

__all__ = ["TrainedModel", "TrainingJob"]
