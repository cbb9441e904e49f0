"""The checks for a GPU run on a processor with a tiny model, go on where they stopped, and write their table."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "run_all.sh"


def run(part: str, tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    import sys

    environment = {
        "PYTHON": sys.executable,
        "GPU_STATE": str(tmp_path / "state"),
        "OUT": str(tmp_path / "out"),
        "GPU_LIMIT": "1000",
    }
    return subprocess.run(
        [str(SCRIPT), part, *options], capture_output=True, text=True, env={**os.environ, **environment}
    )


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_every_part_measures_and_lands_in_the_table(tmp_path: Path) -> None:
    done = run("all", tmp_path, "--device", "cpu", "--tiny")
    assert done.returncode == 0, done.stderr
    table = json.loads((tmp_path / "out" / "table.json").read_text())
    assert {row["part"] for row in table["rows"]} == {"features", "training", "engine", "cost", "memory"}
    by_name = {row["what"]: row for row in table["rows"]}
    assert by_name["full: model FLOP utilisation"]["value"] == "unknown"
    assert by_name["full: weights of two runs (strict)"]["value"] == "the same"
    assert by_name["2 adapters: answers of both"]["value"] == "the same"
    tags = by_name["tags by the transformers engine, prompts and answers included: share of the plain generation"]
    assert (tags["part"], tags["target"]) == ("features", ">=0.85")
    assert by_name["answers after its rest"]["value"] == "the same"
    assert all(row["value"] > 0 for row in table["rows"] if row["unit"] == "tokens/s")
    assert "say nothing" in (tmp_path / "out" / "table.md").read_text()
    # What was measured is not measured again: times and all stay as they are.
    (tmp_path / "state" / "engine.json").unlink()
    before = {path.name: path.read_bytes() for path in (tmp_path / "state").glob("*.json")}
    again = run("engine", tmp_path, "--device", "cpu", "--tiny")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "state" / "engine.json").is_file()
    assert all((tmp_path / "state" / name).read_bytes() == content for name, content in before.items())
    assert len(json.loads((tmp_path / "out" / "table.json").read_text())["rows"]) == len(table["rows"])


def test_without_a_gpu_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    done = run("memory", tmp_path)
    assert done.returncode != 0
    assert "No GPU" in done.stderr
