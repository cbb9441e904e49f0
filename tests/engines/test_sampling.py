"""Sampled tokens follow their distribution, cut where asked, and hang on a request's own seed alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from suite.engines.protocol import GenerationRequest
from suite.engines.sampling import Chooser
from suite.engines.transformers import TransformersEngine

LOGITS = torch.tensor([0.0, 2.0, 1.0, -1.0, 2.0])


def drawn(count: int, **changes: float) -> np.ndarray:
    """Tokens that `count` requests of different seeds draw from LOGITS in their first step."""
    requests = [GenerationRequest((0,), 1, (), seed=seed, **changes) for seed in range(count)]  # type: ignore[arg-type]
    return Chooser(requests).next_tokens(LOGITS.expand(count, -1).clone(), range(count)).numpy()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_follow_the_softmax(temperature: float) -> None:
    from scipy.stats import chisquare

    counts = np.bincount(drawn(4000, temperature=temperature), minlength=5)
    expected = (LOGITS.double() / temperature).softmax(0).numpy() * 4000
    assert chisquare(counts, expected).pvalue > 1e-4


def test_top_p_keeps_the_likeliest_and_their_proportions() -> None:
    counts = np.bincount(drawn(2000, temperature=1.0, top_p=0.5), minlength=5)
    assert set(np.flatnonzero(counts)) == {1, 4}
    assert counts[1] == pytest.approx(1000, abs=150)
    assert set(drawn(200, temperature=1.0, top_p=1e-6).tolist()) == {1}


def test_no_temperature_is_the_likeliest_token() -> None:
    assert set(drawn(20).tolist()) == {1}
    assert set(drawn(20, temperature=1e-6).tolist()) <= {1, 4}


def test_a_text_hangs_on_its_own_seed_and_not_on_its_neighbours(tiny_base: Path) -> None:
    engine = TransformersEngine(tiny_base, batch_size=4, device="cpu")
    requests = [GenerationRequest((0, 5 + n % 3), 8, (), None, 1.5, 0.9, seed=n) for n in range(9)]
    together = engine.generate([*requests, GenerationRequest((0, 5), 8, ())])
    assert together[:9] == [engine.generate([request])[0] for request in requests]
    assert together[9] == engine.generate([GenerationRequest((0, 5), 8, ())])[0]
    assert len({tuple(ids) for ids in together}) > 5
    engine.close()
