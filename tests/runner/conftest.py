"""The real command in a process of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tiny_track import command


@pytest.fixture
def breadth(own_home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the real command in a process of its own."""

    def run(
        *arguments: str, timeout: float = 180, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments),
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, "BREADTH_HOME": str(own_home), **(environment or {})},
            check=False,
        )

    return run
