"""Over how many GPUs a model goes: counts that vLLM refuses are neither advised, nor taken, nor found out too late."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_track import command_in_process

from suite.cost.shapes import shape_of_named
from suite.cost.splitting import largest_split, least_split, split_of, splits_over
from suite.evaluation.judging.judge import JudgeModel
from suite.runner.preflight import CannotRun, check_card
from suite.track import HubModel, Track, load_track

LLAMA_13B = "meta-llama/Llama-2-13b-hf"
JUDGE = "meta-llama/Llama-3.3-70B-Instruct"
H100 = "NVIDIA H100 80GB HBM3, 81559 MiB"


def of_13b() -> Track:
    """The track m2m with a model of 40 attention heads."""
    model = HubModel(kind="hub", name="llama-2-13b", hub=LLAMA_13B)
    return load_track("m2m").model_copy(update={"base_models": (model,)})


def test_shares_are_whole() -> None:
    thirteen, seventy = shape_of_named(LLAMA_13B, "not pinned"), shape_of_named(JUDGE, "not pinned")
    assert [gpus for gpus in range(1, 9) if splits_over(thirteen, gpus)] == [1, 2, 4, 8]
    # Of eight heads of keys and values, each of sixteen GPUs holds one that another holds as well.
    assert [gpus for gpus in range(1, 33) if splits_over(seventy, gpus)] == [1, 2, 4, 8, 16, 32]
    assert [largest_split(seventy, there) for there in (1, 3, 5, 7, 8)] == [1, 2, 4, 4, 8]
    assert [least_split(least, thirteen, seventy) for least in (1, 3, 5)] == [1, 4, 8]
    assert least_split(3) == 3
    assert split_of("org/unknown", "not pinned", 3) == 3


@pytest.mark.parametrize(("cards", "used"), [(1, 1), (3, 2), (5, 4), (6, 4), (8, 8)])
def test_a_judge_is_split_over_as_many_gpus_as_it_can_be(
    cards: int, used: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("suite.machine.gpus", lambda: [H100] * cards)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(cards))))
    assert JudgeModel(JUDGE).gpus == used
    config = {"vocab_size": 64, "hidden_size": 64, "num_hidden_layers": 1, "intermediate_size": 960}
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_attention_heads": cards * 2}))
    assert JudgeModel(str(tmp_path)).gpus == max(n for n in range(1, cards + 1) if cards * 2 % n == 64 % n == 0)


def test_what_vllm_would_refuse_is_refused_before_anything_is_trained() -> None:
    track = of_13b()
    with pytest.raises(CannotRun) as refused:
        check_card(track, ["llama-2-13b"], H100, gpus_per_cell=3, engine="vllm")
    assert "llama-2-13b cannot be split over 3 GPUs" in str(refused.value)
    assert "40 attention heads" in str(refused.value)
    assert "Set --gpus-per-cell 2 or 4" in str(refused.value)
    check_card(track, ["llama-2-13b"], H100, gpus_per_cell=4, engine="vllm")
    # The transformers engine holds a model on one GPU, and training has layers on any number.
    check_card(track, ["llama-2-13b"], H100, gpus_per_cell=3)


def test_no_other_count_is_advised(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotRun, match="--gpus-per-cell 4"):
        check_card(of_13b(), ["llama-2-13b"], H100)  # three hold it
    # On three cards the judge would be split over two.
    with pytest.raises(CannotRun, match=r"131 GiB, and an engine takes 86 of 3 GPUs .*--gpus-per-cell 4 \(the vllm"):
        check_card(load_track("m2m"), ["llama-2-7b"], "NVIDIA L40S, 49140 MiB", gpus_per_cell=3)
    monkeypatch.delenv("BREADTH_DATA", raising=False)
    for card in ("H100", "A100-40GB"):
        printed = command_in_process("run", "--track", "m2m", "--dry-run", "--card", card)
        advised = {int(part.split()[0].strip(".,")) for part in printed.split("--gpus-per-cell")[1:]}
        assert advised
        assert advised <= {2, 4, 8, 16}, printed


@pytest.mark.parametrize("gpus", [3, 5])
def test_an_evaluation_on_gpus_that_cannot_share_a_model_is_refused(
    gpus: int, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    installed = SimpleNamespace(for_cpus=False, check_device=lambda: None)
    monkeypatch.setattr("suite.engines.vllm.finding.find_vllm", lambda: installed)
    monkeypatch.setattr("suite.machine.gpus", lambda: [H100] * 8)
    asked = ("evaluate", LLAMA_13B, "--suite", "mmlu", "--engine", "vllm", "--gpus", str(gpus))
    with pytest.raises(CannotRun, match=rf"cannot be split over {gpus} GPUs .*Set --gpus"):
        command_in_process(*asked)
