"""Outcomes of studies, kept as JSON beside a store's results: `<store folder>/studies/<track>/<study>.json`.

A report or a page draws from them without computing anything. Each kind of outcome is one subclass of `KeptStudy`
that states its own `schema_version`; a later shape of the same outcome counts it up.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from suite.atomic import write_text
from suite.errors import StoreError
from suite.strict_json import strict_json

Kept = TypeVar("Kept", bound="KeptStudy")


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_finite)]
"""A number, or None where there is none: nan and infinities are no JSON."""


class KeptPart(BaseModel):
    """Base of every part of a kept outcome."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KeptStudy(KeptPart):
    """Base of an outcome: a subclass gives `schema_version` its number as the default."""

    schema_version: int
    track: str

    def renewed(self) -> Self:
        """The outcome as today's version has it; a subclass says what an older one holds differently.

        Raises ValueError or ArithmeticError where its numbers do not allow that.
        """
        return self


def keep(store_folder: Path, track: str, name: str, model: KeptStudy) -> Path:
    """Write the outcome of study `name`, whole or not at all, over an earlier one; gives the file back.

    Raises StorageError when nothing can be written.
    """
    path = _path(store_folder, track, name)
    write_text(path, json.dumps(model.model_dump(mode="json"), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def read_kept(store_folder: Path, track: str, name: str, kind: type[Kept]) -> Kept | None:
    """The kept outcome of study `name`, brought to today's version, or None where there is none.

    Raises StoreError when the file is damaged, is another track's, or was written by a newer Breadth (a higher
    schema version than `kind` states).
    """
    path = _path(store_folder, track, name)
    try:
        document = strict_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path} is damaged ({error}); make it again with `breadth {name}`.") from error
    known = int(kind.model_fields["schema_version"].default)
    version = document.get("schema_version") if isinstance(document, dict) else None
    if type(version) is int and version > known:
        raise StoreError(
            f"{path} has schema version {version}, and this Breadth reads up to {known}. "
            f"Update Breadth, or make it again with `breadth {name}`."
        )
    try:
        outcome = kind.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise StoreError(
            f"{path} is no outcome of {name} ({place}: {first['msg']}); make it again with `breadth {name}`."
        ) from error
    if outcome.track != track:
        raise StoreError(
            f"{path} is an outcome of track {outcome.track!r}, not of {track!r}; move it where it belongs."
        )
    try:
        return outcome.renewed()
    except (ValueError, ArithmeticError) as error:
        raise StoreError(
            f"{path} is of an older version and cannot be brought to today's ({error}); make it again with "
            f"`breadth {name}`."
        ) from error


def _path(folder: Path, track: str, name: str) -> Path:
    return folder / "studies" / track / f"{name}.json"
