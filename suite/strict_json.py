"""JSON as the standard has it, which Python's own reader is more generous than."""

from __future__ import annotations

import json
import math
from typing import Any


def strict_json(content: bytes | str) -> Any:
    """What JSON says: every number finite, every integer of 64 bits, every text whole characters.

    What reads NaN, infinities, longer integers or halves of characters on would write them as something else, or not
    at all. Raises ValueError for them and for what is no JSON, RecursionError where it nests too deeply.
    """
    document = json.loads(content, parse_constant=_no_number, parse_float=_finite, parse_int=_of_64_bits)
    escaped = b"\\ud" if isinstance(content, bytes) else "\\ud"
    if escaped in content.lower():  # type: ignore[operator]
        json.dumps(document, ensure_ascii=False).encode()
    return document


def _no_number(written: str) -> float:
    raise ValueError(f"{written} is no number of JSON")


def _of_64_bits(written: str) -> int:
    number = int(written)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{written[:20]} is an integer of more than 64 bits")
    return number


def _finite(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise ValueError(f"{written[:20]} is beyond every number")
    return number
