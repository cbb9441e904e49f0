"""Where Breadth keeps things: `BREADTH_HOME` (caches, judges' verdicts, the default store) and `BREADTH_DATA`."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """The folder for caches, verdicts and the default store: `BREADTH_HOME`, else the platform's user data folder."""
    configured = os.environ.get("BREADTH_HOME")
    return Path(configured).expanduser() if configured else Path(platformdirs.user_data_dir("breadth"))


def cache_folder() -> Path:
    """Stage outputs (features, selections, models, evaluations), each under its content key; safe to delete."""
    return home() / "cache"


def verdicts_folder() -> Path:
    """What judge models wrote, one file a judge; not to be deleted with the cache, since judging is dear to redo."""
    return home() / "verdicts"


def logs_folder() -> Path:
    """What processes print that Breadth starts; safe to delete."""
    return home() / "logs"


def default_store() -> str:
    """The URL of the local store used when `--store` is not given."""
    return f"file:{home() / 'store'}"


def data_folder() -> Path | None:
    """The folder of local copies of public data (`BREADTH_DATA`), or None when it is not set."""
    configured = os.environ.get("BREADTH_DATA")
    return Path(configured).expanduser() if configured else None
