"""The format of `submission.toml`: who sends what, under which name, for which tracks and budgets.

    name = "my-method"
    version = "1.0"
    title = "One line on what it does"
    authors = ["Ada Lovelace"]
    licence = "Apache-2.0"
    paper = "arXiv:2505.24768"      # may be left out
    level = "embedding"

    [tracks]
    microworld = [500]
    mads-15pct = ["15%"]

The kind is that of the file beside it: `selection.jsonl` (index-only) or `strategy.py` (code).
"""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, StrictStr, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from suite.errors import did_you_mean
from suite.intake.rules import RULES, Problems
from suite.intake.texts import read_text
from suite.plain_text import is_visible
from suite.registry import NAME, Level

MANIFEST, SELECTION, CODE = "submission.toml", "selection.jsonl", "strategy.py"
Kind = Literal["code", "index-only"]
KIND_OF: dict[str, Kind] = {CODE: "code", SELECTION: "index-only"}

LONGEST_NAME, SHORTEST_NAME = 60, 3
KEY_DEPTH = 3
"""Parts of a key that can matter, as in tracks.microworld; a stranger may write thousands."""
_VERSION = re.compile(r"(?:0|[1-9][0-9]{0,5})(?:\.(?:0|[1-9][0-9]{0,5})){0,2}")
_ARXIV = re.compile(r"(?:arxiv:)?((?:[0-9]{4}\.[0-9]{4,5}|[a-z-]+(?:\.[A-Z]{2})?/[0-9]{7})(?:v[0-9]{1,3})?)", re.I)
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]", re.I)
_BUDGET = re.compile(r"[1-9][0-9]{0,8}|[0-9]{1,3}(?:\.[0-9]{1,6})?%")


def _broken(rule: str) -> PydanticCustomError:
    # The type is the key of the rule: that is how `_note` finds it again.
    return PydanticCustomError(rule, "{rule}", {"rule": RULES[rule].rule})


def _name(value: str) -> str:
    if not (SHORTEST_NAME <= len(value) <= LONGEST_NAME and NAME.fullmatch(value)):
        raise _broken("name")
    return value


def _version(value: str) -> str:
    if not _VERSION.fullmatch(value):
        raise _broken("version")
    return value


def _title(value: str) -> str:
    if not 1 <= len(value) <= 120 or value.strip() != value or not all(map(is_visible, value)):
        raise _broken("title")
    return value


def _authors(value: tuple[str, ...]) -> tuple[str, ...]:
    proper = all(
        1 <= len(author) <= 100
        and author.strip() == author
        and not set(author) & set("<>")
        and all(map(is_visible, author))
        for author in value
    )
    if not proper or not 1 <= len(value) <= 50 or len({author.casefold() for author in value}) != len(value):
        raise _broken("authors")
    return value


def _licence(value: str) -> str:
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        known = canonicalize_license_expression(value) if len(value) <= 200 else ""
    except InvalidLicenseExpression:
        known = ""
    # A LicenseRef names a text that nobody else knows.
    if not known or "LicenseRef" in known:
        raise _broken("licence")
    return str(known)


def _paper(value: str) -> str:
    if value == "":
        return value
    if found := _ARXIV.fullmatch(value):
        return f"arXiv:{found[1]}"
    try:
        parts = urlsplit(value)
        proper = parts.scheme == "https" and parts.netloc == parts.hostname and _HOST.fullmatch(parts.netloc)
    except ValueError:
        proper = None
    if not proper or len(value) > 300 or not re.fullmatch(r"[!-~]+", value) or re.search(r'[<>"\\^`{|}]', value):
        raise _broken("paper")
    return value


def _level(value: str) -> str:
    if value not in get_args(Level):
        raise _broken("level")
    return value


def _budget(value: object) -> int | str:
    written = value if isinstance(value, str) else str(value) if type(value) is int and value < 10**9 else ""
    if not _BUDGET.fullmatch(written):
        raise _broken("budget")
    return int(written) if written.isdigit() else written


def _budgets(value: tuple[int | str, ...]) -> tuple[int | str, ...]:
    if not value:
        raise _broken("tracks")
    if len(set(value)) != len(value):
        raise _broken("budget")
    return value


def _tracks(value: dict[str, tuple[int | str, ...]]) -> dict[str, tuple[int | str, ...]]:
    if not value:
        raise _broken("tracks")
    return value


DeclaredBudgets = Annotated[
    tuple[Annotated[int | str, PlainValidator(_budget)], ...], Field(max_length=100), AfterValidator(_budgets)
]


