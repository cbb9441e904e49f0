"""Material of reports from made-up results: as if a track of the wheel had made them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from factories import experiment

from suite.commands.report import gather
from suite.report.material import Material
from suite.results import Result
from suite.stores import LocalStore
from suite.track import Track, load_track

EFFECTS = {"longest": -0.02, "k-center": 0.2, "facility-location": 0.25, "duplicate": -0.25, "oracle": 0.3}


def of_track(results: Sequence[Result], track: Track) -> list[Result]:
    """The same results as if that track had made them."""
    changes = {"track": track.name, "track_identity": track.identity, "base_model": track.base_models[0].name}
    return [record.model_copy(update={"cell": record.cell.model_copy(update=changes)}) for record in results]


def stored(folder: Path, results: Sequence[Result]) -> LocalStore:
    """A store that holds them."""
    store = LocalStore(folder)
    for record in results:
        store.put(record)
    return store


def material_of(folder: Path, results: Sequence[Result] | None = None, track: str = "alpaca-cpu") -> Material:
    """What a report of these results (by default of EFFECTS) is written from, read back from a store."""
    chosen = load_track(track)
    return gather(chosen, stored(folder, of_track(experiment(EFFECTS) if results is None else results, chosen)), track)
