"""Tags: a few open labels a sample, from keyphrases (offline) or from a language model, normalised and merged.

A tagger is written `name`, `name:model` or `name:model?key=value&key=value`:

- `keyphrases` (`?words=2&candidates=12&characters=4000&language=en`): offline, see `suite.features.tag_keyphrases`.
- `engine:<folder or Hub name>` (`?engine=auto&batch_size=64&max_new_tokens=384&max_text_tokens=1024`): a language
  model that follows instructions, see `suite.features.tag_engine`.

Both take `failures=0.1`, the share of texts on which the tagger may fail; a sample it fails on has no tag.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from suite.errors import FeatureError
from suite.features.base import Feature, Features, TrackContext
from suite.features.embeddings import Embeddings, parse_embedder
from suite.features.tokens import TokenLists
from suite.features.written import Options, Written, parse_written
from suite.hashing import content_key, library_versions
from suite.pool.pool import View
from suite.reporting import Progress, no_progress

if TYPE_CHECKING:
    from suite.features.tag_normalise import Embed
    from suite.features.tag_spool import Tagger
    from suite.pool import Pool

KEYPHRASES = "keyphrases"
CHARACTERS = "characters"
TRACK = "track"
FAILURES = 0.1
SAMPLES_A_TAG = 10_000
LEAST_RARE = 2
KEYPHRASE_TAGS = 5
SIMILARITY = 0.85
OPTIONS: dict[str, Options] = {
    KEYPHRASES: {"words": int, "candidates": int, "characters": int, "language": str, "failures": float},
    "engine": {
        "engine": str,
        "batch_size": int,
        "max_new_tokens": int,
        "max_text_tokens": int,
        "failures": float,
    },
}


@dataclass(frozen=True)
class TagLists(TokenLists):
    """Tags of n samples as numbers, end to end like TokenLists, best first; `names[number]` is the tag in words.

    Number 0 is held by most samples. `counts` says how many texts the tagger failed on and how many different tags
    there were after each step.
    """

    names: tuple[str, ...]
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Tags(Feature):
    """Tags of one view, opened as TagLists.

    Source: InsTag (Lu et al., arXiv 2308.07074) as M2M uses it: tagger, normalise (case, stem), drop rare, merge
    near-duplicates by embedding. `rare` is the fewest samples a tag must be in, None one in 10,000 of the pool and
    at least 2 (our reading); `most` the tags a sample keeps, None 5 of keyphrases (about 4 are left
    of them when the rare ones are gone, as many as in the paper) and all of a model's answer. Tags whose cosine is at
    least `similarity` are merged, the rarer into the commoner, by the TF-IDF of their characters
    (`merge="characters"`; from 0.85 on, pairs differ in word order or spelling, below in meaning), by an embedder
    with a model, or by that of the track (`merge="track"`).
    """

    view: View = "instruction"
    tagger: str | None = None
    rare: int | None = None
    most: int | None = None
    merge: str = CHARACTERS
    similarity: float = SIMILARITY

    kind: ClassVar[str] = "tags"

    def resolve(self, track: TrackContext) -> Tags:
        """The default tagger and the track's embedder filled in, everything checked."""
        tagger = parse_tagger(self.tagger or KEYPHRASES)
        merge = track.embedder if self.merge == TRACK else self.merge
        if merge != CHARACTERS and not parse_embedder(merge).model:
            raise FeatureError(
                f"Embedder {merge!r} learns its terms from whole samples and cannot compare tags; write "
                f"merge={CHARACTERS}, or name an embedder with a model."
            )
        if (self.rare is not None and self.rare < 1) or (self.most is not None and self.most < 1):
            raise FeatureError("The fewest samples of a tag (`rare`) and a sample's tags (`most`) are at least 1.")
        if not self.similarity > 0:
            raise FeatureError(f"`similarity` is a cosine above 0, not {self.similarity}; over 1 nothing is merged.")
        most = self.most or (KEYPHRASE_TAGS if tagger.name == KEYPHRASES else None)
        return replace(self, tagger=self.tagger or KEYPHRASES, merge=merge, most=most)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of its key: where models lie is left out, their content stands in `identity`."""
        tagger = parse_tagger(self.tagger or KEYPHRASES)
        embedder = None if self.merge == CHARACTERS else parse_embedder(self.merge)
        return {
            "view": self.view,
            "tagger": tagger.name,
            "options": tagger.options,
            "rare": self.rare,
            "most": self.most,
            "merge": [embedder.name, embedder.options] if embedder else [CHARACTERS],
            "similarity": self.similarity,
        }

    def identity(self) -> dict[str, Any]:
        """The tagger's libraries, content and prompt, and the same of the embedder that merges."""
        from suite.features import tag_engine, tag_keyphrases, tag_prompt

        tagger = parse_tagger(self.tagger or KEYPHRASES)
        facts: dict[str, Any]
        if tagger.name == KEYPHRASES:
            facts = {"libraries": library_versions(tag_keyphrases.LIBRARIES)}
        else:
            from suite.features.pretrained import locate_model
            from suite.features.text_models import device_name

            facts = {
                "libraries": tag_engine.libraries(tagger.options.get("engine", "auto")),
                "model": locate_model(tagger.model).identity,
                "device": device_name(),
                "prompt": content_key(tag_prompt.prompt_parts(self.view)),
            }
        if self.merge == CHARACTERS:
            facts["merge"] = library_versions(("scikit-learn", "scipy"))
        else:
            facts["merge"] = Embeddings(embedder=self.merge).identity()
        return facts

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        """Tag every sample (resumable), then number the tags."""
        from suite.features.tag_normalise import number_tags
        from suite.features.tag_spool import tag_pool

        written = parse_tagger(self.tagger or KEYPHRASES)
        answers = tag_pool(
            pool,
            self.view,
            _tagger(written, self.view),
            features.scratch,
            progress,
            most_failures=written.options.get("failures", FAILURES),
        )
        found = number_tags(
            (answer.tags for answer in answers),
            rare=self.rare or max(LEAST_RARE, len(pool) // SAMPLES_A_TAG),
            most=self.most,
            similarity=self.similarity,
            embed=self._embed(features),
        )
        counts = {"failed": sum(answer.failure is not None for answer in answers), **found.distinct}
        return {
            "ids": found.ids,
            "offsets": found.offsets,
            **_strings("names", found.names),
            **_strings("steps", tuple(counts)),
            "counts": np.asarray(list(counts.values()), dtype=np.int64),
        }

    def open(self, arrays: Mapping[str, np.ndarray]) -> TagLists:
        """Tag lists over the memory-mapped numbers."""
        counts = dict(zip(_read_strings("steps", arrays), arrays["counts"].tolist(), strict=True))
        return TagLists(arrays["ids"], np.asarray(arrays["offsets"]), _read_strings("names", arrays), counts)

    def _embed(self, features: Features) -> Embed:
        from suite.features.tag_normalise import character_rows
        from suite.pool import pool_from_records

        if self.merge == CHARACTERS:
            return character_rows

        def rows(names: Any) -> np.ndarray:
            feature = Embeddings(view="response", embedder=self.merge)
            pool = pool_from_records([{"output": name} for name in names])
            own = Features(features.track, {}, scratch=features.scratch / "names")
            return feature.compute(pool, own, no_progress)["embeddings"]

        return rows


def parse_tagger(written: str) -> Written:
    """Parse the one-line form of a tagger; errors name what is unknown, missing or out of range."""
    tagger = parse_written("tagger", written, OPTIONS, offline=(KEYPHRASES,))
    for key, value in tagger.options.items():
        if isinstance(value, int) and value < 1:
            raise FeatureError(f"Option {key} of tagger {tagger.name} must be at least 1, not {value}.")
    if not 0 <= tagger.options.get("failures", FAILURES) <= 1:
        raise FeatureError(f"Option failures is a share between 0 and 1, not {tagger.options['failures']}.")
    if tagger.options.get("engine", "auto") not in ("auto", "transformers", "vllm"):
        raise FeatureError(f"Engine {tagger.options['engine']!r} is unknown: write auto, transformers or vllm.")
    return tagger


def _tagger(written: Written, view: View) -> Tagger:
    options = {key: value for key, value in written.options.items() if key != "failures"}
    if written.name == KEYPHRASES:
        from suite.features.tag_keyphrases import KeyphraseTagger

        return KeyphraseTagger(**options)
    from suite.features import tag_engine
    from suite.features.pretrained import locate_model

    folder = locate_model(written.model).path
    loading = {key: options.pop(key) for key in ("engine", "batch_size") if key in options}
    most = options.get("max_text_tokens", tag_engine.MAX_TEXT_TOKENS)
    context = most + options.get("max_new_tokens", tag_engine.MAX_NEW_TOKENS) + tag_engine.MAX_FRAME_TOKENS
    return tag_engine.EngineTagger(lambda: tag_engine.load_model(folder, context=context, **loading), view, **options)


def _strings(name: str, values: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Strings as two arrays: UTF-8 bytes end to end, (bytes,) uint8, and offsets, (count + 1,) int64."""
    encoded = [value.encode() for value in values]
    return {
        name: np.frombuffer(b"".join(encoded), dtype=np.uint8),
        f"{name}_offsets": np.cumsum([0, *map(len, encoded)], dtype=np.int64),
    }


def _read_strings(name: str, arrays: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    whole, offsets = np.asarray(arrays[name]).tobytes(), arrays[f"{name}_offsets"].tolist()
    return tuple(whole[start:stop].decode() for start, stop in pairwise(offsets))
