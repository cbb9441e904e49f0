"""Who asks: on the Hub whoever is signed in there, on a local board a name."""

from __future__ import annotations

import getpass
import re

from suite.errors import UsageError
from suite.stores.protocol import Store

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")


def who(store: Store, given: str | None) -> str:
    """The name under which somebody acts on a store; `given` is for local ones alone.

    Raises HubRefused where nobody is signed in, UsageError for a name that is none or that may not be given.
    """
    from suite.stores.hub.proposals import signed_in
    from suite.stores.hub.store import HubStore

    if isinstance(store, HubStore):
        if given is not None:
            raise UsageError("On the Hub you are who you are signed in as (`hf auth whoami`); leave --author out.")
        return signed_in(store.repository)
    return checked_name(given if given is not None else _own_name())


def checked_name(name: str) -> str:
    """An author's name itself. Raises UsageError for one that cannot be."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no author's name: write up to 96 letters, digits, hyphens, points, underscores.")
    return name


def _own_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise UsageError("This machine does not know your name; give it with --author.") from error
