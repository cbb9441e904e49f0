"""Log-likelihoods of continuations: each after a prompt of its own, or several after one shared prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from suite.engines.protocol import Likelihood
from suite.logits import logits_at

if TYPE_CHECKING:
    import torch

Ids = tuple[int, ...]


def padded(rows: Sequence[Sequence[int]], device: torch.device, side: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask (1 where real), both int64 of shape (rows, longest row), padded on one side."""
    import torch

    width = max(map(len, rows))
    gaps = [[0] * (width - len(row)) for row in rows]
    if side == "left":
        ids = [gap + list(row) for gap, row in zip(gaps, rows, strict=True)]
        mask = [gap + [1] * len(row) for gap, row in zip(gaps, rows, strict=True)]
    else:
        ids = [list(row) + gap for gap, row in zip(gaps, rows, strict=True)]
        mask = [[1] * len(row) + gap for gap, row in zip(gaps, rows, strict=True)]
    shape = (len(rows), width)
    # Reshaped, since rows that are all empty would otherwise lose their second dimension.
    return (
        torch.tensor(ids, dtype=torch.long, device=device).reshape(shape),
        torch.tensor(mask, dtype=torch.long, device=device).reshape(shape),
    )


def positions(mask: torch.Tensor) -> torch.Tensor:
    """Position of every token among its row's own, shape (rows, width); padding stands at position 0."""
    return (mask.cumsum(-1) - 1).clamp(min=0)


def score_pairs(
    model: Any, device: torch.device, prompts: Sequence[Ids], continuations: Sequence[Ids]
) -> list[Likelihood]:
    """One forward pass over prompts joined with their continuations, padded on the left so that all end together."""
    import torch

    kept = max(map(len, continuations))
    ids, mask = padded([prompt + then for prompt, then in zip(prompts, continuations, strict=True)], device, "left")
    counts = torch.tensor([[len(then)] for then in continuations], device=device)
    # A token's logits stand one place before it, so the last position predicts nothing that is asked.
    places = torch.arange(kept + 1, device=device)
    wanted = (places >= kept - counts) & (places < kept)
    logits = logits_at(model, wanted, input_ids=ids, attention_mask=mask, position_ids=positions(mask), use_cache=False)
    return _sums(logits, continuations)


def score_shared(
    model: Any, device: torch.device, prompts: Sequence[Ids], choices: Sequence[Sequence[Ids]]
) -> list[Likelihood]:
    """Several continuations a prompt, each prompt computed once and its keys and values reused.

    Answers come in the order of the choices, prompt by prompt.
    """
    import torch
    from transformers import DynamicCache

    ids, mask = padded(prompts, device, "left")
    cache = DynamicCache(config=model.config)
    first = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions(mask),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    ).logits[:, -1]
    owners = [owner for owner, group in enumerate(choices) for _ in group]
    continuations = [then for group in choices for then in group]
    repeat = torch.tensor(owners, device=device)
    answers = [first[repeat]]
    # The last token of a continuation predicts nothing, and the first is predicted by the prompt.
    then, real = padded([row[:-1] for row in continuations], device, "right")
    if then.shape[1]:
        cache.batch_select_indices(repeat)
        lengths = mask.sum(-1, keepdim=True)[repeat]
        later = logits_at(
            model,
            real.bool(),
            input_ids=then,
            attention_mask=torch.cat([mask[repeat], real], dim=1),
            position_ids=lengths + torch.arange(then.shape[1], device=device),
            past_key_values=cache,
            use_cache=True,
        )
        answers.append(later)
    logits = torch.cat(answers)
    return _sums(logits[_interleaved(continuations, device)], continuations)


def _interleaved(continuations: Sequence[Ids], device: torch.device) -> torch.Tensor:
    """Rows of (all first tokens, then all later ones by row) in the order of the continuations' tokens."""
    import torch

    order: list[int] = []
    place = len(continuations)
    for row, then in enumerate(continuations):
        later = max(len(then) - 1, 0)
        order += [row][: len(then)] + list(range(place, place + later))
        place += later
    return torch.tensor(order, dtype=torch.long, device=device)


def _sums(logits: torch.Tensor, continuations: Sequence[Ids]) -> list[Likelihood]:
    """Likelihoods from the logits of all continuation tokens, row after row; sums in float64."""
    import torch

    if not len(logits):
        return [Likelihood(0.0, 0, True) for _ in continuations]
    logits = logits.float()
    targets = torch.tensor([token for then in continuations for token in then], device=logits.device)
    chosen = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1) - logits.logsumexp(-1)
    sizes = [len(then) for then in continuations]
    sums = [float(part.sum()) for part in chosen.double().cpu().split(sizes)]
    greedy = [bool(part.all()) for part in (logits.argmax(-1) == targets).cpu().split(sizes)]
    return [Likelihood(*facts) for facts in zip(sums, sizes, greedy, strict=True)]
