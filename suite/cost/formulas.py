"""Operations, bytes and seconds of training and evaluation: closed forms, each with where it is from.

Symbols: N parameters a token is multiplied with (`Shape.matrix_parameters`), L layers, h hidden size, a the width of
all heads, s a sequence's length, T tokens. One multiply-add is two floating-point operations (FLOP).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.cost.shapes import Shape

if TYPE_CHECKING:
    from suite.cost.cards import Card
    from suite.track import Recipe

UTILISATION = 0.4
"""Share of a card's dense peak that large models reach in training: an assumption, not measured by us. 0.38 to 0.43 on
H100 (Grattafiori et al., The Llama 3 Herd of Models, 2024, table 4); 0.46 on TPU v4 (PaLM, 2022, table 3)."""
BANDWIDTH_UTILISATION = 0.6
"""Share of a card's memory bandwidth that decoding reaches: an assumption, not measured by us."""
LAYER_SECONDS = 2.45e-3
"""Least seconds a micro-batch and layer (forward, backward, its part of the optimiser) whatever the layer's size: small
kernels are bound by their launches. Measured: 15 cells of `random` in docs/results/alpaca-10m.md, twelve lanes on one
H200, 4 layers, 375 steps in 44 s a lane, 9.8 ms of the card a step."""
FORWARD_SHARE = 1 / 3
"""Of LAYER_SECONDS, where only a forward pass is made."""
DISK_BYTES_A_SECOND = 1e9
"""Weights read and written: an assumption (one NVMe disk or a good network one)."""
START_SECONDS = 0.3
"""The card's share of what every cell takes apart from steps, on twelve lanes: an assumption."""

VLLM_START_SECONDS = 60.0
"""A start of vLLM beside reading the weights (its process, compilation, the graphs of its batches): an assumption."""


def forward_flops(shape: Shape, tokens: float, length: float) -> float:
    """2 N T for the matrices, and 4 L a s T / 2 for causal attention: scores and values, half of them masked.

    Source: Kaplan et al. (2020), section 2.1; Chowdhery et al. (PaLM, 2022), appendix B, halved for the mask.
    """
    attention = 2.0 * shape.layers * shape.heads * shape.head * length
    return tokens * (2.0 * shape.matrix_parameters + attention)


def training_flops(shape: Shape, recipe: Recipe, tokens: float, length: float) -> float:
    """Model FLOPs of training: forward, and backward twice as much (once as much through frozen weights).

    6 N T for full fine-tuning. With LoRA no gradient of a frozen matrix is computed: 4 N T, plus 6 times the adapter's
    parameters; attention holds no weights and costs the same 3 times forward either way. What gradient checkpointing
    computes again is not counted, see `recomputed`. Source: as `forward_flops`; Hu et al. (2022), section 4.
    """
    forward = forward_flops(shape, tokens, length)
    if recipe.lora is None:
        return 3.0 * forward
    attention = forward - 2.0 * shape.matrix_parameters * tokens
    return tokens * (4.0 * shape.matrix_parameters + 6.0 * shape.lora_parameters(recipe.lora)) + 3.0 * attention


def recomputed(shape: Shape, recipe: Recipe, tokens: float, length: float) -> float:
    """FLOPs of the second forward pass that gradient checkpointing makes. Source: Chen et al. (2016), section 4."""
    return forward_flops(shape, tokens, length) if recipe.gradient_checkpointing else 0.0


@dataclass(frozen=True)
class Memory:
    """Bytes a fine-tune holds on the card at its peak, by what holds them."""

    weights: float
    gradients: float
    optimiser: float
    activations: float
    logits: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.weights + self.gradients + self.optimiser + self.activations + self.logits


