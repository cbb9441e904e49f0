"""Evaluation: tasks that turn an engine's answers into per-item values."""
