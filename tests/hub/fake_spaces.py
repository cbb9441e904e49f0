"""What the fake Hub answers about Spaces: their variables, and the metadata of a README before it is committed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml
from hub.fake_answers import Answer, Request, Route, writable
from hub.fake_repository import HubRefusal

if TYPE_CHECKING:
    from hub.fake_hub import FakeHub

COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")


def _variables(hub: FakeHub, request: Request, name: str) -> Answer:
    space = writable(hub, request, "spaces", name)
    if request.method == "POST":
        wanted = request.json()
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", wanted["key"]):
            raise HubRefusal(400, "", "not the name of a variable")
        space.variables[wanted["key"]] = wanted["value"]
    return Answer.json({key: {"value": value} for key, value in space.variables.items()})


def _validate_yaml(hub: FakeHub, request: Request) -> Answer:
    wanted = request.json()
    found = re.match(r"---\n(.*?)\n---", wanted["content"], re.DOTALL)
    try:
        metadata = yaml.safe_load(found[1]) if found else {}
    except yaml.YAMLError as error:
        return _wrong([f"not YAML: {error}"])
    return _wrong(_space_errors(metadata)) if wanted["repoType"] == "space" else _wrong([])


def _wrong(errors: list[str]) -> Answer:
    found = {"errors": [{"message": error} for error in errors], "warnings": []}
    return Answer.json(found, 400 if errors else 200)


def _space_errors(metadata: dict[str, Any]) -> list[str]:
    errors = [f'"{key}" is required' for key in ("sdk",) if key not in metadata]
    errors += [
        f'"{key}" must be one of {COLOURS}'
        for key in ("colorFrom", "colorTo")
        if metadata.get(key, COLOURS[0]) not in COLOURS
    ]
    errors += [
        f'"{key}" must be a string'
        for key in ("title", "sdk_version", "python_version")
        if not isinstance(metadata.get(key, ""), str)
    ]
    if len(str(metadata.get("short_description", ""))) > 60:
        errors.append('"short_description" length must be less than or equal to 60 characters long')
    return errors


ROUTES: list[Route] = [
    (("GET", "POST"), r"/api/spaces/(?P<name>[^/]+/[^/]+)/variables", _variables),
    (("POST",), r"/api/validate-yaml", _validate_yaml),
]
