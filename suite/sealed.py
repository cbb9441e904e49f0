"""JSON of our own caches with the hash of its content inside, so that a changed byte shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from suite.hashing import content_key
from suite.strict_json import strict_json

SEAL = "content_sha256"


def sealed(document: Mapping[str, Any], *, indent: int | None = None) -> str:
    """The document as JSON text with its own hash as one more key. Raises ValueError for numbers that are none."""
    plain = json.loads(json.dumps(document, allow_nan=False))
    return json.dumps({**plain, SEAL: content_key(plain)}, ensure_ascii=False, indent=indent) + "\n"


def unsealed(content: bytes) -> dict[str, Any]:
    """The document that `sealed` wrote. Raises ValueError when it is no longer the same, or no object at all.

    One without a hash was written before there were any, and is taken as it is.
    """
    try:
        document = strict_json(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(document, dict):
        raise ValueError("it is no object")
    break_seal(document)
    return document


def break_seal(document: dict[str, Any]) -> None:
    """Take the hash out of a document that was read. Raises ValueError when it is not that of the rest."""
    stated = document.pop(SEAL, None)
    if stated is not None and stated != content_key(document):
        raise ValueError("its content has changed since it was written")
