"""Features: what is computed once per pool and shared by strategies and metrics."""

from suite.features.base import Feature, Features, Progress, TrackContext, View, no_progress
from suite.features.density import Density
from suite.features.embeddings import Embeddings
from suite.features.tokens import TokenLists, Tokens

__all__ = [
    "Density",
    "Embeddings",
    "Feature",
    "Features",
    "Progress",
    "TokenLists",
    "Tokens",
    "TrackContext",
    "View",
    "no_progress",
]
