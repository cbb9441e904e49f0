"""The tiny track, and ways to run and read it; shared by the tests of the runner."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from suite.home import default_store
from suite.runner.experiment import Experiment
from suite.stores.url import open_store
from suite.track import load_track

TINY = Path(__file__).parent / "tracks" / "tiny.toml"


def experiment() -> Experiment:
    """The tiny track over the store of the present BREADTH_HOME."""
    return Experiment(
        track=load_track(str(TINY)),
        store=open_store(default_store()),
        notify=lambda message: None,
        progress=lambda title: lambda done, total: None,
    )


def command(*arguments: str) -> list[str]:
    """The command line of a `breadth` call with this interpreter."""
    return [sys.executable, "-m", "suite.commands.main", *arguments]


def command_in_process(*arguments: str) -> str:
    """What a `breadth` call prints, made in this process (its workers are processes as ever); errors come through."""
    from typer.testing import CliRunner

    from suite.commands.main import application

    outcome = CliRunner().invoke(application(), list(arguments), catch_exceptions=False, env={"COLUMNS": "200"})
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout


def whole_command(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """All of a `breadth` call, made in this process: what it prints on both streams, errors too, and its exit status.

    Its workers are processes as ever, and of one home after the other they are forked from the same one: libraries
    load once for all tests that run something so. What is no error of Breadth's own comes through.
    """
    from suite.commands.main import run

    status, printed, errors = 0, io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(errors):
        patch.setattr(sys, "argv", ["breadth", *arguments])
        for name, value in {"COLUMNS": "200", **(environment or {})}.items():
            patch.setenv(name, value)
        try:
            run()
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return subprocess.CompletedProcess(["breadth", *arguments], status, printed.getvalue(), errors.getvalue())


def stored_results(home: Path) -> dict[str, bytes]:
    """Every file of the store, by its path."""
    store = home / "store"
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted(store.rglob("*.json"))}
