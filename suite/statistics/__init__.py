"""What may be claimed from per-item values: intervals, tests and their corrections (numpy and scipy only)."""
