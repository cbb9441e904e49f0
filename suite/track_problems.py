"""What is wrong with a track file, in the words of somebody who writes one."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_core import ErrorDetails

KINDS = ("microworld", "dataset", "hub", "built")


def first_problem(error: ValidationError) -> str:
    """`key: rule` of the first problem, and how many more there are."""
    first = error.errors()[0]
    more = f" ({error.error_count() - 1} more problem(s) follow)" if error.error_count() > 1 else ""
    return f"{_key(first['loc'])}: {_rule(first)}{more}"


def _key(location: tuple[int | str, ...]) -> str:
    """The key as one would write it: `base_models[1].name`."""
    key = ""
    for place, part in enumerate(location):
        before = location[place - 1] if place else None
        # pydantic puts the kind of a pool or model in the path; nobody wrote it there.
        if part in KINDS and (before == "pool" or isinstance(before, int)):
            continue
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    return key or "(whole file)"


def _rule(problem: ErrorDetails) -> str:
    known = {"extra_forbidden": "there is no such key", "missing": "this key is required"}
    if problem["type"] in known:
        return known[problem["type"]]
    rule = problem["msg"].removeprefix("Value error, ")
    given = problem["input"]
    return f"{rule}, not {given!r}" if isinstance(given, str | int | float) else rule
