"""The reference of commands, from the command itself: what each does, its arguments and options, its examples."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from handbook.markdown import code, commands, table

ORDER = (
    ("Look", ("doctor", "tracks", "strategies", "metrics")),
    ("Select and measure", ("select", "measure", "levels", "overlap", "replay", "contamination")),
    ("Fine-tune and rank", ("run", "board", "report", "ladder", "correlate", "recompute")),
    ("Submit", ("init", "check", "submit", "status", "withdraw")),
    ("Host a board", ("leaderboard", "publish-space", "push", "pull", "worker", "queue")),
)
"""The verbs in the order somebody meets them; one that is not listed comes last."""


@cache
def registered() -> dict[str, Any]:
    """Every verb with its click command."""
    import typer

    from suite.commands.main import application

    group: Any = typer.main.get_command(application())
    return dict(group.commands)


def page() -> str:
    """The whole reference."""
    known = registered()
    placed = {name for _, names in ORDER for name in names}
    groups = [*ORDER, ("Others", tuple(sorted(known.keys() - placed)))]
    parts = [
        "# Commands",
        "`breadth COMMAND --help` says the same in a terminal. Every error is one sentence that says what to do; "
        "`--debug` shows its traceback. A command that needs an extra names it.",
    ]
    for title, names in groups:
        if names:
            parts.append(f"## {title}")
            parts += [_command(name, known[name]) for name in names]
    return "\n\n".join(parts) + "\n"


def _command(name: str, command: Any) -> str:
    text, _, examples = (command.help or "").partition("Examples:")
    rows = [_parameter(parameter) for parameter in command.params if "help" not in parameter.name]
    # An example that is too long for its line goes on in the next; a blank line ends it.
    rest = [" ".join(part.split()) for part in re.split(r"\n\s*\n", examples) if part.strip()]
    shown = [part for part in rest if part.startswith("breadth ")]
    after = [part for part in rest if part not in shown]
    parts = [f"### breadth {name}", _plain(text), table(("option", "default", "what it says"), rows)]
    if shown:
        parts += [commands(*shown), *after]
    return "\n\n".join(part for part in parts if part)


def _plain(text: str) -> str:
    return re.sub(r"[ \t]*\n[ \t]*(?!\n)", " ", text.strip()).replace("\x08", "")


def _parameter(parameter: Any) -> tuple[str, str, str]:
    is_argument = parameter.param_type_name == "argument"
    names = (
        [(parameter.metavar or parameter.name).upper()] if is_argument else [*parameter.opts, *parameter.secondary_opts]
    )
    default = parameter.default() if callable(parameter.default) else parameter.default
    written = "required" if parameter.required else "" if default in (None, False, ()) else str(default)
    return ", ".join(map(code, names)), code(written) if written != "required" else written, parameter.help or ""
