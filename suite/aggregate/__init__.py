"""From results to a ranked board; every way of scoring has a version, so that old boards can be rebuilt."""

from suite.aggregate.board import Board, Costs, PluginFacts, Power, Registration, Row, Separation, Table, TaskStanding
from suite.aggregate.score_v1 import score_v1

__all__ = [
    "Board",
    "Costs",
    "PluginFacts",
    "Power",
    "Registration",
    "Row",
    "Separation",
    "Table",
    "TaskStanding",
    "score_v1",
]
