"""Golden picks on other kinds of processor, as far as one can be made to compute like another."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

BASELINE = Path(__file__).parents[1] / "golden" / "regression.json"
OLD = {
    "OPENBLAS_CORETYPE": "Nehalem",
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX2 FMA3",
}
KINDS = {"haswell": {"OPENBLAS_CORETYPE": "Haswell"}, "skylake": {"OPENBLAS_CORETYPE": "SkylakeX"}, "no-avx": OLD}


@pytest.mark.long
@pytest.mark.skipif(platform.machine() != "x86_64", reason="kinds of processor are named for x86-64")
@pytest.mark.parametrize("kind", KINDS)
def test_picks_are_the_same_and_metrics_nearly(kind: str) -> None:
    command = [sys.executable, "-m", "suite.commands.main", "regress", "-b", str(BASELINE), "--untimed", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **KINDS[kind]})
    strategies = json.loads(done.stdout)["strategies"]
    assert len(strategies) >= 17
    for spec, judged in strategies.items():
        aspects = judged["aspects"]
        assert aspects["picks"]["verdict"] == "identical", (spec, aspects["picks"])
        # The processor still has its own name here, so the wider tolerance of other processors does not apply.
        assert set(aspects["metrics"]["numbers"]) <= {"cluster-inertia"}, (spec, aspects["metrics"])
