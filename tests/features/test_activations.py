"""Neuron states equal a literal computation from hidden states, for every family, and outlive a kill."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import killed_states
import numpy as np
import pytest
from short_memory import memory_for
from tiny_models import build_tiny_base, tiny_samples

from suite.errors import BreadthError, FeatureError
from suite.features import TrackContext
from suite.features.activations import NeuronSets, NeuronStates
from suite.features.chats import encode_chats
from suite.features.store import FeatureStore, compute_features
from suite.pool import Pool, pool_from_records

KILLED = Path(__file__).parents[1] / "killed_states.py"
RECORDS = [
    {"id": sample.id, "instruction": sample.instruction, "input": sample.input, "output": sample.output}
    for sample in tiny_samples(40, seed=3, longest=20)
]
POOL = pool_from_records(RECORDS)
SMALL = {
    "hidden_size": 24,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 12,
    "max_position_embeddings": 256,
    "initializer_range": 0.3,
    "sliding_window": 8,
}
FAMILIES = ["llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text"]


@pytest.fixture(scope="session")
def family(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny random model of one type, with the tokenizer of `tiny_base`."""
    built: dict[str, Path] = {}

    def build(name: str) -> Path:
        if name not in built:
            built[name] = tmp_path_factory.mktemp("family") / name
            save_random(name, built[name], tiny_base)
        return built[name]

    return build


def save_random(name: str, folder: Path, tokenizer_folder: Path, **changes: Any) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    config = AutoConfig.for_model(name, **(SMALL | {"vocab_size": len(tokenizer)} | changes))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def states_of(feature: NeuronStates, folder: Path, pool: Pool = POOL) -> NeuronSets:
    found = compute_features([feature], pool, TrackContext("test", len(pool)), FeatureStore(folder))
    states = found.features[feature]
    assert isinstance(states, NeuronSets)
    return states


