"""Engines: what runs a fine-tuned model for evaluation, behind one small protocol."""
