"""From a store's URL to the store."""

from __future__ import annotations

import re
from pathlib import Path

from suite.errors import StoreError
from suite.stores.local import LocalStore
from suite.stores.protocol import Store

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REPOSITORY = re.compile(rf"{_NAME}/{_NAME}")


def open_store(url: str) -> Store:
    """Open the store at `url`: `file:results-of-mine`, `file:/srv/breadth` or `hf://datasets/ORG/NAME`.

    A folder that does not exist yet is an empty store; a repository is not asked before it is used. Raises StoreError
    on any other kind of URL.
    """
    scheme, colon, rest = url.partition(":")
    if scheme == "file" and colon and rest:
        if rest.startswith("//") and not rest.startswith("///"):
            raise StoreError(f"{url!r} names another machine. Write file:/folder for a folder of this one.")
        return LocalStore(Path(rest.removeprefix("//")).expanduser())
    if scheme == "hf" and colon:
        from suite.stores.hub.store import HubStore

        return HubStore(repository_name(url))
    raise StoreError(
        f"{url!r} is no store URL. Write file:FOLDER, such as file:{url or 'my-results'}, or hf://datasets/ORG/NAME."
    )


def repository_name(url: str) -> str:
    """`ORG/NAME` of `hf://datasets/ORG/NAME`. Raises StoreError when it is anything else."""
    kind, _, name = url.removeprefix("hf:").removeprefix("//").partition("/")
    if not url.startswith("hf://") or kind != "datasets" or not is_repository_name(name.removesuffix("/")):
        hint = "A branch or a folder cannot be chosen" if "@" in name or name.count("/") > 1 else "Results are datasets"
        raise StoreError(f"{url!r} is no store URL. {hint}: write hf://datasets/ORG/NAME.")
    return name.removesuffix("/")


def is_repository_name(name: str) -> bool:
    """Whether this is `ORG/NAME` as the Hub allows them."""
    return _REPOSITORY.fullmatch(name) is not None and re.search(r"--|\.\.", name) is None
