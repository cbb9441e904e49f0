"""Golden picks, baselines and verdicts: whether a strategy still does what it did, and what it takes to do it."""