class Submission(BaseModel):
    """What `submission.toml` says. `tracks` maps each track to its budgets as written: counts, or shares like '15%'."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[StrictStr, AfterValidator(_name)]
    version: Annotated[StrictStr, AfterValidator(_version)]
    title: Annotated[StrictStr, AfterValidator(_title)]
    authors: Annotated[tuple[StrictStr, ...], Field(max_length=1000), AfterValidator(_authors)]
    licence: Annotated[StrictStr, AfterValidator(_licence)]
    paper: Annotated[StrictStr, AfterValidator(_paper)] = ""
    level: Annotated[StrictStr, AfterValidator(_level)]
    tracks: Annotated[dict[StrictStr, DeclaredBudgets], Field(max_length=100), AfterValidator(_tracks)]


def version_key(version: str) -> tuple[int, ...]:
    """For comparing versions: 1.2 equals 1.2.0 and is lower than 1.10."""
    numbers = [int(part) for part in version.split(".")]
    return tuple(numbers + [0] * (3 - len(numbers)))


@dataclass(frozen=True)
class Manifest:
    """A `submission.toml` as read: its text, and what could be made of it.

    `broken` names the keys that break a rule of the format; in `draft` they hold stand-ins, so that the others can be
    held against the board all the same. There is no draft of a text that is no TOML.
    """

    text: str
    draft: Submission | None = None
    broken: frozenset[str] = frozenset()

    @property
    def submission(self) -> Submission | None:
        """What it says, where it breaks no rule of the format."""
        return None if self.broken else self.draft

    def line(self, *keys: str) -> int | None:
        """The line in which a key is set."""
        return line_of(self.text, *keys)


def read_manifest(content: bytes, problems: Problems) -> Manifest:
    """The parsed `submission.toml`, every problem of its format noted."""
    text = read_text(MANIFEST, content, problems)
    if text is None:
        return Manifest("")
    try:
        document = tomllib.loads(text)
    except RecursionError:
        problems.add("toml", MANIFEST, None, "nested too deeply")
        return Manifest(text)
    except ValueError as error:
        place = re.search(r"line (\d+)", str(error))
        problems.add("toml", MANIFEST, int(place[1]) if place else None, str(error))
        return Manifest(text)
    try:
        return Manifest(text, Submission.model_validate(document))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
    for problem in found:
        _note(problem, text, problems)
    return _mended(text, document, found)


_STAND_INS = {
    "name": "stand-in",
    "version": "0",
    "title": "stand-in",
    "authors": ["stand-in"],
    "licence": "MIT",
    "level": "baseline",
    "tracks": {"stand-in": [1]},
}


def _mended(text: str, document: dict[str, Any], found: list[ErrorDetails]) -> Manifest:
    """What remains of a document without its broken keys; of `tracks` only the broken entries go."""
    whole = {str(error["loc"][0]) for error in found if error["loc"][0] != "tracks" or len(error["loc"]) == 1}
    kept = {key: value for key, value in document.items() if key in Submission.model_fields and key not in whole}
    bad = {error["loc"][1:3] for error in found if len(error["loc"]) > 1}
    if "tracks" in kept:
        kept["tracks"] = {
            name: [budget for place, budget in enumerate(budgets) if (name, place) not in bad]
            for name, budgets in kept["tracks"].items()
            if isinstance(budgets, list) and (name,) not in bad
        }
        kept["tracks"] = {name: budgets for name, budgets in kept["tracks"].items() if budgets}
        if not kept["tracks"]:
            del kept["tracks"]
    broken = frozenset(str(error["loc"][0]) for error in found)
    try:
        return Manifest(text, Submission.model_validate(_STAND_INS | kept), broken)
    except ValidationError:
        # Two budgets that were told apart only by a broken one: then no more can be said of this file.
        return Manifest(text, None, broken)


def line_of(text: str, *keys: str) -> int | None:
    """The line of a TOML text in which a key is set, or that of the nearest table above it; None when there is none.

    Good for pointing people to a line; it does not parse TOML.
    """
    lines = _key_lines(text)
    return next((lines[keys[:size]] for size in range(len(keys), 0, -1) if keys[:size] in lines), None)


@functools.lru_cache(maxsize=4)
def _key_lines(text: str) -> dict[tuple[str, ...], int]:
    """The first line of each key and table; of a deeper one its first KEY_DEPTH parts."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), start=1):
        if header := re.match(r"\s*\[+([^\[\]=]*)\]", line):
            table = path = _parts(header[1])[:KEY_DEPTH]
        elif key := re.match(r"""\s*((?:[A-Za-z0-9_.-]|"[^"]*"|'[^']*')+)\s*=""", line):
            path = (*table, *_parts(key[1]))[:KEY_DEPTH]
        else:
            continue
        found.setdefault(path, number)
    return found


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _note(error: ErrorDetails, text: str, problems: Problems) -> None:
    keys = tuple(part for part in error["loc"] if isinstance(part, str) and part != "[key]")
    line = line_of(text, *keys)
    name, kind = keys[-1] if keys else "", error["type"]
    if kind == "missing":
        problems.add("missing-key", MANIFEST, None, name, f"Add `{name}`: {RULES[_rule_of(name)].rule}.")
    elif kind == "extra_forbidden":
        hint = did_you_mean(name, Submission.model_fields)
        problems.add("unknown-key", MANIFEST, line, name, f"Delete the key, or mend its spelling.{hint}")
    elif kind in RULES:
        problems.add(kind, MANIFEST, line, _written(error["input"]))
    else:
        what = _TYPES.get(kind, f"{error['msg'].removesuffix('.')}.")
        remedy = f"{what} {RULES[_rule_of(keys[0] if keys else '')].remedy}"
        problems.add("wrong-type", MANIFEST, line, _written(error["input"]), remedy)


_TYPES = {
    "string_type": "This is a text: it stands in quotes.",
    "tuple_type": "This is a list: it stands in brackets.",
    "dict_type": "This is a table: it stands below [tracks].",
}


def _rule_of(key: str) -> str:
    return key if key in RULES else "wrong-type"


def _written(value: Any) -> str:
    """A value as TOML would write it, but for the quotes of texts."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_written(item) for item in value[:20]) + "]"
    try:
        return str(value)[:200]
    except ValueError:  # Python refuses to write out a number of thousands of digits
        return "a huge number"
