"""`breadth queue`: what waits, what runs, who serves; and what maintainers may do."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.commands.options import RequestsOption
from suite.errors import UsageError

ACTIONS = ("list", "approve", "requeue", "cancel")


def queue(
    action: Annotated[str, typer.Argument(help="list, or for maintainers: approve, requeue, cancel.")] = "list",
    request: Annotated[str | None, typer.Argument(help="For the others: an id, its beginning, or a name.")] = None,
    requests: RequestsOption = None,
    format: Annotated[str, typer.Option(help="table or json.")] = "table",
    note: Annotated[str, typer.Option(help="For cancel: the reason, which everybody sees.")] = "",
) -> None:
    """List the queue: places, ages, states, reasons, workers and whether they live, the median turnaround.

    Maintainers, who need write access: `approve` lets a request run whose track costs more than an hour of GPU,
    `requeue` takes one from its worker or gives a failed one a new round, `cancel` ends one.

    Examples:

      breadth queue

      breadth queue approve 1a2b3c4d --requests hf://datasets/my-org/requests

      breadth queue --format json
    """
    import json

    from rich.console import Console

    from suite.commands.queue_lines import as_plain, print_queue, requests_url, the_one
    from suite.intake.identity import who
    from suite.intake.overview import overview
    from suite.intake.queue import Queue
    from suite.stores import open_store
    from suite.stores.hub.store import HubStore

    if action not in ACTIONS:
        raise UsageError(f"There is no action {action!r}. Choose among: {', '.join(ACTIONS)}.")
    if format not in ("table", "json"):
        raise UsageError(f"There is no format {format!r}. Choose table or json.")
    if (request is None) != (action == "list"):
        raise UsageError(f"`breadth queue {action}` {'takes no' if request else 'needs the id of a'} request.")
    console = Console(soft_wrap=True)
    opened = Queue(open_store(requests_url(requests)))
    listing = opened.listing()
    if opened.store.trouble:
        Console(stderr=True, soft_wrap=True).print(f"{opened.store.trouble} Shown is what was seen before.")
    if request is None:
        now = opened.clock()
        view = overview(listing, now)
        if format == "json":
            print(json.dumps(as_plain(view), indent=1, ensure_ascii=False))
        else:
            print_queue(view, now, console)
        return
    if isinstance(opened.store, HubStore):
        opened.store.check(write=True)
    found, name = the_one(listing, request), who(opened.store, None)
    if action == "approve":
        changed = opened.approve(found.id, name)
    elif action == "requeue":
        changed = opened.requeue(found.id, name)
    else:
        changed = opened.withdraw(found.id, name, note or "cancelled by a maintainer")
    console.print(f"Request {changed.id} is {changed.state}.", highlight=False)
