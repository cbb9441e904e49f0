"""The README of the Space and of the two dataset repositories, and whether one that is there is still ours.

A card of ours ends with a comment that holds the sha256 of all that stands above. Once anybody changes a word the two
differ, and the card is that person's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from leaderboard.space.requirements import PAGE_FRAMEWORK, installed, python_version
from suite import __version__
from suite.errors import HubRefused, UsageError
from suite.results import SCHEMA_VERSION, Result

CARD = "README.md"
PROJECT = "https://github.com/breadth-bench/breadth"
LICENCE = "apache-2.0"
TITLE = "Breadth leaderboard"
LONGEST_TITLE = 80
SUMMARY = "Which samples should a model be fine-tuned on?"
"""The Hub takes at most 60 characters."""
_PLAIN_FIELDS = {
    "schema_version": "Of this record; see above.",
    "reference": "Whether the row is shown and never ranked.",
    "selection_size": "How many samples were selected.",
    "parameters": "The strategy's parameters, by name.",
    "engine": "What ran the fine-tuned model for evaluation.",
    "versions": "The versions of the engine's libraries, by name; those that trained stand under `training`.",
    "first_prompt_ids": "The first evaluation prompt as the model saw it, in token ids.",
    "remarks": "What the strategy said of its selection, such as that it is approximate; each a line of text.",
    "supersedes": "The record of the same cell that this one corrects, if any.",
}
_SIGNED = re.compile(
    r"(?P<text>.*)<!-- Written by breadth publish-space, sha256 (?P<sha256>[0-9a-f]{64})\. [^\n]* -->\n*", re.DOTALL
)
_HUBS_OWN = "https://huggingface.co/docs/hub/spaces-config-reference"
_TABLE = re.compile(r"leaderboard/([a-z0-9]+(?:-[a-z0-9]+)*)\.parquet")


@dataclass(frozen=True)
class Names:
    """The three repositories of a board, each `ORG/NAME`."""

    space: str
    results: str
    requests: str


def results_card(names: Names, paths: Iterable[str]) -> str:
    """The card of the results; `paths` are the files of the repository, whose tables the Hub's viewer shows."""
    tables = [found[1] for path in sorted(paths) if (found := _TABLE.fullmatch(path))]
    shown: dict[str, Any] = {"viewer": False}
    if tables:
        configs = [{"config_name": table, "data_files": f"leaderboard/{table}.parquet"} for table in tables]
        shown = {"configs": configs}
    metadata = _dataset("Results", names) | shown
    return _card("results", metadata, names, tables=tables, fields=record_fields(), schema_version=SCHEMA_VERSION)


def requests_card(names: Names) -> str:
    """The card of the requests."""
    return _card("requests", _dataset("Requests", names) | {"viewer": False}, names)


def space_card(names: Names, title: str) -> str:
    """The README of the Space, whose metadata the Hub builds it by."""
    metadata = {
        "title": checked_title(title),
        "emoji": "📏",
        "colorFrom": "blue",
        "colorTo": "green",
        **space_needs(),
        "pinned": False,
        "license": LICENCE,
        "short_description": SUMMARY,
        "datasets": [names.results, names.requests],
        "tags": ["leaderboard", "data-selection"],
    }
    return _card("space", metadata, names, title=title)


def space_needs() -> dict[str, str | bool]:
    """The metadata without which the Space does not start, or nobody can sign in to submit."""
    return {
        "sdk": PAGE_FRAMEWORK,
        "sdk_version": str(installed(PAGE_FRAMEWORK)),
        "python_version": python_version(),
        "app_file": "app.py",
        "hf_oauth": True,
    }


def checked_title(title: str) -> str:
    """The title itself. Raises UsageError for one that is empty, of several lines or too long."""
    if not title.strip() or not title.isprintable() or len(title) > LONGEST_TITLE:
        raise UsageError(f"--title must be one line of at most {LONGEST_TITLE} characters, and not {title!r}.")
    return title


def is_ours(card: str) -> bool:
    """Whether a card is as we wrote it."""
    found = _SIGNED.fullmatch(card)
    return found is not None and hashlib.sha256(found["text"].encode()).hexdigest() == found["sha256"]


def is_the_hubs(card: str) -> bool:
    """Whether a Space's README is the one that the Hub itself begins with."""
    from huggingface_hub import RepoCard

    body = RepoCard(card, ignore_metadata_errors=True).text.strip()
    return body == f"Check out the configuration reference at {_HUBS_OWN}" or not body


def title_of(card: str) -> str | None:
    """The title in a card's metadata, if it has one that we would write."""
    from huggingface_hub import RepoCard

    title = RepoCard(card, ignore_metadata_errors=True).data.to_dict().get("title")
    return title if isinstance(title, str) and title.strip() and title.isprintable() else None


def with_needs(card: str, where: str) -> str:
    """Somebody's README with the metadata that the Space needs, and everything else as it is."""
    from huggingface_hub import RepoCard

    try:
        kept = RepoCard(card)
    except ValueError:
        raise HubRefused(
            f"The metadata of {CARD} in {where} cannot be read. Mend it there, or delete the file."
        ) from None
    needs = space_needs()
    if kept.data.to_dict() | needs == kept.data.to_dict():
        return card
    for key, value in needs.items():
        kept.data[key] = value
    return str(kept)


def record_fields() -> list[tuple[str, str]]:
    """The fields of a record, each with what it holds, from the schema itself."""
    schema = Result.model_json_schema()
    parts: Mapping[str, Any] = schema["$defs"]
    return [(name, _meaning(name, field, parts)) for name, field in schema["properties"].items()]


def _meaning(name: str, field: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    inner = [field, field.get("items", {}), *field.get("anyOf", ())]
    named = next((part["$ref"].rpartition("/")[2] for part in inner if "$ref" in part), None)
    if named is None:
        return _PLAIN_FIELDS.get(name) or str(field.get("description") or field.get("type", "see `suite.results`"))
    part = parts[named]
    several = "A list. " if "items" in field else ""
    said = " ".join(part.get("description", named).split())
    return f"{several}{said} Fields: {', '.join(f'`{inside}`' for inside in part['properties'])}."


def _dataset(what: str, names: Names) -> dict[str, Any]:
    return {
        "license": LICENCE,
        "pretty_name": f"{what} of {names.space}",
        "language": ["en"],
        "tags": ["breadth", "leaderboard", "data-selection", "supervised-fine-tuning"],
    }


def _card(template: str, metadata: Mapping[str, Any], names: Names, **facts: Any) -> str:
    from huggingface_hub import CardData, constants
    from jinja2 import Environment, StrictUndefined

    # Markdown, not HTML: what goes in are checked names, a checked title, and words of our own.
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    body = environment.from_string(files("leaderboard.space").joinpath(f"{template}.md").read_text(encoding="utf-8"))
    said = {"project": PROJECT, "version": __version__, "host": constants.ENDPOINT, "licence": "Apache-2.0"}
    rendered = body.render(space=names.space, results=names.results, requests=names.requests, **said, **facts)
    text = f"---\n{CardData(**metadata).to_yaml()}\n---\n\n{rendered.strip()}\n\n"
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return (
        f"{text}<!-- Written by breadth publish-space, sha256 {sha256}. "
        f"Once anything above is changed the card is yours, and no longer replaced. -->\n"
    )
