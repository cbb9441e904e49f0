"""`breadth status`: how a request fares."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from suite.commands.options import RequestsOption


def status(
    request: Annotated[str | None, typer.Argument(help="An id, its beginning, or a submission's name.")] = None,
    requests: RequestsOption = None,
    author: Annotated[str | None, typer.Option(help="Whose requests to list on a local board.")] = None,
    log: Annotated[bool, typer.Option("--log", help="Print the log of the latest attempt that ended.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the record.")] = False,
) -> None:
    """Show a request's state, place in the queue, history and reasons; without one, list your own requests.

    Examples:

      breadth status

      breadth status my-method --log
    """
    from rich.console import Console

    from suite.commands.queue_lines import print_queue, print_request, requests_url, the_one
    from suite.intake.identity import who
    from suite.intake.overview import overview, read_listing
    from suite.intake.queue import Queue
    from suite.stores import open_store
    from suite.stores.hub.store import HubStore

    console = Console(soft_wrap=True)
    queue = Queue(open_store(requests_url(requests)))
    listing, now = read_listing(queue.store), queue.clock()
    if queue.store.trouble:
        Console(stderr=True, soft_wrap=True).print(f"{queue.store.trouble} Shown is what was seen before.")
    view = overview(listing, now)
    if request is not None:
        found = the_one(listing, request)
        if json:
            print(found.model_dump_json(indent=1))
        elif log:
            written = queue.log(found)
            print(written, end="")
            if not written:
                Console(stderr=True, soft_wrap=True).print("There is no log yet: it is kept when an attempt has ended.")
        else:
            print_request(found, view, now, console)
        return
    name = who(queue.store, author)
    listing.requests = [one for one in listing.requests if one.author.lower() == name.lower()]
    # Places are those among everybody's requests.
    mine = {one.id for one in listing.requests}
    own = overview(listing, now)
    waiting = tuple(one for one in view.waiting if one.request.id in mine)
    if json:
        print("[" + ",\n ".join(one.model_dump_json() for one in listing.requests) + "]")
        return
    console.print(f"Requests by {name} in {queue.store.url}:", highlight=False)
    print_queue(replace(own, waiting=waiting), now, console)
    if isinstance(queue.store, HubStore):
        from suite.intake.pull_requests import sent

        for proposal in sent(queue.store, name):
            console.print(f"Pull request {proposal.number} waits for a worker: {proposal.url}", highlight=False)