def training_memory(shape: Shape, recipe: Recipe, micro: int, length: float) -> Memory:
    """Peak bytes of training `micro` sequences of `length` tokens at once.

    Full: float32 weights, gradients and two Adam moments, 16 bytes a parameter (Rajbhandari et al., ZeRO, 2020, section
    3.1, whose 16 have half-precision copies), in bfloat16 2 more for the copies that autocast keeps. LoRA: the frozen
    base in its precision, and 16 bytes a parameter of the adapter. Activations per token and layer: `_layer_bytes`;
    with checkpointing the layer's input alone, and one layer in full (Korthikanti et al., 2022, sections 4.1 and 5).
    """
    half = recipe.dtype == "bfloat16"
    if recipe.lora is None:
        trained = float(shape.parameters)
        weights = trained * (6 if half else 4)
    else:
        trained = float(shape.lora_parameters(recipe.lora))
        weights = shape.parameters * (2.0 if half else 4.0) + 4.0 * trained
    width = 2 if half else 4
    tokens = micro * length
    layer = _layer_bytes(shape, width)
    activations = tokens * (shape.layers * width * shape.hidden + layer if recipe.gradient_checkpointing else 0)
    activations = activations or tokens * shape.layers * layer
    return Memory(weights, 4.0 * trained, 8.0 * trained, activations, _logit_bytes(shape, tokens))


def _layer_bytes(shape: Shape, width: int) -> float:
    """Bytes that one layer keeps of one token for its backward pass, attention never written out (fused, SDPA).

    Inputs of two norms and of seven linear maps, queries, keys, values, and four vectors of the gated feed-forward; the
    norms keep float32. The count of Korthikanti et al. (2022, section 4.1), made for Llama's layer.
    """
    attention = shape.heads * shape.head + 2 * shape.kv_heads * shape.head
    return width * (4 * shape.hidden + 2 * attention + 4 * shape.intermediate) + 2 * 4 * shape.hidden


def _logit_bytes(shape: Shape, tokens: float) -> float:
    """Float32 logits, their probabilities and their gradient; above SMALL_LOGITS a fused head holds none."""
    from suite.training.trainer import SMALL_LOGITS

    numbers = tokens * shape.vocabulary
    return 12.0 * numbers if numbers <= SMALL_LOGITS else 4.0 * SMALL_LOGITS


def evaluation_memory(shape: Shape, width: int, rows: int, length: float, *, writes: bool) -> float:
    """Bytes of an engine: weights, the logits of a batch, and, where it `writes`, keys and values of `rows` sequences.

    Logits stand three times in float32 while likelihoods are put in order (`suite.engines.scoring`).
    """
    from suite.engines.batching import MAX_LOGITS

    logits = min(rows * length * shape.vocabulary, MAX_LOGITS)
    cache = rows * length * shape.kv_bytes_per_token(width) if writes else 0.0
    return float(shape.parameters * width + cache + 12.0 * logits)


def training_seconds(shape: Shape, recipe: Recipe, card: Card, *, flops: float, micro_batches: float) -> float:
    """Seconds of the card: compute at UTILISATION of its peak, or the least time of small kernels if that is more."""
    compute = flops / (card.peak(recipe.dtype) * UTILISATION)
    return max(compute, micro_batches * shape.layers * LAYER_SECONDS)


def reading_seconds(shape: Shape, card: Card, dtype: str, *, tokens: float, length: float, rows: int) -> float:
    """Seconds of forward passes over `tokens` of sequences of `length`, `rows` at once; bound like training."""
    compute = forward_flops(shape, tokens, length) / (card.peak(dtype) * UTILISATION)
    batches = tokens / max(1.0, rows * length)
    return max(compute, batches * shape.layers * LAYER_SECONDS * FORWARD_SHARE)


def decoding_seconds(
    shape: Shape, card: Card, dtype: str, *, sequences: float, new: float, length: float, rows: int
) -> float:
    """Seconds of decoding `new` tokens of each sequence, `rows` at once.

    Each step reads all weights and the keys and values of its rows: bound by bandwidth (Pope et al., 2022, section 2),
    or by the launches of its kernels.
    """
    width = 2 if dtype == "bfloat16" else 4
    steps = new * -(-sequences // rows)
    read = shape.matrix_parameters * width + rows * length * shape.kv_bytes_per_token(width)
    bound = read / (card.bandwidth * BANDWIDTH_UTILISATION)
    return float(steps * max(bound, shape.layers * LAYER_SECONDS * FORWARD_SHARE))
