"""Inner loops of metrics, compiled by numba; imported by the functions that need them alone."""
