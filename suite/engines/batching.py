"""Which requests go through the model together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Logits of one batch never take more than this many numbers (1 GiB as float32).
MAX_LOGITS = 2**28


@dataclass(frozen=True)
class Unit:
    """Requests that cannot be parted (they share a prompt): their places, adapter, length and positions with logits."""

    places: tuple[int, ...]
    adapter: str | None
    length: int
    logits: int


def by_adapter(units: Sequence[Unit]) -> dict[str | None, list[Unit]]:
    """Units of each adapter, longest first, so that rows of a batch are of like length."""
    groups: dict[str | None, list[Unit]] = {}
    for unit in units:
        groups.setdefault(unit.adapter, []).append(unit)
    for group in groups.values():
        group.sort(key=lambda unit: (unit.length, unit.logits), reverse=True)
    return groups


def batches(units: Sequence[Unit], batch_size: int, vocabulary: int) -> Iterator[list[Unit]]:
    """Cut units, in order, into batches of at most `batch_size` rows and MAX_LOGITS numbers, at least one unit each."""
    batch: list[Unit] = []
    rows = longest = 0
    for unit in units:
        rows, longest = rows + len(unit.places), max(longest, unit.logits)
        if batch and (rows > batch_size or rows * longest * vocabulary > MAX_LOGITS):
            yield batch
            batch, rows, longest = [], len(unit.places), unit.logits
        batch.append(unit)
    if batch:
        yield batch
