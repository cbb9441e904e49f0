"""The one family of errors that Breadth raises on purpose.

Every error says what happened, where, and what to do next, in one or two sentences. The command line
prints that text and exits non-zero; `--debug` shows the traceback as well.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BreadthError(Exception):
    """Something went wrong that its reader can mend; the message says how."""

    exit_code = 1


class Interrupted(BreadthError):  # noqa: N818 - the person stopped it; nothing is wrong
    """Somebody pressed Ctrl-C."""

    exit_code = 130

    def __init__(self) -> None:
        super().__init__("Stopped. What was finished is kept; the same command goes on from there.")


class UsageError(BreadthError):
    """A name, a parameter or an option on the command line is wrong."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A track, strategy, metric or task of that name does not exist."""

    def __init__(self, kind: str, name: str, known: Iterable[str]):
        names = sorted(known)
        super().__init__(
            f"There is no {kind} {name!r}.{did_you_mean(name, names)} Known: {', '.join(names) or 'none'}."
        )


class ParameterError(UsageError):
    """A strategy or metric was given a parameter it does not have, or a value of the wrong type."""


class TrackError(BreadthError):
    """A track file breaks a rule; the message names file, key and rule."""


class PoolError(BreadthError):
    """A pool cannot be read, or is not the one a track pins."""


class SelectionError(BreadthError):
    """A strategy returned something that is not a selection, or a selection file is wrong."""


class FeatureError(BreadthError):
    """A feature cannot be computed or was asked for without being declared."""


class TrainingError(BreadthError):
    """A fine-tune cannot run or did not end well."""


class EvaluationError(BreadthError):
    """A task or an engine cannot run."""


class EngineError(EvaluationError):
    """An engine cannot start, ran out of memory, or died; what it was asked can be asked again."""


class FigureError(BreadthError):
    """A figure cannot be drawn: no browser, or one that fails."""


class StorageError(BreadthError):
    """A file cannot be written or read: disk full, no permission, truncated."""


class StoreError(BreadthError):
    """A results store cannot be opened, or holds something that is not a result."""


class StoreConflict(StoreError):  # noqa: N818 - nothing is wrong: somebody else was faster
    """A conditional write found another content than the one it was to replace."""


class RegressionError(BreadthError):
    """A baseline cannot be read, or nothing can be held against it."""

    exit_code = 2


class HubUnavailable(StoreError):  # noqa: N818 - a state of the Hub that passes by itself
    """The Hub cannot be reached or does not answer as it should; the same call may succeed later."""


class HubRefused(StoreError):  # noqa: N818 - likewise, but somebody has to act
    """The Hub refuses the call: the token, the permissions or the repository's name are wrong."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` (with its leading space) when something close exists, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=2, cutoff=0.6)
    if not close:
        return ""
    return " Did you mean " + " or ".join(repr(match) for match in close) + "?"
