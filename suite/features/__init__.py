"""Features: what is computed once per pool and shared by strategies and metrics."""

from suite.features.activations import NeuronSets, NeuronStates
from suite.features.base import Feature, Features, TrackContext
from suite.features.density import Density, NeighbourDistances, Neighbours
from suite.features.embeddings import Embeddings
from suite.features.tags import TagLists, Tags
from suite.features.tokens import TokenLists, Tokens
from suite.features.topics import Topics
from suite.pool.pool import View
from suite.reporting import Progress, no_progress

__all__ = [
    "Density",
    "Embeddings",
    "Feature",
    "Features",
    "NeighbourDistances",
    "Neighbours",
    "NeuronSets",
    "NeuronStates",
    "Progress",
    "TagLists",
    "Tags",
    "TokenLists",
    "Tokens",
    "Topics",
    "TrackContext",
    "View",
    "no_progress",
]
