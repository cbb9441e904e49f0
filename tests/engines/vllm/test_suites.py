"""`breadth evaluate --engine vllm`: laid out for the adapters it is given, whatever their rank."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_models import save_adapters
from tiny_track import command_in_process

from suite.engines.vllm.engine import LEAST_CONTEXT, VllmSettings
from suite.errors import EvaluationError, UsageError
from suite.evaluation.suite_run import Setting, vllm_settings


@pytest.fixture(scope="module")
def ranks(base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Adapters of ranks 4 and 32; vLLM has room for 16 where nobody says more."""
    folder = tmp_path_factory.mktemp("ranks")
    (small,) = save_adapters(base, folder / "small", 1)
    (large,) = save_adapters(base, folder / "large", 1, rank=32)
    return [small.rename(folder / "rank-4"), large.rename(folder / "rank-32")]


@pytest.mark.long
@pytest.mark.usefixtures("with_vllm")
def test_an_adapter_of_a_large_rank_scores_as_with_the_other_engine(
    base: Path, ranks: list[Path], breadth_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lm_eval")
    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))
    kept = {}
    for engine in ("vllm", "transformers"):
        written = tmp_path / f"{engine}.json"
        named = [word for folder in ranks for word in ("--adapter", str(folder))]
        options = ("--limit", "12", "--max-length", "256", "--engine", engine, "-o", str(written))
        said = command_in_process("evaluate", str(base), *named, "--suite", "arc-easy", *options)
        assert "rank-32" in said
        kept[engine] = json.loads(written.read_text())
    ours, theirs = kept["vllm"], kept["transformers"]
    assert ours["failures"] == theirs["failures"] == {}
    assert ours["versions"]["engine"] == "vllm, up to 16 requests of 2 adapters at once"
    assert ours["setting"]["gpus"] == 1
    for mine, its in zip(ours["scores"], theirs["scores"], strict=True):
        assert (mine["model"], mine["first_prompt_ids"]) == (its["model"], its["first_prompt_ids"])
        np.testing.assert_array_equal(mine["values"], its["values"])
    assert ours["scores"][0]["values"] != ours["scores"][1]["values"]


def test_the_engine_has_room_for_what_is_asked_and_no_more(ranks: list[Path], tmp_path: Path) -> None:
    setting = Setting(max_length=6000, gpus=2)
    assert vllm_settings(setting, ranks) == VllmSettings(context=6000, rank=32, adapters=2, gpus=2)
    assert vllm_settings(Setting(), ranks[:1]) == VllmSettings(context=LEAST_CONTEXT, rank=4, adapters=1)
    assert vllm_settings(Setting(), ranks * 20).adapters == 16
    assert vllm_settings(Setting(), ()).adapters == 0
    with pytest.raises(EvaluationError, match="no adapter in"):
        vllm_settings(Setting(), [tmp_path])
    config = tmp_path / "adapter_config.json"
    config.write_text(json.dumps({"peft_type": "LORA", "r": 8, "rank_pattern": {"layers.0": 64}}))
    assert vllm_settings(Setting(), [tmp_path]).rank == 64
    config.write_text('{"peft_type": "LORA"}')
    with pytest.raises(EvaluationError, match="cannot be read"):
        vllm_settings(Setting(), [tmp_path])


def test_more_gpus_than_there_are_are_refused(base: Path) -> None:
    with pytest.raises(UsageError, match=r"--gpus is 99, and \d+ are visible here"):
        command_in_process("evaluate", str(base), "--suite", "arc-easy", "--engine", "vllm", "--gpus", "99")
