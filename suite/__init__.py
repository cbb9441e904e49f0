"""Breadth's benchmark: what is fixed (pools, tracks, recipes, tasks) and what runs it."""

__version__ = "0.1.0"
