"""A publisher in a process of its own: puts results one by one while they are published, and says what it has put.

    python publishing_process.py NAME FIRST LAST [BATCH]

Prints the path of each result once `put` has returned. The tests kill it.
"""

from __future__ import annotations

import sys

from factories import result

from suite.stores.hub.patience import Patience
from suite.stores.hub.publishing import Publisher
from suite.stores.hub.store import HubStore


def main(name: str, first: int, last: int, batch: int = 7) -> None:
    """Put the results of training seeds `first` to `last` and publish them `batch` at a time."""
    store = HubStore(name)
    with Publisher(store, print, batch=batch, every=0.2, patience=Patience(first_wait=0.05)):
        for seed in range(first, last):
            print(store.put(result(training_seed=seed)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *(int(number) for number in sys.argv[2:]))
