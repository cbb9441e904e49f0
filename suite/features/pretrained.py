"""Where a named tokenizer or model lies on this disk, and what identifies its content.

A name is a folder, a file, or a Hub repository (`owner/name`, or `owner/name@revision`). A local one is identified
by the sha256 of its files, a Hub one by its commit, so features computed from either are keyed by content.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from suite.errors import FeatureError
from suite.hashing import file_sha256

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
)
WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "model*.bin")
DESCRIPTIONS = ("*.json", "*.txt", "*.model", "*.jinja")
NOT_OURS = ("onnx/*", "openvino/*", "original/*", "training_args.bin")


@dataclass(frozen=True)
class Located:
    """A folder (or a single file) on this disk, and what identifies its content."""

    path: Path
    identity: dict[str, Any]


def locate_tokenizer(name: str) -> Located:
    """Find a tokenizer: a `tokenizer.model` file, a folder with tokenizer files, or a Hub name.

    Raises FeatureError when there is none.
    """
    if not name:
        raise FeatureError(
            "No tokenizer is known: the track names no base model; give the feature one (tokenizer=FOLDER)."
        )
    path = Path(name).expanduser()
    if path.is_file():
        return Located(path, {"files": {path.name: _sha256(path)}})
    if path.is_dir():
        files = [path / file for file in TOKENIZER_FILES if (path / file).is_file()]
        if not files:
            raise FeatureError(f"{path} holds no tokenizer: none of {', '.join(TOKENIZER_FILES)}.")
        return Located(path, {"files": {file.name: _sha256(file) for file in files}})
    return _from_hub(name, DESCRIPTIONS)


def locate_model(name: str) -> Located:
    """Find a model with its weights: a folder, or a Hub name. Raises FeatureError when there is none."""
    path = Path(name).expanduser()
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
        return Located(path, {"files": {str(file.relative_to(path)): _sha256(file) for file in files}})
    return _from_hub(name, (*DESCRIPTIONS, *WEIGHTS))


@lru_cache(maxsize=32)
def _from_hub(name: str, patterns: Iterable[str]) -> Located:
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    repository, _, revision = name.partition("@")
    try:
        folder = snapshot_download(
            repository, revision=revision or None, allow_patterns=list(patterns), ignore_patterns=list(NOT_OURS)
        )
    except (HFValidationError, HfHubHTTPError, httpx.HTTPError, OSError) as error:
        first_line = str(error).strip().split("\n")[0]
        raise FeatureError(
            f"{name!r} is neither a folder here nor a Hub repository that can be fetched ({first_line}). "
            "Check the name and the network, or give a folder."
        ) from error
    path = Path(folder)
    return Located(path, {"repository": repository, "commit": path.name})


def _sha256(path: Path) -> str:
    facts = path.stat()
    return _sha256_of(path.resolve(), facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=1024)
def _sha256_of(path: Path, size: int, modified: int) -> str:
    # Size and time of change are part of the cache's key alone: weights are hashed once, and again when they change.
    return file_sha256(path)
