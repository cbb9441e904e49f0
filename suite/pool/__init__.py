"""Pools: the fixed, fingerprinted set of samples that every strategy of a track picks from."""

from suite.pool.pool import Pool, Sample, pool_from_records

__all__ = ["Pool", "Sample", "pool_from_records"]
