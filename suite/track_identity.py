"""What of a track its identity holds: everything a result hangs on, and no word that is for readers alone."""

from __future__ import annotations

from typing import Any

WORDS = frozenset({"note", "title", "borrowed"})
LAYOUT = frozenset({"vllm"})
"""Tables that say how memory is laid out, and change nothing that is asked of a model."""
LATER = frozenset({"code"})
"""Keys that came when results had been made: where they are not set, a track is what it was."""


def what_counts(value: Any) -> Any:
    """The plain value of a track, or of a part of it, without `WORDS`, `LAYOUT` and unset keys of `LATER`."""
    if isinstance(value, dict):
        return {
            key: what_counts(item)
            for key, item in value.items()
            if key not in WORDS | LAYOUT and not (key in LATER and item is None)
        }
    return [what_counts(item) for item in value] if isinstance(value, list) else value
