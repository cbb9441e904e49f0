"""How large a model's weights are: counted in its files, reckoned from its shape, or not known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from suite.cost.shapes import ShapeUnknown, shape_of_named
from suite.cost.weights import weight_bytes

LLAMA_70B = "meta-llama/Llama-3.3-70B-Instruct"


def test_weights_of_a_folder_are_counted(tiny_base: Path) -> None:
    held = weight_bytes(str(tiny_base), "not pinned", 4)
    # Ties are kept once, as the shape has them.
    assert held == 4 * shape_of_named(str(tiny_base), "not pinned").parameters
    assert weight_bytes(str(tiny_base), "not pinned", 2) == held / 2


def test_quantised_numbers_keep_their_size_and_shards_are_all_counted(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"quantization_config": {}}))
    save_file({"a": np.zeros((10, 4), np.float32), "q": np.zeros(100, np.int8)}, tmp_path / "one.safetensors")
    save_file({"b": np.zeros(8, np.float16), "scale": np.zeros(3, np.int32)}, tmp_path / "two.safetensors")
    # Some models lie in their repository twice: what the index does not name is not loaded.
    save_file({"a": np.zeros(1000, np.float32)}, tmp_path / "consolidated.safetensors")
    index = {"weight_map": {"a": "one.safetensors", "q": "one.safetensors", "b": "two.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert weight_bytes(str(tmp_path), "not pinned", 2) == 2 * 48 + 100 + 3 * 4
    (tmp_path / "two.safetensors").unlink()
    assert weight_bytes(str(tmp_path), "not pinned", 2) is None, "what is quantised is not reckoned from its shape"


def test_what_is_not_here_is_reckoned_from_a_known_shape() -> None:
    assert weight_bytes(LLAMA_70B, "not pinned", 2) == pytest.approx(141e9, rel=0.01)
    assert weight_bytes("org/unknown", "not pinned", 2) is None
    assert weight_bytes("./no/folder", "not pinned", 2) is None


def test_a_model_of_another_kind_has_no_known_shape(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"vocab_size": 9, "n_embd": 4, "n_head": 2}))
    with pytest.raises(ShapeUnknown, match="states no 'num_attention_heads'"):
        shape_of_named(str(tmp_path), "not pinned")
    assert weight_bytes(str(tmp_path), "not pinned", 2) is None
