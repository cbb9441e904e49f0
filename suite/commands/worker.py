"""`breadth worker`: serve the queue of a board."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from suite.commands.options import DiscardModels, Lanes
from suite.errors import HubUnavailable, Interrupted, UsageError

if TYPE_CHECKING:
    from suite.commands.display import Display
    from suite.intake.queue import Queue
    from suite.intake.sandbox.selecting import SandboxedCode
    from suite.stores import Store
    from suite.track import Track


def worker(
    store: Annotated[str | None, typer.Option(help="Where results go: file:FOLDER or hf://datasets/ORG/NAME.")] = None,
    requests: Annotated[str | None, typer.Option(help="Where requests live; default: where results go.")] = None,
    tracks: Annotated[
        list[str] | None, typer.Option(help="A track to serve; repeatable. Default: what this machine can run.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End when nothing waits that this worker may take.")] = False,
    jobs: Lanes = None,
    name: Annotated[str | None, typer.Option(help="This worker's name; default: the machine's.")] = None,
    discard_models: DiscardModels = False,
) -> None:
    """Take requests one after the other, check and evaluate them, publish the results, and say so.

    SIGTERM (and Ctrl-C) drains: the request in hand is given back, with its finished cells kept. A worker that was
    killed finds its request again when it is started under the same name; under no name, others take the request
    over when its lease has run out. On the Hub it also answers the pull requests that `breadth submit` opens.

    Examples:

      breadth worker --store file:board

      breadth worker --store hf://datasets/my-org/results --requests hf://datasets/my-org/requests --tracks microworld
    """
    from rich.console import Console

    from suite.commands.display import Display
    from suite.commands.queue_lines import requests_url
    from suite.home import home
    from suite.intake.admission import Admission
    from suite.intake.queue import Queue
    from suite.intake.running import RunnerEvaluator, served_tracks
    from suite.intake.worker import QueueWorker
    from suite.runner.executors import count_lanes
    from suite.stores import open_store

    results = open_store(requests_url(store))
    asked = open_store(requests) if requests else results
    called, lanes = name or _machine_name(), count_lanes(jobs)
    with Display(Console(stderr=True, soft_wrap=True)) as display:
        served = served_tracks(tracks, results, notify=display.say)
        for opened in (results, asked):
            _check_access(opened, display)
        queue = Queue(asked)
        code = _sandboxed(results, served, display)
        evaluator = RunnerEvaluator(
            results,
            served,
            jobs=lanes,
            notify=display.say,
            progress=display.work,
            publishing=lambda target, track: _published(target, track, display),
            discard_models=discard_models,
            code=code,
        )
        serving = QueueWorker(
            queue,
            evaluator,
            Admission(queue, served),
            name=_checked_name(called),
            tracks=sorted(served),
            folder=home() / "workers" / called,
            sandbox=code is not None,
            notify=display.say,
            intake=lambda: _answer(queue, display, served),
        )
        display.say(f"{called} serves {', '.join(sorted(served))} from {asked.url}; results go to {results.url}.")
        with serving.signals():
            done = serving.run(once=once)
    Console(soft_wrap=True).print(f"{done} request(s) brought to an end.", highlight=False)
    if serving.interrupted:
        raise Interrupted


def _sandboxed(store: Store, tracks: dict[str, Track], display: Display) -> SandboxedCode | None:
    """What selects with the code of others; None, with the reason told, where this machine cannot isolate it."""
    from suite.intake.sandbox.isolation import SandboxMissing, find_isolation
    from suite.intake.sandbox.limits import Limits
    from suite.intake.sandbox.selecting import SandboxedCode
    from suite.intake.sandbox.supervise import fitted

    try:
        isolation = find_isolation()
    except SandboxMissing as error:
        display.say(f"{error} Until then this worker leaves code submissions to others; index-only ones are served.")
        return None
    return SandboxedCode(store, tracks, isolation, limits=fitted(Limits()), notify=display.say, progress=display.work)


@contextmanager
def _published(store: Store, track: Track, display: Display) -> Iterator[None]:
    """Publish results while the block runs. Raises HubUnavailable while any of them waits on this disk."""
    from suite.commands.publication import published
    from suite.stores.hub.store import HubStore

    with published(store, track, display) as publication:
        yield
    if publication is not None and publication.trouble:
        if isinstance(store, HubStore) and store.waiting():
            raise HubUnavailable(f"The results are not published yet: {publication.trouble}")
        display.say(publication.trouble)


def _answer(queue: Queue, display: Display, tracks: dict[str, Track]) -> None:
    from suite.stores.hub.store import HubStore

    if isinstance(queue.store, HubStore):
        from suite.intake.pull_requests import answer_all

        answer_all(queue, queue.store, display.say, tracks)


def _check_access(store: Store, display: Display) -> None:
    """Raise HubRefused where nothing could be written: better known now than after hours of work."""
    from suite.stores.hub.store import HubStore

    if isinstance(store, HubStore):
        try:
            store.check(write=True)
        except HubUnavailable as error:
            display.say(str(error))


def _machine_name() -> str:
    import platform

    return re.sub(r"[^A-Za-z0-9-]+", "-", platform.node()).strip("-") or "worker"


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?", name):
        raise UsageError(f"{name!r} is no worker's name: write up to 96 letters, digits, hyphens, points, underscores.")
    return name
