"""`breadth publish-space`: a board of one's own on the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from suite.errors import HubRefused, HubUnavailable

if TYPE_CHECKING:
    from leaderboard.space.publication import Part, Survey, Wish


def publish_space(
    space: Annotated[str, typer.Argument(metavar="ORG/NAME", help="The Space, as in the address of its page.")],
    results: Annotated[
        str | None,
        typer.Option(
            metavar="ORG/NAME",
            help="The dataset repository of the results. Default: that of the Space, else ORG/NAME-results.",
        ),
    ] = None,
    requests: Annotated[
        str | None,
        typer.Option(
            metavar="ORG/NAME", help="That of the requests. Default: that of the Space, else ORG/NAME-requests."
        ),
    ] = None,
    title: Annotated[str | None, typer.Option(help="What the Space is called. Default: what it is called now.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Whatever is created is for members of ORG only.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
) -> None:
    """Create a board on the Hub, or bring one up to this version: the page as a Space, and two dataset repositories.

    The Space gets the page of this installation with pinned requirements; the repositories of results and requests get
    a card each, unless somebody has written one. Whatever is there already and has not changed is left alone, so that
    the command can be stopped and repeated. Sign in first with `hf auth login`, or set HF_TOKEN.

    Examples:

      breadth publish-space my-org/board --dry-run

      breadth publish-space my-org/board --title "Which data should we fine-tune on?"

      breadth publish-space my-org/board --results my-org/results --private
    """
    from leaderboard.space.contents import page_files
    from leaderboard.space.publication import Wish, carry_out, survey

    wish = Wish(space, results, requests, title, private)
    files = page_files()
    if dry_run:
        _foretell(wish, files)
        return
    found = survey(wish, files)
    changed = carry_out(found, _say)
    if not changed:
        _say("Everything is as it should be: no commit was made.")
    for note in found.notes:
        _say(note)
    _say(f"The page: {_address(found.names.space)}" + (" (a Space takes a few minutes to build)" if changed else ""))
    _say(f"Its results: breadth push --store hf://datasets/{found.names.results} --from file:FOLDER")


def _foretell(wish: Wish, files: Mapping[str, bytes]) -> None:
    """Print what publishing would do; what the Hub alone knows is left out where it cannot be asked."""
    from leaderboard.space.publication import survey

    _say(
        f"The files of the Space, {len(files):,} with {sum(map(len, files.values())) / 1024:,.0f} KB, and a README.md:"
    )
    for path, content in files.items():
        _say(f"{len(content):>10,}  {path}")
    _say("Its requirements:")
    for line in files["requirements.txt"].decode().splitlines()[1:]:
        _say(f"            {line}")
    try:
        found = survey(wish, files, write=False)
    except (HubRefused, HubUnavailable) as error:
        _say(f"What is on the Hub already is not known: {error}")
        return
    _foretell_hub(found)


def _foretell_hub(found: Survey) -> None:
    for part in found.parts:
        _say(f"{part.repository.url}: {_would(part)}.")
        for note in part.foreseen.notes:
            _say(f"{part.repository.url}: {note}")
    for key in found.unset:
        _say(f"{found.parts[-1].repository.url}: its variable {key} would be {found.variables[key]}.")
    for note in found.notes:
        _say(note)
    _say("Nothing was done. Whether you may do it is asked when you do.")


def _would(part: Part) -> str:
    from leaderboard.space.publication import summary

    would = f"would get {summary(part.foreseen)}" if part.foreseen else "has everything"
    return would if part.exists else f"would be created, {'private' if part.private else 'public'}, and {would}"


def _address(space: str) -> str:
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/spaces/{space}"


def _say(line: str) -> None:
    # Not through a console that wraps: addresses and commands are to be copied.
    typer.echo(line)
