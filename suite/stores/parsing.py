"""From JSON that anybody may have written to a record, or to the reason why it is none: one reader for every kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import ValidationError

from suite.stores.protocol import Skipped
from suite.strict_json import strict_json

Kept = TypeVar("Kept")
LONGEST_PLACE, LONGEST_REASON = 80, 200
"""Characters of where and why that are repeated: both may be a stranger's own text."""


def parsed(path: str, content: bytes, newest: int, build: Callable[[Any], Kept]) -> Kept | Skipped:
    """What `build` makes of the JSON at `path`, or why nothing: a schema above `newest` is marked as a future one.

    `build` may raise ValueError (pydantic's own among them) for what is no such record. It is JSON in the
    strict sense: see `suite.strict_json`.
    """
    try:
        document = strict_json(content)
        version = document.get("schema_version") if isinstance(document, dict) else None
        if type(version) is int and version > newest:
            reason = f"schema version {version}, and this Breadth reads up to {newest}"
            return Skipped(path, reason, future=True)
        return build(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))[:LONGEST_PLACE] or "the record"
        return Skipped(path, f"{place}: {first['msg'][:LONGEST_REASON]}")
    except RecursionError:
        return Skipped(path, "nested too deeply")
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        return Skipped(path, f"not JSON: {error}")
    except ValueError as error:
        return Skipped(path, str(error))
