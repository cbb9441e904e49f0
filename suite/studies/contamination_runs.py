"""Which questions share a run of words with which samples: exact, streamed, and blind to case and punctuation.

A word is a run of letters, marks and digits of the lower-cased text. A question of at least RUN words overlaps a
sample whose prompt (instruction, then input) holds any RUN of them in a row; one of SHORTEST words or more overlaps a
sample whose instruction or input (or a turn of whose user) is that question as a whole; a shorter one is not checked.

    index = RunIndex.of(questions, groups)
    overlap = index.scan(pool, progress)

The runs of the *questions* lie in a table under their rolling hashes; the pool streams past it in blocks. Wherever
hashes agree the words are compared, so nothing is found that is not there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from suite.reporting import Progress, no_progress

if TYPE_CHECKING:
    from suite.pool import Pool
    from suite.pool.pool import Sample

RUN = 13
SHORTEST = 6
BLOCK_CHARACTERS = 2_000_000


@dataclass(frozen=True)
class Words:
    """The words of several texts: code points end to end, where each word begins and ends, and its hash.

    `offsets` (texts + 1,) says which words belong to which text.
    """

    codes: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    hashes: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, texts: Sequence[str]) -> Words:
        """Read texts; no word crosses from one to the next."""
        from suite.studies.kernels.word_runs import find_words

        lowered = [text.lower() for text in texts]
        # A lone surrogate is no character, but it occurs in scraped text and must not end the reading.
        codes = np.frombuffer("\n".join(lowered).encode("utf-32-le", "surrogatepass"), dtype="<u4")
        begins, ends, hashes = find_words(codes, word_characters())
        # Each text is followed by one line end.
        places = np.cumsum([0, *(len(text) + 1 for text in lowered)])
        return cls(codes, begins, ends, hashes, np.searchsorted(begins, places))


@dataclass(frozen=True)
class Overlap:
    """What questions and samples share.

    `questions` (questions,) bool: those that overlap any sample; `whole`: those every word of which lies in a shared
    run; `checked`: those long enough. `example` (questions,) int64: the row of the first sample found, -1 for none.
    `samples` (pool, groups) bool: which samples overlap a question of which group.
    """

    questions: np.ndarray
    whole: np.ndarray
    checked: np.ndarray
    example: np.ndarray
    samples: np.ndarray


@dataclass(frozen=True)
class KnownRuns:
    """The different runs of all questions, by rising hash: first word, words, and where each bucket of them begins.

    A bucket is all hashes that agree but for their last `shift` bits; it holds about one run.
    """

    hashes: np.ndarray
    first: np.ndarray
    length: np.ndarray
    starts: np.ndarray
    shift: int

    @classmethod
    def of(cls, hashes: np.ndarray, first: np.ndarray, length: np.ndarray) -> KnownRuns:
        """Cut rising hashes into buckets."""
        bits = max(1, len(hashes).bit_length())
        edges = np.arange(1 << bits, dtype=np.uint64) << np.uint64(64 - bits)
        return cls(hashes, first, length, np.append(np.searchsorted(hashes, edges), len(hashes)), 64 - bits)


@dataclass(frozen=True)
class RunIndex:
    """The runs of all questions, which question holds each and which known run it is; see the module."""

    words: Words
    groups: np.ndarray
    first: np.ndarray
    length: np.ndarray
    owner: np.ndarray
    number: np.ndarray
    known: KnownRuns
    hash_bits: int

    @classmethod
    def of(cls, questions: Sequence[str], groups: Sequence[int], *, hash_bits: int = 64) -> RunIndex:
        """The index of questions, each of a group (numbered from 0); `hash_bits` below 64 only costs time."""
        from suite.studies.kernels.word_runs import number_runs

        words = Words.of(questions)
        first, length, owner = _runs(words.offsets, words.offsets)
        hashes = _hashes(words, first, length, hash_bits)
        order = np.argsort(hashes, kind="stable").astype(np.int32)
        number, standing = number_runs(order, hashes, words.codes, words.begins, words.ends, first, length)
        known = KnownRuns.of(hashes[standing], first[standing], length[standing])
        return cls(words, np.asarray(groups, dtype=np.int64), first, length, owner, number, known, hash_bits)

    def scan(self, pool: Pool, progress: Progress = no_progress) -> Overlap:
        """Stream a pool past the index, a block of its samples in memory at a time."""
        groups = int(self.groups.max(initial=-1)) + 1
        touched = np.zeros((len(pool), groups), dtype=bool)
        first_row = np.full(len(self.known.hashes), -1, dtype=np.int64)
        run_groups, group_offsets = self._groups_of_runs()
        for start, block in _blocks(pool):
            rows, runs = self._found(block)
            rows += start
            # In rising order of rows, so the first to be found is the first of the pool.
            new, place = np.unique(runs, return_index=True)
            fresh = first_row[new] < 0
            first_row[new[fresh]] = rows[place[fresh]]
            counts = np.diff(group_offsets)[runs]
            within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            touched[np.repeat(rows, counts), run_groups[np.repeat(group_offsets[runs], counts) + within]] = True
            progress(start + len(block), len(pool))
        return self._overlap(first_row, touched)

    def _found(self, block: Sequence[Sample]) -> tuple[np.ndarray, np.ndarray]:
        """(sample, known run) of every run of a block that a question holds, in the order of the samples."""
        from suite.studies.kernels.word_runs import find_runs

        fields = [fields_of(sample) for sample in block]
        words = Words.of([text for of_sample in fields for text in of_sample])
        ends = np.cumsum([0, *(len(of_sample) for of_sample in fields)])
        first, length, owner = _runs(words.offsets[ends], words.offsets)
        found = find_runs(
            _hashes(words, first, length, self.hash_bits),
            words.codes,
            words.begins,
            words.ends,
            first,
            length,
            self.known.hashes,
            self.known.starts,
            self.known.shift,
            self.words.codes,
            self.words.begins,
            self.words.ends,
            self.known.first,
            self.known.length,
        )
        hit = np.flatnonzero(found >= 0)
        hit = hit[np.argsort(owner[hit], kind="stable")]
        return owner[hit].astype(np.int64), found[hit]

    def _groups_of_runs(self) -> tuple[np.ndarray, np.ndarray]:
        """The different groups of each known run end to end, and where each run's begin, (known + 1,)."""
        groups = int(self.groups.max(initial=-1)) + 1
        pairs = np.sort(self.number.astype(np.int64) * groups + self.groups[self.owner])
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
        run, group = np.divmod(pairs, max(groups, 1))
        return group, np.searchsorted(run, np.arange(len(self.known.hashes) + 1))

    def _overlap(self, first_row: np.ndarray, touched: np.ndarray) -> Overlap:
        sizes = np.diff(self.words.offsets)
        row = first_row[self.number]
        hit = np.flatnonzero(row >= 0)
        example = np.full(len(sizes), len(touched), dtype=np.int64)
        np.minimum.at(example, self.owner[hit], row[hit])
        overlapping = example < len(touched)
        # Rises by one where a shared run begins and falls where it ends: above 0 within any.
        depth = np.zeros(len(self.words.begins) + 1, dtype=np.int64)
        np.add.at(depth, self.first[hit], 1)
        np.add.at(depth, self.first[hit] + self.length[hit], -1)
        covered = np.concatenate([[0], np.cumsum(np.cumsum(depth)[:-1] > 0)])
        whole = overlapping & (np.diff(covered[self.words.offsets]) == sizes)
        return Overlap(overlapping, whole, sizes >= SHORTEST, np.where(overlapping, example, -1), touched)


