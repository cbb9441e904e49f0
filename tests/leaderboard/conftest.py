"""The fake Hub, for what the page reads of it."""

from hub.fixtures import hub, pointed

__all__ = ["hub", "pointed"]
