"""What is read from files before vLLM starts: positions, projections, and whether an adapter is one of this base."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tiny_models import build_tiny_base, save_adapters
from tiny_track import TINY

from suite.engines.vllm.engine import VllmSettings
from suite.engines.vllm.fitting import BaseFiles, check_adapter, room_for_rank
from suite.errors import EvaluationError
from suite.track import load_track


def test_a_base_is_read_from_its_files(base: Path, tmp_path: Path) -> None:
    files = BaseFiles(base)
    assert files.positions == 256
    assert files.projections == ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
    assert files.matrices["model.layers.1.mlp.up_proj"] == (128, 64)
    with pytest.raises(EvaluationError, match="no model in"):
        BaseFiles(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(EvaluationError, match="how many positions"):
        _ = BaseFiles(tmp_path).positions
    (tmp_path / "config.json").write_text('{"text_config": {"max_position_embeddings": 9}}')
    assert BaseFiles(tmp_path).positions == 9


def test_adapters_of_this_base_fit(base: Path, adapters: dict[str, Path]) -> None:
    for folder in adapters.values():
        check_adapter(folder, BaseFiles(base), 8)


@pytest.mark.parametrize("change", [{"hidden": 48}, {"hidden": 64, "layers": 1}, {"hidden": 64, "layers": 3}])
def test_adapters_of_another_base_do_not(change: dict[str, int], adapters: dict[str, Path], tmp_path: Path) -> None:
    other = BaseFiles(build_tiny_base(tmp_path / "other", **change))
    for folder in adapters.values():
        with pytest.raises(EvaluationError, match="does not fit this base model: "):
            check_adapter(folder, other, 8)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"r": 64}, "its rank is 64, and the engine was started for 8"),
        ({"rank_pattern": {"layers.0": 32}}, "its rank is 32"),
        ({"peft_type": "IA3"}, "of type IA3"),
        ({"use_dora": True}, "magnitudes"),
        ({"modules_to_save": ["lm_head"]}, "trains whole modules"),
    ],
)
def test_adapters_that_vllm_cannot_add(
    change: dict[str, object], reason: str, base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(adapters["adapter-0"], tmp_path / "changed")
    path = tmp_path / "changed" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(EvaluationError, match=reason):
        check_adapter(tmp_path / "changed", BaseFiles(base), 8)


def test_an_adapter_of_the_output_layer_is_refused(base: Path, tmp_path: Path) -> None:
    """vLLM prepares that layer for adapters at the price of likelihoods, so it is not."""
    (folder,) = save_adapters(base, tmp_path, 1, target_modules=["q_proj", "lm_head"])
    with pytest.raises(EvaluationError, match="does not fit"):
        check_adapter(folder, BaseFiles(base), 8)


def test_damaged_and_missing_adapters(base: Path, adapters: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="no adapter in"):
        check_adapter(tmp_path, BaseFiles(base), 8)
    shutil.copy(adapters["adapter-0"] / "adapter_config.json", tmp_path)
    for content, reason in ((None, "cannot be read"), (b"cut", "cannot be read")):
        if content is not None:
            (tmp_path / "adapter_model.safetensors").write_bytes(content)
        with pytest.raises(EvaluationError, match=reason):
            check_adapter(tmp_path, BaseFiles(base), 8)
    (tmp_path / "adapter_config.json").write_text("[]")
    with pytest.raises(EvaluationError, match="holds no object"):
        check_adapter(tmp_path, BaseFiles(base), 8)


def test_ranks_that_vllm_has_room_for() -> None:
    assert [room_for_rank(rank) for rank in (1, 8, 9, 64, 200, 512)] == [8, 8, 16, 64, 256, 512]
    with pytest.raises(EvaluationError, match="rank up to 512, not 513"):
        room_for_rank(513)


def test_a_track_says_how_the_engine_is_laid_out() -> None:
    track = load_track(str(TINY))
    assert track.recipe.lora is not None
    settings = VllmSettings.of(track)
    assert settings == VllmSettings(max(track.recipe.max_length, 4096), track.recipe.lora.rank, 16, 0.9)
    layout = track.evaluation.vllm.model_copy(update={"context": 100, "adapters": 3, "memory_share": 0.5})
    evaluation = track.evaluation.model_copy(update={"vllm": layout})
    changed = track.model_copy(update={"evaluation": evaluation})
    assert VllmSettings.of(changed) == VllmSettings(100, track.recipe.lora.rank, 3, 0.5)
    # None of it is asked of a model, so results stay comparable.
    assert changed.identity == track.identity
