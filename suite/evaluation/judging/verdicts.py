"""Verdicts: read strictly from what a judge wrote, and kept, so that no prompt is put to a judge twice."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from suite.atomic import sqlite_code, storage_errors
from suite.errors import EvaluationError, StorageError

Preference = Literal["A", "B", "tie"]

LABELS: Mapping[str, Preference] = {
    "A": "A",
    "A>B": "A",
    "A>>B": "A",
    "B": "B",
    "B>A": "B",
    "B>>A": "B",
    "C": "tie",
    "A=B": "tie",
}
MOST_UNREADABLE = 0.1
"""Share of verdicts that may be unreadable; beyond it the judge, not the model, would decide the value."""
PATIENCE = 60.0
"""Seconds that a process waits for another that keeps verdicts."""
NO_STORE = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""What SQLite says of a file that is damaged, or of another kind."""


def read_preference(text: str) -> Preference | None:
    """The answer a judge prefers, from labels such as [[A]] (or Arena-Hard's [[A>>B]]); [[C]] and [[A=B]] are ties.

    None where there is no label, or labels that say different things: nothing is guessed.
    """
    found = {LABELS[label] for label in re.findall(r"\[\[([ABC]|[AB]>{1,2}[AB]|A=B)\]\]", text) if label in LABELS}
    return found.pop() if len(found) == 1 else None


def read_grade(text: str) -> float | None:
    """A grade from 1 to 10, written as [[8]] or [[7.5]]; None where there is none, several, or one out of range."""
    found = {float(grade) for grade in re.findall(r"\[\[(\d{1,2}(?:\.\d+)?)\]\]", text)}
    grade = found.pop() if len(found) == 1 else 0.0
    return grade if 1 <= grade <= 10 else None


def check_readable(unreadable: Sequence[str], asked: int, task: str, judge: str) -> None:
    """Raise EvaluationError when a judge wrote too much that is no verdict; `unreadable` are those texts."""
    if len(unreadable) > MOST_UNREADABLE * asked:
        raise EvaluationError(
            f"Task {task}: the judge {judge} gave no readable verdict on {len(unreadable)} of {asked} prompts (it "
            f"wrote {unreadable[0][:80]!r}). Choose a judge that follows instructions: verdicts are [[A]] or [[8]]."
        )


class VerdictStore:
    """What one judge wrote, by the sha256 of the prompt's token ids: a file that several processes may share."""

    def __init__(self, path: Path) -> None:
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        with self._open() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS verdicts "
                "(prompt TEXT PRIMARY KEY, task TEXT, item TEXT, wrote TEXT NOT NULL)"
            )

    def known(self, prompts: Iterable[str]) -> dict[str, str]:
        """What was written on those of these prompts that were put before."""
        found = {}
        with self._open() as connection:
            for prompt in prompts:
                row = connection.execute("SELECT wrote FROM verdicts WHERE prompt = ?", (prompt,)).fetchone()
                if row is not None:
                    found[prompt] = str(row[0])
        return found

    def keep(self, verdicts: Iterable[tuple[str, str, str, str]]) -> None:
        """Keep (prompt's sha256, task, item, what was written); a prompt that another process kept first stays."""
        with self._open() as connection:
            connection.executemany("INSERT OR IGNORE INTO verdicts VALUES (?, ?, ?, ?)", verdicts)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A transaction: whole, or not at all. Raises StorageError, whatever of the file or the disk is in the way."""
        try:
            with (
                storage_errors(self.path),
                closing(sqlite3.connect(self.path, timeout=PATIENCE)) as connection,
                connection,
            ):
                yield connection
        except sqlite3.DatabaseError as error:
            if sqlite_code(error) in NO_STORE:
                raise StorageError(
                    f"{self.path} holds no verdicts that can be read ({error}); move the file away."
                ) from error
            raise StorageError(
                f"The verdicts in {self.path} could not be read or kept ({error}). Run again: those kept before stay."
            ) from error
