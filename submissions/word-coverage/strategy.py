"""Covers the words of a pool, each further holder of a word counting for less: a greedy, submodular selection."""

import heapq
import math
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from suite.registry import Strategy, register


@register("word-coverage", level="micro", cost="n words", deterministic=True)
@dataclass(frozen=True)
class WordCoverage(Strategy):
    """Maximise the sum over words of sqrt(picked samples that hold the word), words of one sample alone left out.

    A sample's gain is divided by `length_power` of its number of words, or the longest samples would win by length.
    """

    length_power: float = 0.5

    def select(self, pool, budget, *, features, rng):
        """Row positions of `budget` samples, in the order picked."""
        words = [sorted(set(re.findall(r"\w+", text.lower()))) for text in pool.texts("both")]
        holders = Counter(word for held in words for word in held)
        words = [[word for word in held if holders[word] > 1] for held in words]
        covered = dict.fromkeys(holders, 0)

        def gain(row):
            added = sum(math.sqrt(covered[word] + 1) - math.sqrt(covered[word]) for word in words[row])
            return added / max(len(words[row]), 1) ** self.length_power

        # Gains only fall as words are covered, so an old gain bounds the new one from above: the best of the heap is
        # picked as soon as its gain is up to date. Equal gains go to the lower row.
        heap = [(-gain(row), row, 0) for row in range(len(words))]
        heapq.heapify(heap)
        picked = []
        while len(picked) < budget:
            _, row, computed = heapq.heappop(heap)
            if computed == len(picked):
                picked.append(row)
                for word in words[row]:
                    covered[word] += 1
            else:
                heapq.heappush(heap, (-gain(row), row, len(picked)))
        return np.array(picked, dtype=np.int64)
