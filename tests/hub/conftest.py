"""The fake Hub for its own tests."""

from hub.fixtures import hub, pointed

__all__ = ["hub", "pointed"]
