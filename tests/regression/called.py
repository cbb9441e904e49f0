"""`breadth regress` called in this process, as the tests of regressions do it."""

from __future__ import annotations

from typer.testing import CliRunner

from suite.commands.main import application


def regress(*arguments: str, status: int = 0, answer: str | None = None) -> str:
    """What it prints; its exit status must be `status`, and errors come through."""
    done = CliRunner().invoke(
        application(),
        ["regress", *arguments],
        catch_exceptions=False,
        input=answer,
        env={"COLUMNS": "200"},
    )
    assert done.exit_code == status, done.output
    return done.stdout
