"""What the URL of the page carries: enough to restore a view, and nothing that a hostile query could do harm with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

FRONT = "leaderboard"
MOST_ITEMS, MOST_BUDGET, MOST_PAGES = 100, 10**9, 10**6
LONGEST_SEARCH, LONGEST_TEXT = 100, 400
"""Characters: 400 is the longest spec that a result may have."""

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SORT = re.compile(r"-?[a-z0-9]+(?:-[a-z0-9]+)*")
_RUN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=@/-]*")
_REQUEST = re.compile(r"[0-9a-f]{16}")
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Address:
    """A view with its filters; every field left at its default stands for what the page chooses by itself.

    `budget` is a number of samples, `sort` a column's key (`-key` for the largest first), `run` the path of a record
    inside the store or a cell id, `request` the id of a request, `at` the page of a long table, counted from 1.
    """

    view: str = FRONT
    track: str = ""
    budget: int | None = None
    base_model: str = ""
    tasks: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    search: str = ""
    columns: tuple[str, ...] = ()
    sort: str = ""
    variants: bool = False
    first: str = ""
    second: str = ""
    metric: str = ""
    run: str = ""
    request: str = ""
    at: int = 1

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Address:
        """The address of a query; what is unknown, too long or no value of its field is left out, never an error."""
        found: dict[str, Any] = {}
        for field in fields(cls):
            value = _READERS[field.name](str(query.get(field.name, "")))
            if value is not None:
                found[field.name] = value
        return cls(**found)

    def to_query(self) -> str:
        """The query string without its question mark; defaults are left out, so the front page has none."""
        pairs = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                pairs.append((field.name, _written(value)))
        return urlencode(pairs, safe=",/:")

    @property
    def href(self) -> str:
        """The address as a link within the page."""
        return f"?{self.to_query()}"

    def changed(self, **changes: Any) -> Address:
        """The address with other values; a long table begins at its first page again unless `at` is given."""
        return replace(self, **({"at": 1} | changes))


def _name(text: str) -> str | None:
    return text if len(text) <= _LONGEST_NAME and _NAME.fullmatch(text) else None


def _names(text: str) -> tuple[str, ...]:
    return tuple(item for item in _items(text) if _name(item))


def _items(text: str) -> tuple[str, ...]:
    """What stands between commas: each once, none empty, so many at most."""
    bounded = text[: MOST_ITEMS * (_LONGEST_NAME + 1)].split(",")
    items = (item.strip() for item in bounded)
    return tuple(dict.fromkeys(item for item in items if item and _plain(item, _LONGEST_NAME)))[:MOST_ITEMS]


def _plain(text: str, longest: int) -> str | None:
    return text if len(text) <= longest and text.isprintable() else None


def _number(text: str, low: int, high: int) -> int | None:
    # `int` takes signs, blanks, underscores and the digits of every script; an address has one way to write a number.
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        return None
    return int(text) if low <= int(text) <= high else None


def _run(text: str) -> str | None:
    parts = text.split("/")
    return text if len(text) <= LONGEST_TEXT and _RUN.fullmatch(text) and not {"", ".", ".."} & set(parts) else None


def _search(text: str) -> str | None:
    shown = "".join(character for character in text if character.isprintable())
    return shown[:LONGEST_SEARCH].strip()


_READERS: dict[str, Any] = {
    "view": _name,
    "track": _name,
    "budget": lambda text: _number(text, 0, MOST_BUDGET),
    "base_model": _name,
    "tasks": _names,
    "kinds": _items,
    "levels": _items,
    "search": _search,
    "columns": _names,
    "sort": lambda text: text if len(text) <= _LONGEST_NAME + 1 and _SORT.fullmatch(text) else None,
    "variants": lambda text: text == "yes",
    "first": lambda text: _plain(text, LONGEST_TEXT),
    "second": lambda text: _plain(text, LONGEST_TEXT),
    "metric": _name,
    "run": _run,
    "request": lambda text: text if _REQUEST.fullmatch(text) else None,
    "at": lambda text: _number(text, 1, MOST_PAGES),
}


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return "yes" if value is True else str(value)
