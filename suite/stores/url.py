"""From a store's URL to the store."""

from __future__ import annotations

from pathlib import Path

from suite.errors import StoreError
from suite.stores.local import LocalStore
from suite.stores.protocol import Store


def open_store(url: str) -> Store:
    """Open the store at `url`, such as `file:results-of-mine` or `file:/srv/breadth`.

    A folder that does not exist yet is an empty store. Raises StoreError on any other kind of URL.
    """
    scheme, colon, rest = url.partition(":")
    if scheme == "file" and colon and rest:
        if rest.startswith("//") and not rest.startswith("///"):
            raise StoreError(f"{url!r} names another machine. Write file:/folder for a folder of this one.")
        return LocalStore(Path(rest.removeprefix("//")).expanduser())
    if scheme == "hf" and colon:
        raise StoreError(
            f"This version of Breadth reads and writes file: stores only, not {url!r}. "
            "Download the dataset repository and give its folder as file:FOLDER."
        )
    raise StoreError(f"{url!r} is no store URL. Write file:FOLDER, such as file:{url or 'my-results'}.")
