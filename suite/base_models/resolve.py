"""From the base model a track names to a folder on this disk: downloaded from the Hub, or built in place."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from suite.base_models.build import base_key, ensure_base, weights_sha256
from suite.base_models.packing import Corpus
from suite.errors import TrainingError
from suite.hashing import content_key, sources_sha256
from suite.reporting import Notify, Progress, no_progress, say_nothing

if TYPE_CHECKING:
    from suite.track import BuiltModel, HubModel, Track


@dataclass(frozen=True)
class ResolvedBase:
    """A base model in the Hub's format on this disk, tokenizer included."""

    name: str
    folder: Path
    weights_sha256: str


def resolve_base(
    model: HubModel | BuiltModel,
    track: Track,
    *,
    cache: Path,
    progress: Progress = no_progress,
    notify: Notify = say_nothing,
) -> ResolvedBase:
    """Download or build `model` unless it is there, and hash its weights.

    Raises TrainingError when the Hub does not give it.
    """
    if model.kind == "built":
        corpus = corpus_of(model, track)
        folder = ensure_base(model, corpus, cache / "base-models", progress=progress, notify=notify)
    else:
        folder = download(model.hub, model.revision)
    return ResolvedBase(model.name, folder, weights_sha256(folder))


def corpus_of(model: BuiltModel, track: Track) -> Corpus:
    """What a built base model is pretrained on: the embedded world's text, or the files the track names."""
    if model.text == "microworld":
        from suite.microworld import world

        if track.pool.kind != "microworld":
            raise TrainingError(
                f"Base model {model.name} reads the embedded world, which is not the pool of track {track.name}."
            )
        seed = track.pool.world_seed
        identity = content_key(["microworld", seed, sources_sha256("suite.microworld")])
        return Corpus(identity, lambda: world(seed).pretraining_texts(sys.maxsize))
    from suite.base_models.corpus import corpus_texts

    sources = [source.model_dump(mode="json") for source in model.corpus]
    return Corpus(content_key(["corpus", sources]), lambda: corpus_texts(model))


def is_ready(model: HubModel | BuiltModel, track: Track, *, cache: Path) -> bool:
    """Whether `resolve_base` would find the model without downloading or pretraining."""
    if model.kind == "built":
        return (cache / "base-models" / base_key(model, corpus_of(model, track))).is_dir()
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(model.hub, "config.json", revision=_revision(model)), str)


def download(hub: str, revision: str) -> Path:
    """A model of the Hub in the Hub's cache on this disk. Raises TrainingError when the Hub does not give it."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(
            hub,
            revision=None if revision == "not pinned" else revision,
            allow_patterns=["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"],
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise TrainingError(
            f"The model {hub} (revision {revision}) cannot be had from the Hub: {reason} Check the "
            "connection; for a gated model accept its licence on the Hub and log in with `hf auth login`."
        ) from error
    return Path(folder)


def _revision(model: HubModel) -> str | None:
    return None if model.revision == "not pinned" else model.revision
