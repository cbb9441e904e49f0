"""Inner loops of studies, compiled by numba; imported by the functions that need them alone."""
