"""The fake Hub, and the real client of this process turned towards it."""

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


@pytest.fixture(autouse=True)
def pointed(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client talks to the fake Hub and to nothing else."""
    point_client(hub, tmp_path / "hf-home", monkeypatch)
