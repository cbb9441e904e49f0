"""From the base model a track names to a folder on this disk: downloaded from the Hub, or built in place."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from suite.base_models.build import base_key, ensure_base, weights_sha256
from suite.base_models.packing import Corpus
from suite.errors import TrainingError
from suite.hashing import content_key, sources_sha256
from suite.reporting import Notify, Progress, no_progress, say_nothing
from suite.sources import is_fetching

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
    """Whether `resolve_base` would find the model, all of its weights, without downloading or pretraining."""
    if model.kind == "built":
        return (cache / "base-models" / base_key(model, corpus_of(model, track))).is_dir()
    from huggingface_hub.errors import HFValidationError

    try:
        folder = _snapshot(model.hub, model.revision, here=True)
    except (HFValidationError, OSError):  # no name that the Hub could have; not here, or not all that belongs to it
        return False
    return (folder / "config.json").is_file() and all(path.is_file() for path in weight_files(folder))


def download(hub: str, revision: str) -> Path:
    """A model of the Hub in the Hub's cache on this disk. Raises TrainingError when the Hub does not give it."""
    import httpx
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return _snapshot(hub, revision, here=not is_fetching())
    except (HFValidationError, HfHubHTTPError, httpx.HTTPError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrainingError(
            f"The model {hub} (revision {revision}) cannot be had from the Hub: {reason} Check the "
            "connection; for a gated model accept its licence on the Hub and log in with `hf auth login`."
        ) from error


def _snapshot(hub: str, revision: str, *, here: bool) -> Path:
    """The folder of a model in the Hub's cache, fetched unless `here`; may then lack files, as one of a config alone.

    Raises HFValidationError, HfHubHTTPError, httpx.HTTPError or OSError (of what is missing here) where there is none.
    """
    from huggingface_hub import snapshot_download

    return Path(
        snapshot_download(
            hub,
            revision=None if revision == "not pinned" else revision,
            allow_patterns=["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"],
            local_files_only=here,
        )
    )


def weight_files(folder: Path) -> list[Path]:
    """The files a model's weights should be in, by its index where it has one; some may be missing.

    A snapshot may hold the config alone, or be half fetched; and some repositories hold their model twice.
    """
    index = folder / "model.safetensors.index.json"
    names = {"model.safetensors"}
    if index.is_file():
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    return [folder / name for name in sorted(names)]
