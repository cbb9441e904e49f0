"""Selection kernels: numpy and numba only, array in, array out, importable without the rest of Breadth.

Each is loaded on first use, since numba takes half a second to import:

    from strategies.kernels import k_center
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strategies.kernels.coverage import max_coverage
    from strategies.kernels.facility import CosineSimilarity, NeighbourSimilarity, facility_location
    from strategies.kernels.farthest_first import k_center
    from strategies.kernels.largest_sum import farthest
    from strategies.kernels.novelty import novelselect
    from strategies.kernels.novelty_replay import ReplayedStep, replay_novelselect
    from strategies.kernels.pruning import PruningPath, pruning_path, reverse_greedy_prune
    from strategies.kernels.similarity_filter import repr_filter
    from strategies.kernels.weighted_gains import rarity, weighted_coverage

# No module has the name of a kernel: importing it would hide the function of that name here.
_HOMES = {
    "CosineSimilarity": "facility",
    "NeighbourSimilarity": "facility",
    "PruningPath": "pruning",
    "ReplayedStep": "novelty_replay",
    "facility_location": "facility",
    "farthest": "largest_sum",
    "k_center": "farthest_first",
    "max_coverage": "coverage",
    "novelselect": "novelty",
    "pruning_path": "pruning",
    "rarity": "weighted_gains",
    "replay_novelselect": "novelty_replay",
    "repr_filter": "similarity_filter",
    "reverse_greedy_prune": "pruning",
    "weighted_coverage": "weighted_gains",
}

__all__ = [
    "CosineSimilarity",
    "NeighbourSimilarity",
    "PruningPath",
    "ReplayedStep",
    "facility_location",
    "farthest",
    "k_center",
    "max_coverage",
    "novelselect",
    "pruning_path",
    "rarity",
    "replay_novelselect",
    "repr_filter",
    "reverse_greedy_prune",
    "weighted_coverage",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
