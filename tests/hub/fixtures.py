"""Fixtures of the fake Hub, for the conftest of every folder that needs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub.fake_hub import FakeHub
from hub.pointing import point_client


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    """A fake Hub with an empty dataset repository `org/results`."""
    with FakeHub() as running:
        running.create("org/results")
        yield running


@pytest.fixture
def pointed(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """The fake Hub, with the client of this process talking to it and to nothing else."""
    point_client(hub, tmp_path / "hf-home", monkeypatch)
    return hub
