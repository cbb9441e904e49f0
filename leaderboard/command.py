"""`breadth leaderboard`: the public page for a store, served from this machine and opened in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import socket


def leaderboard(
    store: Annotated[
        str | None, typer.Option(help="Where the results are: file:FOLDER, hf://datasets/ORG/NAME.")
    ] = None,
    requests: Annotated[
        str | None, typer.Option(help="Where requests are; default: the local store, where it holds some.")
    ] = None,
    port: Annotated[int, typer.Option(help="The port; 0 takes any that is free.", min=0, max=65535)] = 7860,
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
    refresh: Annotated[float, typer.Option(help="Seconds between two looks at the store.", min=1)] = 30,
) -> None:
    """Show the results of a store as the public page: who beats random, by how much, how sure, and at what cost.

    Nothing is computed that was not run, and nothing is fetched but the store itself. Stop it with Ctrl-C. With
    requests the page shows the queue and takes submissions: on a local store under the name that somebody gives.

    Examples:

      breadth leaderboard

      breadth leaderboard --store file:docs/results/store

      breadth leaderboard --store file:board --requests file:board

      breadth leaderboard --store hf://datasets/my-org/results --host 0.0.0.0 --no-open
    """
    from suite.extras import require
    from suite.home import default_store

    require("board", "The page")
    from leaderboard.requests_reader import open_requests, requests_beside
    from leaderboard.source import Source, open_reader

    url = store or default_store()
    open_reader(url)  # an address that is none is an error of the command, not a page that says so
    queue = requests or requests_beside(url)
    if queue is not None:
        open_requests(queue)
    with bound(host, port) as listening:
        from leaderboard.app import build

        source = Source(url, requests=queue, seconds=refresh)
        _serve(build(source), source, listening, open_browser)


def bound(host: str, port: int) -> socket.socket:
    """A socket bound to a host and port. Raises UsageError where that cannot be."""
    import socket

    from suite.errors import UsageError

    try:
        # Without waiting for the last connections of a server that has just ended here.
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        reason = f"{error.strerror or error}".lower()
        hint = "Choose another with --port, or 0 for any that is free." if port else "Name an address of this machine."
        raise UsageError(f"Cannot listen on {host}, port {port}: {reason}. {hint}") from error


def _serve(app: object, source: object, listening: socket.socket, open_browser: bool) -> None:
    """Serve until Ctrl-C; the browser is opened when the page can be read."""
    import threading
    import webbrowser

    import uvicorn

    from leaderboard.source import Source

    assert isinstance(source, Source)
    host, port = listening.getsockname()[:2]
    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "::1") else host
    address = f"http://{shown}:{port}/"
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))  # type: ignore[arg-type]
    typer.echo(f"Reading {source.snapshot().url} ...", err=True)
    source.start()
    if source.snapshot().trouble:
        typer.echo(source.snapshot().trouble, err=True)
    typer.echo(f"The page is at {address} (Ctrl-C ends it).", err=True)
    if open_browser:
        threading.Timer(0.5, webbrowser.open, [address]).start()
    try:
        server.run(sockets=[listening])
    finally:
        source.stop()
