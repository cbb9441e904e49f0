"""One base model that vLLM's CPU build can run, and adapters of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_models import build_tiny_base, save_adapters

ALL_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny base whose heads are 32 wide, the least that vLLM computes on a processor."""
    return build_tiny_base(tmp_path_factory.mktemp("vllm") / "base", hidden=64)


@pytest.fixture(scope="session")
def adapters(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Four adapters of that base: two of attention alone, two of every projection."""
    folder = tmp_path_factory.mktemp("adapters")
    made = save_adapters(base, folder / "some", 2) + save_adapters(base, folder / "all", 2, target_modules=ALL_LINEAR)
    return {f"adapter-{number}": path for number, path in enumerate(made)}
