"""From a submission's archive to a request: the check with what the queue knows, and what is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from suite.intake.archive import pack, write_files
from suite.intake.check import Report, Surroundings, check_archive, known_tracks
from suite.intake.names import Taken, built_in_names
from suite.intake.overview import Listing
from suite.intake.queue import Queue
from suite.intake.requests import Declared, Request
from suite.intake.selections import declared_budgets
from suite.intake.submission import version_key
from suite.track import Track

Tracks = Mapping[str, Track]
FREE_GPU_HOURS = 1.0
"""A track that costs more than so many hours of GPU waits for a maintainer's word."""


def everything(tracks: Tracks | None = None) -> dict[str, Track]:
    """The tracks that come with Breadth, and those given beside them."""
    return known_tracks(*(tracks or {}).values())


def surroundings(
    listing: Listing, author: str | None, tracks: Tracks | None = None, *, names: Iterable[str] = ()
) -> Surroundings:
    """What a submission of `author` is held against: the built-in names and those of the requests there are, and
    the tracks that come with Breadth and those given. `names` are further ones that are nobody's to submit, for a
    machine that has not every strategy installed."""
    taken = {name: Taken() for name in names} | built_in_names()
    for request in listing.requests:
        wanted, known = request.wanted, taken.get(request.wanted.name)
        # Names of the Hub are the same whatever their case.
        own = author is not None and request.author.lower() == author.lower()
        owner = author if own else known.owner if known else request.author
        version = known.version if known else ""
        if request.state == "published" and (not version or version_key(wanted.version) > version_key(version)):
            version = wanted.version
        if own and not version:
            continue  # nothing is published under it: its author may use it as if it were new
        taken[wanted.name] = Taken(owner, version)
    return Surroundings(taken=taken, author=author, tracks=everything(tracks))


def wanted_of(report: Report, tracks: Tracks | None = None) -> Declared:
    """What a submission that passed its check asks for."""
    assert report.submission is not None, "only a submission that passed asks for anything"
    assert report.kind is not None
    asked: dict[str, tuple[int, ...]] = {}
    for track, budget in declared_budgets(report.submission, everything(tracks)):
        asked[track] = (*asked.get(track, ()), budget)
    return Declared(name=report.submission.name, version=report.submission.version, kind=report.kind, tracks=asked)


def needs_approval(wanted: Declared, tracks: Tracks | None = None) -> bool:
    """Whether a maintainer has to agree, for the cost of a track."""
    known = everything(tracks)
    return any(known[name].gpu_hours > FREE_GPU_HOURS for name in wanted.tracks)


def submit(
    queue: Queue, report: Report, *, author: str, origin: str = "", tracks: Tracks | None = None
) -> tuple[Request, bool]:
    """Queue a submission that passed its check; see `Queue.submit`. The archive kept is packed anew."""
    wanted = wanted_of(report, tracks)
    return queue.submit(
        pack(report.files),
        wanted,
        author=author,
        content_sha256=report.sha256,
        needs_approval=needs_approval(wanted, tracks),
        origin=origin,
    )


class Admission:
    """The worker's gate: unpacks a request's archive into a folder and checks it by the rules of today."""

    def __init__(self, queue: Queue, tracks: Tracks | None = None):
        self.queue, self.tracks = queue, tracks

    def __call__(self, archive: bytes, folder: Path, request: Request) -> Sequence[str]:
        """The problems, one sentence each; the folder is there when there are none."""
        report = check_archive(archive, surroundings(self.queue.listing(), request.author, self.tracks))
        if report.passed:
            write_files(report.files, folder)
        return [str(problem) for problem in report.problems]
