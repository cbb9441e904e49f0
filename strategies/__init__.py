"""Breadth's built-in strategies, one file each; importing `strategies.builtin` registers them all.

Nothing is imported here, so that `strategies.kernels` needs numpy and numba only.
"""
