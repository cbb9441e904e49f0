"""Which GPUs a process may use: what the driver lists, less what CUDA_VISIBLE_DEVICES hides."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.machine import visible_gpus


@pytest.fixture
def two_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver tool that lists two cards."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'Card, 80 GiB'\necho 'Card, 80 GiB'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_without_the_variable_all_are_usable(two_cards: None) -> None:
    assert visible_gpus() == ("0", "1")


@pytest.mark.parametrize(
    ("named", "usable"),
    [("1", ("1",)), ("1, 0", ("1", "0")), ("GPU-4a", ("GPU-4a",)), ("", ()), ("-1", ()), ("0,-1,1", ("0",))],
)
def test_the_variable_says_which_and_in_what_order(
    two_cards: None, monkeypatch: pytest.MonkeyPatch, named: str, usable: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert visible_gpus() == usable


def test_where_no_driver_is_there_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert visible_gpus() == ()
