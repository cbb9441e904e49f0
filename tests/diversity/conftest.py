"""The pool that the tests of metrics share."""

from __future__ import annotations

import pytest
from measured import Bench, text_pool


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Metrics of a pool of random texts."""
    return Bench(text_pool(), tmp_path_factory.mktemp("features"))
