"""Words of texts, rolling hashes of runs of words, and the exact comparison behind every hash that agrees.

Texts are code points (uint32) end to end. Words stand as (begin, end) places in them, runs as (first word, number of
words).
"""

from __future__ import annotations

import numpy as np

from strategies.kernels.compiling import compiled

# FNV-1a's prime and basis for the characters of a word, 2^64 over the golden ratio for the words of a run.
PRIME = np.uint64(0x100000001B3)
BASIS = np.uint64(0xCBF29CE484222325)
BASE = np.uint64(0x9E3779B97F4A7C15)


@compiled()
def find_words(codes: np.ndarray, is_word: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Begin and end (int64) and hash (uint64) of every longest run of word characters, each shape (words,).

    `codes` (characters,) uint32, `is_word` (0x110000,) bool.
    """
    count = 0
    inside = False
    for code in codes:
        if is_word[code] and not inside:
            count += 1
        inside = is_word[code]
    begins = np.empty(count, dtype=np.int64)
    ends = np.empty(count, dtype=np.int64)
    hashes = np.empty(count, dtype=np.uint64)
    word = -1
    inside = False
    for place in range(len(codes)):
        if is_word[codes[place]]:
            if not inside:
                word += 1
                begins[word] = place
                hashes[word] = BASIS
            hashes[word] = (hashes[word] ^ np.uint64(codes[place])) * PRIME
            ends[word] = place + 1
        inside = is_word[codes[place]]
    return begins, ends, hashes


@compiled()
def hash_runs(words: np.ndarray, first: np.ndarray, length: np.ndarray) -> np.ndarray:
    """A hash of each run, uint64, shape (runs,): a polynomial in its words' hashes, modulo 2^64, stirred.

    Rolling: the polynomial of a run comes from those of the two texts that end before its first and with its last
    word, so a run costs the same whatever its length.
    """
    before = np.zeros(len(words) + 1, dtype=np.uint64)
    for place in range(len(words)):
        before[place + 1] = before[place] * BASE + words[place]
    longest = 0
    for number in length:
        longest = max(longest, number)
    powers = np.ones(longest + 1, dtype=np.uint64)
    for power in range(longest):
        powers[power + 1] = powers[power] * BASE
    hashes = np.empty(len(first), dtype=np.uint64)
    for run in range(len(first)):
        start, count = first[run], length[run]
        hashes[run] = _stirred(before[start + count] - before[start] * powers[count] + np.uint64(count))
    return hashes


@compiled()
def number_runs(
    order: np.ndarray,
    hashes: np.ndarray,
    codes: np.ndarray,
    begins: np.ndarray,
    ends: np.ndarray,
    first: np.ndarray,
    length: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(the number of each run, the run that stands for each number), int32: equal numbers for equal words alone.

    `order` sorts the runs by hash, and numbers rise with it. Runs that share a hash but not their words get numbers
    of their own.
    """
    numbers = np.empty(len(order), dtype=np.int32)
    standing = np.empty(len(order), dtype=np.int32)
    count = 0
    since = 0
    for place in range(len(order)):
        run = order[place]
        if place == 0 or hashes[run] != hashes[order[place - 1]]:
            since = count
        numbers[run] = -1
        for known in range(since, count):
            other = standing[known]
            if length[run] == length[other] and _same_words(
                codes, begins, ends, first[run], codes, begins, ends, first[other], length[run]
            ):
                numbers[run] = known
                break
        if numbers[run] < 0:
            numbers[run] = count
            standing[count] = run
            count += 1
    return numbers, standing[:count].copy()


@compiled()
def find_runs(
    hashes: np.ndarray,
    codes: np.ndarray,
    begins: np.ndarray,
    ends: np.ndarray,
    first: np.ndarray,
    length: np.ndarray,
    known_hashes: np.ndarray,
    starts: np.ndarray,
    shift: int,
    known_codes: np.ndarray,
    known_begins: np.ndarray,
    known_ends: np.ndarray,
    known_first: np.ndarray,
    known_length: np.ndarray,
) -> np.ndarray:
    """For each run the place among the known ones that has the same words, or -1; int32, shape (runs,).

    `known_hashes` (known,) rises; `starts` says where each value of a hash without its last `shift` bits begins in it.
    """
    found = np.full(len(first), -1, dtype=np.int32)
    for run in range(len(first)):
        bucket = np.int64(hashes[run] >> np.uint64(shift))
        for known in range(starts[bucket], starts[bucket + 1]):
            if (
                known_hashes[known] == hashes[run]
                and known_length[known] == length[run]
                and _same_words(
                    codes,
                    begins,
                    ends,
                    first[run],
                    known_codes,
                    known_begins,
                    known_ends,
                    known_first[known],
                    length[run],
                )
            ):
                found[run] = known
                break
    return found


@compiled()
def _stirred(value: np.uint64) -> np.uint64:
    # The finaliser of SplitMix64: the upper bits, which buckets go by, come to depend on all others.
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@compiled()
def _same_words(
    codes: np.ndarray,
    begins: np.ndarray,
    ends: np.ndarray,
    start: int,
    other_codes: np.ndarray,
    other_begins: np.ndarray,
    other_ends: np.ndarray,
    other_start: int,
    count: int,
) -> bool:
    for word in range(count):
        begin, other = begins[start + word], other_begins[other_start + word]
        size = ends[start + word] - begin
        if size != other_ends[other_start + word] - other:
            return False
        for place in range(size):
            if codes[begin + place] != other_codes[other + place]:
                return False
    return True
