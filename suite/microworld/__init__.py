"""The embedded world of verifiable instructions: pool, hidden families, held-out tasks and pretraining text."""

from suite.microworld.world import HeldOutItem, World, world

__all__ = ["HeldOutItem", "World", "world"]
