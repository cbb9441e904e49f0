"""What a sandboxed piece of code may use."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """The limits of one run. Memory and processor time are those of all its processes together.

    `memory` leaves out `tmp` and `shared` (the two places that can be written, both of them in memory) and what is
    only mapped from files, such as the features.
    """

    wall_seconds: float = 3600.0
    cpu_seconds: float = 3600.0
    memory: int = 8192 * MIB
    processes: int = 64
    open_files: int = 512
    files: int = 100_000
    file_bytes: int = 256 * MIB
    tmp: int = 512 * MIB
    shared: int = 64 * MIB
    printed: int = 16 * MIB
    """Of standard output and error together; more ends the run."""
    answer: int = 32 * MIB
    """Bytes of what it hands out: far more than the ids of the largest pool."""
