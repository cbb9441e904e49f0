"""Selection kernels: numpy and numba only, array in, array out, importable without the rest of Breadth."""
