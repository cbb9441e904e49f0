"""The agreement of a track with the others that a store has results of."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories import experiment
from reports import of_track

from suite.commands.report import gather
from suite.report.blocks import Grid, Paragraph
from suite.report.page import report_page
from suite.report.sections.tiers import tiers_section
from suite.stores import LocalStore
from suite.track import load_track

HERE = {"longest": -0.3, "k-center": 0.2, "facility-location": 0.3, "micro-response": 0.1}
# Of six pairs one is the other way round.
THERE = {"longest": -0.3, "k-center": 0.3, "facility-location": 0.2, "micro-response": 0.1}


def store_of(folder: Path, tracks: dict[str, dict[str, float]]) -> LocalStore:
    store = LocalStore(folder)
    for name, effects in tracks.items():
        for record in of_track(experiment(effects, items=400), load_track(name)):
            store.put(record)
    return store


def test_pairs_that_both_tracks_order_alike(tmp_path: Path) -> None:
    store = store_of(tmp_path, {"alpaca-cpu": HERE, "alpaca-10m": THERE, "microworld": HERE})
    material = gather(load_track("alpaca-cpu"), store, "alpaca-cpu")
    (grid,) = (block for block in tiers_section(material).blocks if isinstance(block, Grid))
    by_track = {row[0]: row for row in grid.rows}
    assert set(by_track) == {"alpaca-10m", "microworld"}
    assert by_track["alpaca-10m"][2:5] == (4, 6, pytest.approx(5 / 6))
    assert by_track["alpaca-10m"][6] == pytest.approx(4 / 6)
    assert by_track["microworld"][2:5] == (4, 6, 1.0)
    assert by_track["microworld"][5] == ""
    assert "no spread" in str(by_track["microworld"][8])
    assert "Agreement with other tracks" in report_page(material)


def test_a_store_of_one_track_says_so(tmp_path: Path) -> None:
    material = gather(load_track("alpaca-cpu"), store_of(tmp_path, {"alpaca-cpu": HERE}), "alpaca-cpu")
    (block,) = tiers_section(material).blocks
    assert isinstance(block, Paragraph)
    assert "no results of another track" in str(block)