def literal_activations(model_folder: Path, activation: str, aggregate: str, pool: Pool = POOL) -> list[np.ndarray]:
    """For each layer (samples, width): one sample at a time, from what each MLP reads, by its weights, in float64."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    model = AutoModel.from_pretrained(model_folder).double().eval()
    chats = encode_chats(pool, tokenizer, template=None, max_length=10**6)
    read: dict[int, torch.Tensor] = {}
    for layer, block in enumerate(model.layers):
        block.mlp.gate_proj.register_forward_pre_hook(lambda _, inputs, layer=layer: read.update({layer: inputs[0][0]}))
    samples = []
    for row in range(len(pool)):
        place = slice(*chats.offsets[row : row + 2])
        with torch.inference_mode():
            model(input_ids=torch.from_numpy(chats.ids[place].astype(np.int64))[None])
            kept = torch.from_numpy(chats.response[place])
            values = []
            for layer, block in enumerate(model.layers):
                hidden = read[layer]
                gate = block.mlp.act_fn(hidden @ block.mlp.gate_proj.weight.T)
                whole = gate if activation == "gate" else gate * (hidden @ block.mlp.up_proj.weight.T)
                values.append(literal_aggregate(whole[kept].numpy(), aggregate))
        samples.append(values)
    return [np.stack([values[layer] for values in samples]) for layer in range(len(model.layers))]


def literal_aggregate(values: np.ndarray, aggregate: str) -> np.ndarray:
    if aggregate == "mean":
        return values.mean(axis=0)
    if aggregate == "share_positive":
        return (values > 0).mean(axis=0)
    return values.max(axis=0) if aggregate == "max" else values[-1]


def assert_top_states(states: NeuronSets, expected: list[np.ndarray], density: float) -> None:
    """Each layer keeps its largest z; neurons so close to the edge that rounding decides may go either way."""
    width = expected[0].shape[1]
    count = max(1, round(density * width))
    for layer, values in enumerate(expected):
        deviation = values.std(axis=0)
        z = np.divide(values - values.mean(axis=0), deviation, out=np.zeros_like(values), where=deviation > 1e-9)
        for row in range(len(values)):
            held = states[row][layer * count : (layer + 1) * count].astype(np.int64) - layer * width
            assert len(set(held.tolist())) == count
            assert (held >= 0).all()
            assert (held < width).all()
            left = np.setdiff1d(np.arange(width), held)
            if len(left):
                assert z[row, held].min() >= z[row, left].max() - 1e-3
            assert states.scores is not None
            scores = states.scores[states.offsets[row] :][layer * count : (layer + 1) * count]
            assert scores.astype(np.float64) == pytest.approx(z[row, held], abs=5e-3, rel=2e-3)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("activation", ["gate", "product"])
def test_every_family_against_the_literal_form(
    name: str, activation: str, family: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = family(name)
    feature = NeuronStates(density=0.1, activation=activation, model=str(folder))  # type: ignore[arg-type]
    states = states_of(feature, tmp_path)
    assert np.diff(states.offsets).tolist() == [3 * 5] * len(POOL)
    assert states.ids.dtype == np.uint16
    assert (np.diff(states.ids.reshape(len(POOL), -1).astype(int), axis=1) > 0).all()
    assert_top_states(states, literal_activations(folder, activation, "mean"), 0.1)


@pytest.mark.parametrize("aggregate", ["mean", "share_positive", "max", "last"])
def test_aggregates_and_signs(aggregate: str, family: Callable[[str], Path], tmp_path: Path) -> None:
    folder = family("llama")
    expected = literal_activations(folder, "gate", aggregate)
    top = NeuronStates(density=0.25, aggregate=aggregate, model=str(folder))  # type: ignore[arg-type]
    assert_top_states(states_of(top, tmp_path), expected, 0.25)
    sign = NeuronStates(state="sign", aggregate=aggregate, model=str(folder))  # type: ignore[arg-type]
    states = states_of(sign, tmp_path)
    assert states.scores is None
    values = np.concatenate(expected, axis=1) - (0.5 if aggregate == "share_positive" else 0.0)
    for row in range(len(POOL)):
        differ = set(states[row].tolist()) ^ set(np.flatnonzero(values[row] > 0).tolist())
        assert all(abs(values[row, neuron]) < 1e-5 for neuron in differ)


def test_statistics_come_from_the_samples_drawn(family: Callable[[str], Path], tmp_path: Path) -> None:
    folder = family("llama")
    some = NeuronStates(density=0.1, standardise=12, model=str(folder))
    drawn = np.sort(np.random.default_rng(0).choice(len(POOL), size=12, replace=False))
    (values, *_) = literal_activations(folder, "gate", "mean")
    z = (values - values[drawn].mean(axis=0)) / values[drawn].std(axis=0)
    states = states_of(some, tmp_path)
    assert states.scores is not None
    for row in range(len(POOL)):
        held = states[row][:5]
        kept = states.scores[states.offsets[row] : states.offsets[row] + 5]
        assert kept.astype(float) == pytest.approx(z[row, held], abs=2e-2, rel=2e-3)
    every = [states_of(NeuronStates(standardise=size, model=str(folder)), tmp_path) for size in (0, 40, 4096)]
    assert all(np.array_equal(every[0].ids, other.ids) for other in every)


def test_a_real_checkpoint(breadth_data: Path, tmp_path: Path) -> None:
    from llama2c import convert_llama2c

    source = breadth_data / "models" / "stories260K"
    folder = tmp_path / "stories"
    convert_llama2c(source / "stories260K.bin", source / "tok512.bin", folder)
    texts = ["Once upon a time there was a dog.", "Lily saw a big red ball in the park and she ran to it.", "The end."]
    pool = pool_from_records(
        [{"id": str(i), "instruction": f"Tell a story {i}", "output": text} for i, text in enumerate(texts * 4)]
    )
    states = states_of(NeuronStates(density=0.05, model=str(folder)), tmp_path / "store", pool)
    assert_top_states(states, literal_activations(folder, "gate", "mean", pool), 0.05)


def test_samples_without_a_response_token_hold_nothing(family: Callable[[str], Path], tmp_path: Path) -> None:
    long = {"id": "long", "instruction": "bam ban " * 200, "input": "", "output": "bam"}
    empty = {"id": "empty", "instruction": "bam", "input": "", "output": " \n"}
    pool = pool_from_records([*RECORDS[:5], long, empty, *RECORDS[5:8]])
    for state in ("top", "sign"):
        feature = NeuronStates(density=0.1, max_length=64, state=state, model=str(family("llama")))  # type: ignore[arg-type]
        states = states_of(feature, tmp_path, pool)
        sizes = np.diff(states.offsets)
        assert sizes[5] == sizes[6] == 0
        assert (np.delete(sizes, [5, 6]) > 0).all()
    nothing = pool_from_records([empty, {**empty, "id": "other"}])
    assert states_of(NeuronStates(model=str(family("llama"))), tmp_path, nothing).offsets.tolist() == [0, 0, 0]


def test_the_order_of_the_pool_does_not_matter(family: Callable[[str], Path], tmp_path: Path) -> None:
    feature = NeuronStates(density=0.1, model=str(family("qwen3")))
    one, other = states_of(feature, tmp_path), states_of(feature, tmp_path, pool_from_records(RECORDS[::-1]))
    same = sum(one[row].tolist() == other[len(POOL) - 1 - row].tolist() for row in range(len(POOL)))
    assert same >= len(POOL) - 1  # rows of other batches may round differently at the edge


@pytest.mark.parametrize("state", ["top", "sign"])
@pytest.mark.parametrize("after", [1, 4, 9])
def test_an_interrupted_computation_goes_on_to_the_same_bytes(
    after: int, state: str, family: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from suite.features import activation_spool, row_spool

    monkeypatch.setitem(activation_spool.TOKENS_A_BATCH, "cpu", 150)
    monkeypatch.setattr(row_spool, "SECONDS_BETWEEN_NOTES", -1.0)
    feature = NeuronStates(density=0.1, standardise=12, state=state, model=str(family("llama")))  # type: ignore[arg-type]
    whole = states_of(feature, tmp_path / "whole")
    read, batches = activation_spool.Reader.read, []

    def interrupted(self: activation_spool.Reader, rows: np.ndarray, of: Any) -> Any:
        if len(batches) == after:
            raise KeyboardInterrupt
        batches.append(len(rows))
        return read(self, rows, of)

    monkeypatch.setattr(activation_spool.Reader, "read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        states_of(feature, tmp_path / "stopped")
    (scratch,) = (tmp_path / "stopped").glob("*.scratch")
    assert any(scratch.iterdir())
    before = sum(batches)
    after = 10**6
    batches.clear()
    resumed = states_of(feature, tmp_path / "stopped")
    assert not scratch.exists()
    expected = len(POOL) + (12 if state == "top" else 0)
    assert before + sum(batches) == expected
    assert np.array_equal(whole.ids, resumed.ids)
    assert np.array_equal(whole.offsets, resumed.offsets)
    if state == "top":
        assert np.array_equal(np.asarray(whole.scores), np.asarray(resumed.scores))


def test_a_killed_process_goes_on_to_the_same_bytes(family: Callable[[str], Path], tmp_path: Path) -> None:
    folder = family("llama")
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    program = subprocess.Popen(
        [sys.executable, str(KILLED), str(folder), str(tmp_path / "killed")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert program.stdout is not None
    for line in program.stdout:
        if int(line) > killed_states.SAMPLES // 2:
            break
    program.kill()
    program.wait()
    pool, feature = killed_states.pool(), killed_states.feature(folder)
    done: list[int] = []
    store = FeatureStore(tmp_path / "killed")
    resumed = store.ensure(feature, pool, TrackContext("test", len(pool)), lambda _: lambda now, _: done.append(now))
    assert done[0] > 0, "it goes on from what was finished"
    whole = states_of(feature, tmp_path / "whole", pool)
    assert np.array_equal(whole.ids, resumed.arrays["ids"])
    assert np.array_equal(np.asarray(whole.scores), resumed.arrays["scores"])


@pytest.mark.parametrize("state", ["top", "sign"])
def test_short_of_memory_a_batch_is_read_in_halves_and_then_it_is_an_error(
    state: str, family: Callable[[str], Path], tmp_path: Path
) -> None:
    feature = NeuronStates(density=0.1, standardise=12, state=state, model=str(family("llama")))  # type: ignore[arg-type]
    whole = states_of(feature, tmp_path / "whole")
    with memory_for(rows=25) as tried:
        halved = states_of(feature, tmp_path / "halved")
    assert len(POOL) in tried, "the whole batch was tried"
    assert max(rows for rows in tried if rows <= 25) == len(POOL) // 2
    # Statistics of the batch that failed are not counted twice; sums of another order differ in their last bits.
    assert np.array_equal(whole.offsets, halved.offsets)
    assert np.mean(np.asarray(whole.ids) == np.asarray(halved.ids)) > 0.99
    if state == "top":
        assert whole.scores is not None
        assert halved.scores is not None
        np.testing.assert_allclose(np.asarray(whole.scores), np.asarray(halved.scores), atol=0.02)
    with memory_for(rows=5), pytest.raises(FeatureError, match=r"This machine ran out of memory with \d+ rows at once"):
        states_of(feature, tmp_path / "short")


def test_a_note_without_its_files_begins_anew(family: Callable[[str], Path], tmp_path: Path) -> None:
    feature = NeuronStates(density=0.1, model=str(family("llama")))
    store = FeatureStore(tmp_path / "store")
    scratch = tmp_path / "store" / f"{store.key(feature, POOL)}.scratch"
    scratch.mkdir(parents=True)
    (scratch / "rows.json").write_text(json.dumps({"batches": 1}))
    assert np.array_equal(states_of(feature, tmp_path / "store").ids, states_of(feature, tmp_path / "other").ids)


def test_act_fn_shared_between_layers(family: Callable[[str], Path]) -> None:
    import torch
    from transformers import AutoModel

    from suite.features.gated_layers import GatedLayers

    model = AutoModel.from_pretrained(family("llama")).eval()
    ids = torch.arange(12)[None]
    response = torch.ones(1, 12, dtype=torch.bool)

    def read() -> list[tuple[int, np.ndarray]]:
        taken: list[tuple[int, np.ndarray]] = []
        GatedLayers(model).run(
            ids,
            response,
            lambda layer, values: taken.append((layer, values.numpy())),
            activation="gate",
            aggregate="mean",
        )
        return taken

    own = read()
    for layer in model.layers:
        layer.mlp.act_fn = model.layers[0].mlp.act_fn
    shared = read()
    assert [layer for layer, _ in shared] == [0, 1, 2]
    assert all(np.array_equal(one, other) for (_, one), (_, other) in zip(own, shared, strict=True))
    for layer in model.layers:
        layer.mlp.forward = lambda hidden: hidden
    with pytest.raises(FeatureError, match="ran 0 of its 3"):
        read()


@pytest.mark.parametrize(("name", "lacks"), [("gpt2", "no `layers`"), ("gpt_neox", "layer 0 lacks act_fn, gate_proj")])
def test_models_without_gated_mlps(name: str, lacks: str, tiny_base: Path, tmp_path: Path) -> None:
    gpt2 = {"n_embd": 24, "n_layer": 2, "n_head": 2}
    neox = {"hidden_size": 24, "num_attention_heads": 2, "intermediate_size": 48, "num_hidden_layers": 2}
    save_random(name, tmp_path / name, tiny_base, **(gpt2 if name == "gpt2" else neox))
    with pytest.raises(FeatureError, match=f"act_fn, gate_proj, up_proj, down_proj, but .*{lacks}"):
        states_of(NeuronStates(model=str(tmp_path / name)), tmp_path / "store")


def test_activations_that_are_no_numbers_name_layer_and_row(tiny_base: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "broken"
    shutil.copytree(tiny_base, folder)
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.1.mlp.gate_proj.weight"][3] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(FeatureError, match=r"Layer 1 gives an activation that is not a number for row \d+"):
        states_of(NeuronStates(model=str(folder)), tmp_path / "store")


def test_a_models_content_is_in_the_key_and_its_place_is_not(tiny_base: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_base, tmp_path / "copy")
    build_tiny_base(tmp_path / "other", seed=1)
    keys = [
        FeatureStore(tmp_path).key(NeuronStates(model=str(folder)), POOL)
        for folder in (tiny_base, tmp_path / "copy", tmp_path / "other")
    ]
    assert keys[0] == keys[1] != keys[2]
    track = TrackContext("test", len(POOL), base_model=str(tiny_base))
    assert NeuronStates().resolve(track) == NeuronStates(model=str(tiny_base))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"density": 0.0}, "density"),
        ({"density": 1.5}, "density"),
        ({"standardise": -1}, "standardise"),
        ({"max_length": 0}, "max_length"),
        ({"template": "chat"}, "no template 'chat'"),
        ({}, "model=FOLDER"),
    ],
)
def test_fields_written_wrong(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(BreadthError, match=message):
        NeuronStates(**fields).resolve(TrackContext("test", 1))
