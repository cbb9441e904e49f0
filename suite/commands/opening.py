"""Opening a track's experiment behind a display: what every verb that selects or measures begins with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suite.runner.experiment import Experiment
    from suite.track import Track


@contextmanager
def opened(track: Track, *, embedder: str | None = None, tokenizer: str | None = None) -> Iterator[Experiment]:
    """The experiment of a track, with the default store and bars on standard error."""
    from rich.console import Console

    from suite.commands.display import Display
    from suite.home import default_store
    from suite.runner.experiment import Experiment
    from suite.stores.url import open_store

    with Display(Console(stderr=True, soft_wrap=True)) as display:
        yield Experiment(
            track=track,
            store=open_store(default_store()),
            notify=display.say,
            progress=display.work,
            embedder=embedder,
            tokenizer=tokenizer,
        )
