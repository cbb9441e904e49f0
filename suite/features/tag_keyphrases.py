"""The offline tagger: keyphrases of each text alone, by YAKE, in as many processes as there are cores.

YAKE (Campos et al., Information Sciences 509, 2020) scores words by position, case, frequency and neighbours within
one text; it needs no model and no other text. A text of 270 characters takes about 2.5 ms on one core.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from suite.errors import FeatureError
from suite.features.tag_spool import Read, Tagged
from suite.machine import cores

LANGUAGE = "en"
WORDS = 2
CANDIDATES = 12
CHARACTERS = 4000
LIBRARIES = ("segtok", "snowballstemmer", "yake")


@dataclass(frozen=True)
class KeyphraseTagger:
    """YAKE's best phrases of up to `words` words of a text's first `characters`, at most `candidates` of them.

    There are more candidates than tags a sample keeps, since most phrases are rare and drop out. `language` picks
    YAKE's stop words; a text in another language still has phrases. Deterministic, whatever the number of processes.
    """

    language: str = LANGUAGE
    words: int = WORDS
    candidates: int = CANDIDATES
    characters: int = CHARACTERS

    def tag(self, chunks: Sequence[int], read: Read) -> Iterator[tuple[int, list[Tagged]]]:
        """Chunks as they get done. FeatureError when a process dies."""
        if len(chunks) == 1:  # starting processes takes longer than a chunk
            extract = _Extractor(self)
            yield chunks[0], [extract(text) for text in read(chunks[0])]
            return
        workers = min(cores(), len(chunks))
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start, (self,))
        waiting: dict[Future[list[Tagged]], int] = {}
        try:
            for number in chunks:
                waiting[pool.submit(_tagged, read(number))] = number
                if len(waiting) >= 2 * workers:  # enough to keep all busy; texts of more would only take memory
                    yield from _done(waiting)
            while waiting:
                yield from _done(waiting)
        except BrokenProcessPool as error:
            raise FeatureError(
                "A process that extracts keyphrases was killed (out of memory?). Run again: finished chunks are kept."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _done(waiting: dict[Future[list[Tagged]], int]) -> Iterator[tuple[int, list[Tagged]]]:
    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
        yield waiting.pop(future), future.result()


class _Extractor(logging.Handler):
    """A text's keyphrases. YAKE swallows its own exceptions and logs them, so this listens to its log."""

    def __init__(self, settings: KeyphraseTagger) -> None:
        import yake

        super().__init__(level=logging.WARNING)
        self.settings = settings
        self.yake: Any = yake.KeywordExtractor(lan=settings.language, n=settings.words, top=settings.candidates)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what YAKE says of a text it could not read."""
        self.said.append(record.getMessage())

    def __call__(self, text: str) -> Tagged:
        self.said.clear()
        logger = logging.getLogger("yake")
        logger.addHandler(self)
        try:
            phrases = tuple(phrase for phrase, _ in self.yake.extract_keywords(text[: self.settings.characters]))
        finally:
            logger.removeHandler(self)
        return Tagged(failure=self.said[0]) if self.said and not phrases else Tagged(phrases)


_extract: _Extractor | None = None


def _start(settings: KeyphraseTagger) -> None:
    global _extract
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _extract = _Extractor(settings)


def _end_with_parent() -> None:
    # A killed parent leaves its workers waiting for work for ever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _tagged(texts: list[str]) -> list[Tagged]:
    assert _extract is not None
    return [_extract(text) for text in texts]
