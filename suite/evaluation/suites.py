"""The evaluation suites that Breadth knows by name: what `suites.toml` states, as a track would state it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from suite.errors import UnknownNameError
from suite.track import TaskSpec


@lru_cache(maxsize=1)
def suites() -> Mapping[str, TaskSpec]:
    """Every suite by its name."""
    stated = tomllib.loads(files("suite.evaluation").joinpath("suites.toml").read_text(encoding="utf-8"))
    return {name: TaskSpec.model_validate({"name": name, **spec}) for name, spec in stated.items()}


def suite(name: str, **changes: Any) -> TaskSpec:
    """The suite of that name with some of its keys changed; UnknownNameError lists those there are."""
    if name not in suites():
        raise UnknownNameError("suite", name, suites())
    known = suites()[name]
    stated = known.model_dump(include=known.model_fields_set)
    return TaskSpec.model_validate(stated | changes)
