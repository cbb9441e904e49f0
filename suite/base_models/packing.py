"""Text to pretrain on, and its packing into one stream of token ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from suite.base_models.bpe import BOS, EOS
from suite.errors import TrainingError


@dataclass(frozen=True)
class Corpus:
    """Unlabelled texts; `identity` names them by content, `texts()` yields the same ones at every call."""

    identity: str
    texts: Callable[[], Iterator[str]]


def pack(texts: Iterable[str], tokenizer_folder: Path, sequence_length: int, sequences: int) -> np.ndarray:
    """Token ids, shape (m, sequence_length), int32: texts in order, each between its two special tokens.

    m is `sequences`, or fewer where the texts end before. Raises TrainingError when not one sequence is filled.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    vocabulary = tokenizer.get_vocab()
    bos, eos = vocabulary[BOS], vocabulary[EOS]
    wanted = sequences * sequence_length
    stream = np.empty(wanted, dtype=np.int32)
    filled = 0
    remaining = iter(texts)
    while filled < wanted and (part := list(islice(remaining, 1000))):
        for encoding in tokenizer.encode_batch_fast(part, add_special_tokens=False):
            ids = [bos, *encoding.ids, eos][: wanted - filled]
            stream[filled : filled + len(ids)] = ids
            filled += len(ids)
    complete = filled // sequence_length
    if complete == 0:
        raise TrainingError(
            f"The corpus holds {filled} tokens, fewer than one sequence of {sequence_length}; give it more text."
        )
    return stream[: complete * sequence_length].reshape(complete, sequence_length)
