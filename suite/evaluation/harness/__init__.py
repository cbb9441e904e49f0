"""The field's standard tasks: lm-evaluation-harness's prompts, filters and metrics, asked of our own engine."""
