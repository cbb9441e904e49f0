"""Strategies on the command line that are no names but submissions: written by their folder or archive."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from suite.track import Track

Trust = Annotated[
    bool,
    typer.Option(
        "--trust-my-own-code",
        help="Run a code submission here, with your rights and no sandbox: for code of your own only.",
    ),
]


def is_submission(written: str) -> bool:
    """Whether a strategy is written as a path: with a separator in its name, or as the present folder."""
    place = written.partition(":")[0]
    return os.sep in place or place in (".", "..") or place.startswith("~")


def with_submissions(written: tuple[str, ...], track: Track, *, trust_code: bool) -> tuple[str, ...]:
    """The same strategies with each path replaced by the name under which its submission is registered now.

    Parameters stay: `./my-method:neighbours=5` becomes `my-method:neighbours=5`. Raises what `load` raises.
    """
    return tuple(_loaded(one, track, trust_code) if is_submission(one) else one for one in written)


def _loaded(written: str, track: Track, trust_code: bool) -> str:
    from suite.intake.loading import load

    place, colon, parameters = written.partition(":")
    made = load(Path(place).expanduser(), track=track, trust_code=trust_code)
    return made.info.name + colon + parameters
