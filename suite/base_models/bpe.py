"""A byte-level BPE tokenizer trained on a corpus, saved in the Hub's format."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

BOS, EOS, PAD = "<|bos|>", "<|eos|>", "<|pad|>"


def train_bpe(texts: Iterable[str], vocabulary: int, folder: Path, max_length: int) -> int:
    """Train a byte-level BPE of `vocabulary` entries (special tokens included) and save it into `folder`.

    Returns the number of entries reached, which is smaller when the corpus holds too few different words. No
    special token is added by the tokenizer itself: templates put exactly one beginning-of-sequence token.
    Deterministic: merges are ordered by count, then by token ids.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[BOS, EOS, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer=trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        model_max_length=max_length,
        clean_up_tokenization_spaces=False,
    ).save_pretrained(folder)
    return int(tokenizer.get_vocab_size())
