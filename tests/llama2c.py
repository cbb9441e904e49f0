"""Checkpoints of llama2.c (legacy format) as Hub-format Llama folders with a working tokenizer.

Format: seven little-endian int32 (dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len; a positive
vocab_size means that the output matrix is the embedding), then float32 matrices, row-major as (out, in).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.atomic import atomic_folder
from suite.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import LlamaConfig

UNKNOWN, BOS, EOS = "<unk>", "<s>", "</s>"
FIRST_PIECE = 259
"""Ids below are the three special tokens and the 256 bytes."""


def convert_llama2c(checkpoint: Path, tokenizer: Path, target: Path) -> None:
    """Write `target`, a folder that AutoModelForCausalLM and AutoTokenizer load, from a checkpoint and a tok*.bin.

    The weights are the checkpoint's float32 numbers; rows of the query and key matrices are put in the Hub's order.
    Raises StorageError when a file does not have the size that its header promises; then nothing is written.
    """
    import torch
    from transformers import LlamaForCausalLM

    config, state = _read_checkpoint(checkpoint)
    entries = _read_entries(tokenizer, config.vocab_size)
    model = LlamaForCausalLM(config)
    tensors = {name: torch.from_numpy(values) for name, values in state.items()}
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    if unexpected or set(missing) - {"lm_head.weight"}:
        raise StorageError(f"{checkpoint} does not fill a Llama: missing {missing}, left over {unexpected}.")
    with atomic_folder(target) as folder:
        model.save_pretrained(folder)
        _tokenizer(entries, config.max_position_embeddings).save_pretrained(folder)


def _read_checkpoint(path: Path) -> tuple[LlamaConfig, dict[str, np.ndarray]]:
    from transformers import LlamaConfig

    content = path.read_bytes()
    if len(content) < 28:
        raise StorageError(f"{path} is too short for a llama2.c checkpoint. Download it again.")
    dim, hidden, layers, heads, kv_heads, vocabulary, positions = struct.unpack_from("<7i", content)
    config = LlamaConfig(
        vocab_size=abs(vocabulary),
        hidden_size=dim,
        intermediate_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=positions,
        rms_norm_eps=1e-5,
        tie_word_embeddings=vocabulary > 0,
        bos_token_id=1,
        eos_token_id=2,
    )
    shapes = list(_layout(config))
    if vocabulary < 0:
        shapes.append(("lm_head", (abs(vocabulary), dim)))
    sizes = [int(np.prod(shape)) for _, shape in shapes]
    if len(content) != 28 + 4 * sum(sizes):
        raise StorageError(
            f"{path} has {len(content)} bytes where its header promises {28 + 4 * sum(sizes)}. Download it again."
        )
    numbers = np.frombuffer(content, dtype="<f4", offset=28)
    parts = np.split(numbers, np.cumsum(sizes)[:-1])
    blocks = {name: part.reshape(shape) for (name, shape), part in zip(shapes, parts, strict=True)}
    return config, _state(blocks, config)


def _layout(config: LlamaConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    dim, hidden, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    head = dim // config.num_attention_heads
    kv_dim = _kv_heads(config) * head
    yield "embed_tokens", (config.vocab_size, dim)
    yield "input_layernorm", (layers, dim)
    yield "self_attn.q_proj", (layers, dim, dim)
    yield "self_attn.k_proj", (layers, kv_dim, dim)
    yield "self_attn.v_proj", (layers, kv_dim, dim)
    yield "self_attn.o_proj", (layers, dim, dim)
    yield "post_attention_layernorm", (layers, dim)
    yield "mlp.gate_proj", (layers, hidden, dim)
    yield "mlp.down_proj", (layers, dim, hidden)
    yield "mlp.up_proj", (layers, hidden, dim)
    yield "norm", (dim,)
    yield "cosines", (config.max_position_embeddings, head // 2)
    yield "sines", (config.max_position_embeddings, head // 2)


def _state(blocks: dict[str, np.ndarray], config: LlamaConfig) -> dict[str, np.ndarray]:
    state = {f"model.{name}.weight": blocks[name].copy() for name in ("embed_tokens", "norm")}
    if "lm_head" in blocks:
        state["lm_head.weight"] = blocks["lm_head"].copy()
    for name, block in blocks.items():
        if "proj" not in name and "layernorm" not in name:
            continue
        for layer, weight in enumerate(block):
            heads = {"self_attn.q_proj": config.num_attention_heads, "self_attn.k_proj": _kv_heads(config)}
            ordered = _half_split(weight, heads[name]) if name in heads else weight
            state[f"model.layers.{layer}.{name}.weight"] = ordered.copy()
    return state


def _kv_heads(config: LlamaConfig) -> int:
    return int(config.num_key_value_heads or config.num_attention_heads)


def _half_split(weight: np.ndarray, heads: int) -> np.ndarray:
    # llama2.c turns rows (2i, 2i + 1) of a head together, the Hub's Llama rows (i, i + half of the head).
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _read_entries(path: Path, vocabulary: int) -> list[tuple[str, float]]:
    content = path.read_bytes()
    entries, place = [], 4
    try:
        for _ in range(vocabulary):
            score, length = struct.unpack_from("<fi", content, place)
            piece = content[place + 8 : place + 8 + length]
            entries.append((piece.decode("utf-8"), score))
            place += 8 + length
    except (struct.error, UnicodeDecodeError) as error:
        raise StorageError(f"{path} is not a llama2.c tokenizer of {vocabulary} entries: {error}.") from error
    if place != len(content):
        raise StorageError(f"{path} does not hold {vocabulary} entries: it is not this checkpoint's tokenizer.")
    return entries


def _tokenizer(entries: list[tuple[str, float]], max_length: int) -> Any:
    """A fast tokenizer that merges as llama2.c does: of all neighbouring pairs, the one whose union scores highest."""
    from tokenizers import Tokenizer, decoders, models, normalizers, processors
    from transformers import PreTrainedTokenizerFast

    names = [UNKNOWN, BOS, EOS, *(piece for piece, _ in entries[3:])]
    ids = {piece: index for index, piece in enumerate(names)}
    ranked = sorted(range(FIRST_PIECE, len(names)), key=lambda index: (-entries[index][1], index))
    merges = [
        (names[index][:cut], names[index][cut:])
        for index in ranked
        for cut in range(1, len(names[index]))
        if names[index][:cut] in ids and names[index][cut:] in ids
    ]
    backend = Tokenizer(models.BPE(vocab=ids, merges=merges, unk_token=UNKNOWN, byte_fallback=True, fuse_unk=False))
    backend.normalizer = normalizers.Prepend(" ")
    backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    backend.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token=UNKNOWN,
        bos_token=BOS,
        eos_token=EOS,
        model_max_length=max_length,
        clean_up_tokenization_spaces=False,
    )
