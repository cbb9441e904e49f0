"""Tokens: the ids of every sample's text under any tokenizer, the target model's own by default."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from suite.errors import FeatureError
from suite.features.base import Feature, Features, TrackContext
from suite.hashing import library_versions
from suite.pool.pool import View
from suite.reporting import Progress

if TYPE_CHECKING:
    from suite.pool import Pool

CHUNK = 1024
WORDS = "words"
WORD = r"\w+|[^\w\s]"
Encode = Callable[[list[str]], list[list[int]]]


@dataclass(frozen=True)
class TokenLists:
    """Token ids of n samples, end to end: sample i holds `ids[offsets[i]:offsets[i + 1]]`.

    `ids` is uint32, shape (tokens,); `offsets` is int64, shape (n + 1,).
    """

    ids: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.ids[self.offsets[row] : self.offsets[row + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    @property
    def lengths(self) -> np.ndarray:
        """Tokens in each sample, shape (n,), int64."""
        return np.diff(self.offsets)


@dataclass(frozen=True)
class Tokens(Feature):
    """Token ids of one view, without special tokens, opened as TokenLists.

    `tokenizer` is a folder or a Hub name that `AutoTokenizer` loads, or a bare sentencepiece file
    (`tokenizer.model`); None is the target model's own. `words` splits lower-cased text into words and signs and
    numbers them in order of appearance: an ablation, not what a model reads.
    """

    view: View = "response"
    tokenizer: str | None = None

    kind: ClassVar[str] = "tokens"

    def resolve(self, track: TrackContext) -> Tokens:
        """The target model's tokenizer filled in."""
        return replace(self, tokenizer=self.tokenizer or track.tokenizer)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of its key: where the tokenizer lies is left out, its content stands in `identity`."""
        return {"view": self.view}

    def identity(self) -> dict[str, Any]:
        """The content of the tokenizer's files, and the libraries that read them."""
        if self.tokenizer == WORDS:
            return {"words": WORD}
        from suite.features.pretrained import locate_tokenizer

        return {
            "tokenizer": locate_tokenizer(self.tokenizer or "").identity,
            "libraries": library_versions(("sentencepiece", "tokenizers", "transformers")),
        }

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        """Tokenise every sample, in batches."""
        encode = load_encoder(self.tokenizer or "")
        parts: list[np.ndarray] = []
        lengths = np.zeros(len(pool) + 1, dtype=np.int64)
        done = 0
        stream = pool.texts(self.view)
        while texts := list(islice(stream, CHUNK)):
            encoded = encode(texts)
            lengths[done + 1 : done + 1 + len(encoded)] = [len(ids) for ids in encoded]
            parts.append(np.fromiter((token for ids in encoded for token in ids), dtype=np.uint32))
            done += len(encoded)
            progress(done, len(pool))
        ids = np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint32)
        return {"ids": ids, "offsets": np.cumsum(lengths)}

    def open(self, arrays: Mapping[str, np.ndarray]) -> TokenLists:
        """Token lists over the memory-mapped ids."""
        return TokenLists(arrays["ids"], np.asarray(arrays["offsets"]))


def load_encoder(name: str) -> Encode:
    """A function from texts to token ids, without special tokens, for any tokenizer `Tokens` accepts."""
    if name == WORDS:
        return _words()
    from suite.features.pretrained import locate_tokenizer

    path = locate_tokenizer(name).path
    if path.is_file():
        return _sentencepiece(path)
    if (path / "tokenizer.model").is_file() and not (path / "tokenizer_config.json").is_file():
        return _sentencepiece(path / "tokenizer.model")
    return _auto_tokenizer(path)


def _words() -> Encode:
    numbers: dict[str, int] = {}
    return lambda texts: [[numbers.setdefault(word, len(numbers)) for word in _split(text)] for text in texts]


def _split(text: str) -> list[str]:
    return re.findall(WORD, text.lower())


def _sentencepiece(path: Path) -> Encode:
    import sentencepiece

    try:
        processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    except (RuntimeError, OSError) as error:
        raise FeatureError(f"{path} is no sentencepiece model ({error}); give a tokenizer folder or file.") from error
    return lambda texts: processor.encode(texts, out_type=int)


def _auto_tokenizer(folder: Path) -> Encode:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise FeatureError(f"{folder} cannot be loaded as a tokenizer: {error}") from error

    def encode(texts: list[str]) -> list[list[int]]:
        encoded = tokenizer(texts, add_special_tokens=False, return_attention_mask=False, verbose=False)
        return list(encoded["input_ids"])

    return encode
