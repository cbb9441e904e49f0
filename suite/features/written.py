"""The one-line form of what computes a feature: `name`, `name:model` or `name:model?key=value&key=value`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from suite.errors import FeatureError, UnknownNameError

Options = Mapping[str, Callable[[str], Any]]


@dataclass(frozen=True)
class Written:
    """A parsed form: the name, the model it loads (or nothing) and its options."""

    name: str
    model: str
    options: dict[str, Any]


def parse_written(kind: str, written: str, known: Mapping[str, Options], *, offline: Collection[str]) -> Written:
    """Parse the form of an embedder or tagger (`kind`); those in `offline` take no model, the others need one.

    Raises UnknownNameError and FeatureError, which name what is unknown, missing or no number.
    """
    head, _, query = written.partition("?")
    name, _, model = head.partition(":")
    if name not in known:
        raise UnknownNameError(kind, name, known)
    if (name in offline) == bool(model):
        wanted = "takes no model" if model else f"needs a model: {name}:<folder or Hub name>"
        raise FeatureError(f"{kind.capitalize()} {written!r} {wanted}.")
    options: dict[str, Any] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in known[name]:
            names = ", ".join(known[name]) or "none"
            raise FeatureError(f"{kind.capitalize()} {name} has no option {key!r}; it has: {names}.")
        try:
            options[key] = known[name][key](value)
        except ValueError as error:
            raise FeatureError(f"Option {key}={value!r} of {kind} {name} is no number.") from error
    return Written(name, model, options)
