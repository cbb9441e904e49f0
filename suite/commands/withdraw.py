"""`breadth withdraw`: take one's own request back."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.commands.options import RequestsOption
from suite.errors import UsageError


def withdraw(
    request: Annotated[str, typer.Argument(help="An id, its beginning, or a submission's name.")],
    requests: RequestsOption = None,
    author: Annotated[
        str | None, typer.Option(help="Your name on a local board; on the Hub you are signed in.")
    ] = None,
) -> None:
    """Take a request of your own back, whether it waits or runs. Results that are recorded already stay.

    On the Hub the wish goes as a pull request, which a worker answers; a submission that no worker has taken over yet
    is taken back at once.

    Examples:

      breadth withdraw my-method

      breadth withdraw 1a2b3c4d --requests hf://datasets/my-org/requests
    """
    from rich.console import Console

    from suite.commands.queue_lines import requests_url, the_one
    from suite.intake.identity import who
    from suite.intake.queue import Queue
    from suite.stores import open_store
    from suite.stores.hub.store import HubStore

    console = Console(soft_wrap=True)
    queue = Queue(open_store(requests_url(requests)))
    name = who(queue.store, author)
    if isinstance(queue.store, HubStore):
        from suite.intake.pull_requests import send_withdrawal, sent, take_back

        waiting = [one for one in sent(queue.store, name) if one.title.startswith(f"Submit {request} ")]
        if waiting:
            take_back(queue.store, waiting[0])
            console.print(f"Closed pull request {waiting[0].number}; nothing had been taken over yet.", highlight=False)
            return
    found = the_one(queue.listing(), request)
    if found.author.lower() != name.lower():
        raise UsageError(f"Request {found.id} is by {found.author}, and you are {name}. Only its author takes it back.")
    if isinstance(queue.store, HubStore):
        if not found.active:
            raise UsageError(f"Request {found.id} is {found.state} already; that is final.")
        proposal, _ = send_withdrawal(queue.store, found, author=name)
        console.print(f"Asked for in pull request {proposal.number}: {proposal.url}", highlight=False)
        return
    queue.withdraw(found.id, name, "withdrawn by its author")
    console.print(f"Request {found.id} is withdrawn.", highlight=False)
