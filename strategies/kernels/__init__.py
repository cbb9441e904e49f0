"""Selection kernels: numpy and numba only, array in, array out, importable without the rest of Breadth.

Each is loaded on first use, since numba takes half a second to import:

    from strategies.kernels import k_center
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strategies.kernels.facility import CosineSimilarity, facility_location
    from strategies.kernels.farthest_first import k_center
    from strategies.kernels.pruning import PruningPath, pruning_path, reverse_greedy_prune

# No module has the name of a kernel: importing it would hide the function of that name here.
_HOMES = {
    "CosineSimilarity": "facility",
    "PruningPath": "pruning",
    "facility_location": "facility",
    "k_center": "farthest_first",
    "pruning_path": "pruning",
    "reverse_greedy_prune": "pruning",
}

__all__ = [
    "CosineSimilarity",
    "PruningPath",
    "facility_location",
    "k_center",
    "pruning_path",
    "reverse_greedy_prune",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
