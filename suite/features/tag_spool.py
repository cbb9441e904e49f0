"""Tagging a pool chunk by chunk, each chunk spooled to disk, so that a killed run goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from suite.atomic import write_text
from suite.errors import FeatureError
from suite.pool.pool import View
from suite.reporting import Progress

if TYPE_CHECKING:
    from suite.pool import Pool

CHUNK = 1000
LEAST_ASKED = 200
"""Texts that must have been tagged before a share of failures says anything."""


@dataclass(frozen=True)
class Tagged:
    """A tagger's answer to one text: tags as written, best first, or what made it fail."""

    tags: tuple[str, ...] = ()
    failure: str | None = None


Read = Callable[[int], list[str]]
"""The texts of a chunk, by its number."""


class Tagger(Protocol):
    """Whatever turns texts into tags."""

    def tag(self, chunks: Sequence[int], read: Read) -> Iterator[tuple[int, list[Tagged]]]:
        """Each chunk's number with the answers to its texts, in any order of chunks."""


def tag_pool(
    pool: Pool, view: View, tagger: Tagger, folder: Path, progress: Progress, *, most_failures: float
) -> list[Tagged]:
    """Answers to every sample's text, in the pool's order.

    Each chunk of CHUNK samples is one file of `folder`, written whole; chunks that lie there are not tagged again.
    Raises FeatureError with an example when more than the share `most_failures` of the texts fail.
    """
    chunks = -(-len(pool) // CHUNK)

    def read(number: int) -> list[str]:
        return list(pool.texts(view, range(number * CHUNK, min((number + 1) * CHUNK, len(pool)))))

    found: dict[int, list[Tagged]] = {}
    for number in range(chunks):
        stored = _stored(_file(folder, number), min(CHUNK, len(pool) - number * CHUNK))
        if stored is not None:
            found[number] = stored
    left = [number for number in range(chunks) if number not in found]
    _check_failures(found, most_failures, all_asked=not left)
    for number, answers in tagger.tag(left, read) if left else ():
        write_text(_file(folder, number), json.dumps([_written(answer) for answer in answers]))
        found[number] = answers
        progress(sum(map(len, found.values())), len(pool))
        _check_failures(found, most_failures, all_asked=len(found) == chunks)
    progress(len(pool), len(pool))
    return list(chain.from_iterable(found[number] for number in range(chunks)))


def _file(folder: Path, number: int) -> Path:
    return folder / f"tagged-{number:06d}.json"


def _written(answer: Tagged) -> list[str] | dict[str, str]:
    return list(answer.tags) if answer.failure is None else {"failure": answer.failure}


def _stored(path: Path, samples: int) -> list[Tagged] | None:
    """The answers of a spooled chunk; None when it is absent or not what was written."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        answers = [
            Tagged(failure=str(entry["failure"])) if isinstance(entry, dict) else Tagged(tuple(map(str, entry)))
            for entry in entries
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return answers if len(answers) == samples else None


def _check_failures(found: dict[int, list[Tagged]], most: float, *, all_asked: bool) -> None:
    answers = list(chain.from_iterable(found[number] for number in sorted(found)))
    failures = [answer.failure for answer in answers if answer.failure is not None]
    if len(failures) > most * len(answers) and (all_asked or len(answers) >= LEAST_ASKED):
        raise FeatureError(
            f"The tagger failed on {len(failures)} of {len(answers)} texts, more than the {most:.0%} allowed; for "
            f"instance: {failures[0][:200]!r}. Take another tagger, or allow more with the option failures=SHARE."
        )
