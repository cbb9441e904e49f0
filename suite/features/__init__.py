"""Features: what is computed once per pool and shared by strategies and metrics."""