def plain_words(text: str) -> list[str]:
    """The words of a text as they are compared."""
    words = Words.of([text])
    return [
        words.codes[begin:end].tobytes().decode("utf-32-le", "surrogatepass")
        for begin, end in zip(words.begins, words.ends, strict=True)
    ]


def shared_words(question: str, sample: Sample) -> list[str]:
    """The longest run of words that a question and a sample's prompt share."""
    from difflib import SequenceMatcher

    asked, told = plain_words(question), plain_words("\n".join(fields_of(sample)))
    longest = SequenceMatcher(None, asked, told, autojunk=False).find_longest_match()
    return asked[longest.a : longest.a + longest.size]


def fields_of(sample: Sample) -> tuple[str, ...]:
    """The texts of a sample's prompt: instruction and input, or what is not the assistant's of a conversation."""
    if sample.turns:
        return tuple(text for role, text in sample.turns if role != "assistant")
    return sample.instruction, sample.input


@cache
def word_characters() -> np.ndarray:
    """Which code points are part of words: letters, marks (vowel signs of many scripts) and digits; (0x110000,)."""
    return np.asarray([unicodedata.category(chr(code))[0] in "LMN" for code in range(0x110000)])


def _runs(texts: np.ndarray, fields: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every run that is compared: (first word, words, text), int32: RUN words of a text, and fields as a whole.

    `texts` and `fields` are offsets in words; a text consists of whole fields.
    """
    left = np.repeat(texts[1:], np.diff(texts)) - np.arange(texts[-1])
    windows = np.flatnonzero(left >= RUN)
    sizes = np.diff(fields)
    short = np.flatnonzero((sizes >= SHORTEST) & (sizes < RUN))
    first = np.concatenate([windows, fields[short]])
    length = np.concatenate([np.full(len(windows), RUN), sizes[short]])
    owner = np.searchsorted(texts, first, side="right") - 1
    return first.astype(np.int32), length.astype(np.int32), owner.astype(np.int32)


def _hashes(words: Words, first: np.ndarray, length: np.ndarray, bits: int) -> np.ndarray:
    from suite.studies.kernels.word_runs import hash_runs

    hashes = hash_runs(words.hashes, first, length)
    return hashes >> np.uint64(64 - bits) << np.uint64(64 - bits)


def _blocks(pool: Pool) -> Iterator[tuple[int, list[Sample]]]:
    """Samples in blocks of about BLOCK_CHARACTERS, with the row of the first of each."""
    block: list[Sample] = []
    start = characters = 0
    for row, sample in enumerate(pool.samples()):
        block.append(sample)
        characters += sum(map(len, fields_of(sample)))
        if characters >= BLOCK_CHARACTERS:
            yield start, block
            start, block, characters = row + 1, [], 0
    if block:
        yield start, block
