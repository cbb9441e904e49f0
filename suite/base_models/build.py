"""Base models built in place: tokenizer, pretraining and weights under one content key, made once."""

from __future__ import annotations

import os
import shutil
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.atomic import atomic_file, atomic_folder, storage_errors, write_text
from suite.base_models.bpe import train_bpe
from suite.base_models.packing import Corpus, pack
from suite.base_models.pretrain import CHECKPOINT_SECONDS, LlamaSpec, Schedule, llama, pretrain
from suite.errors import TrainingError
from suite.extras import require
from suite.hashing import content_key, file_sha256, library_versions
from suite.reporting import Notify, Progress, no_progress, say_nothing
from suite.sealed import sealed, unsealed

if TYPE_CHECKING:
    from suite.track import BuiltModel

CODE_VERSION = 1
HASHES = "hashes.json"
"""Beside the files of a built model: the sha256 of each."""
TOKENIZER_TEXTS = 8_000
WORTH_A_PROCESS = 1e10
"""Tokens times weights from where on a second process pays, which imports torch for many seconds first."""


def base_key(spec: BuiltModel, corpus: Corpus) -> str:
    """The sha256 of everything a built base depends on, save the kind of processor."""
    return content_key(
        {
            "spec": spec.model_dump(mode="json"),
            "corpus": corpus.identity,
            "code": CODE_VERSION,
            "libraries": library_versions(("torch", "tokenizers", "transformers")),
        }
    )


def ensure_base(
    spec: BuiltModel,
    corpus: Corpus,
    cache_dir: Path,
    *,
    workers: int | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    progress: Progress = no_progress,
    notify: Notify = say_nothing,
) -> Path:
    """The folder of the base model (Hub format, tokenizer included), built first where it is not there.

    A file lock lets one process build while others wait. A killed build goes on from its last checkpoint, and
    its weights are those of an uninterrupted one. A damaged model is reported through `notify` and built again.
    `progress(step, steps)` is called once a step; `workers` (default: 2 where there are two cores and enough to do)
    changes the time, not the weights.
    """
    from filelock import FileLock

    target = cache_dir / base_key(spec, corpus)
    if target.is_dir() and (target / HASHES).is_file() and _changed(target) is None:
        return target
    require("train", f"The base model {spec.name!r}, which is pretrained in place,")
    with storage_errors(target):
        cache_dir.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target.with_suffix(".lock"))
    with storage_errors(target), lock:
        _drop_damaged(target, notify)
        if not target.is_dir():
            from suite.quiet import quiet_libraries

            with quiet_libraries():
                work = target.with_suffix(".work")
                shared = _workers(spec) if workers is None else workers
                model, tokenizer = _pretrained(spec, corpus, work, shared, checkpoint_seconds, progress, notify)
                with atomic_folder(target) as temporary:
                    model.save_pretrained(temporary)
                    tokenizer.save_pretrained(temporary)
                    _note_hashes(temporary)
                shutil.rmtree(work)
    return target


def _workers(spec: BuiltModel) -> int:
    """How many processes pretrain: two where there are as many cores and the work is longer than a start of torch."""
    layer = spec.hidden * (4 * spec.hidden + 3 * spec.intermediate)
    weights = spec.layers * layer + spec.vocabulary * spec.hidden
    tokens = spec.steps * spec.batch_size * spec.sequence_length
    return min(2, os.cpu_count() or 1) if tokens * weights >= WORTH_A_PROCESS else 1


def _drop_damaged(target: Path, notify: Notify) -> None:
    """Remove a model whose files are not those that were written; called under its lock."""
    if not target.is_dir():
        return
    if not (target / HASHES).exists():
        _note_hashes(target)  # built before hashes were kept: from now on a change shows
    elif (damaged := _changed(target)) is not None:
        notify(f"The base model {target} is damaged ({damaged} has changed since it was written); it is built again.")
        shutil.rmtree(target)


def _note_hashes(folder: Path) -> None:
    files = {path.name: file_sha256(path) for path in sorted(folder.iterdir()) if path.name != HASHES}
    write_text(folder / HASHES, sealed({"files": files}))


def _changed(folder: Path) -> str | None:
    """The name of a file that is missing or no longer as it was written; None when all of them are."""
    try:
        files = unsealed((folder / HASHES).read_bytes())["files"]
        return next((name for name, sha256 in files.items() if file_sha256(folder / name) != sha256), None)
    except FileNotFoundError as error:
        return Path(error.filename).name
    except (ValueError, KeyError, AttributeError):
        return HASHES


def weights_sha256(folder: Path) -> str:
    """The sha256 of a model's weights; of the sorted hashes of its files where there are several."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise TrainingError(f"{folder} holds no .safetensors file; a base model is saved in the Hub's format.")
    if len(files) == 1:
        return file_sha256(files[0])
    return content_key([file_sha256(file) for file in files])


def _pretrained(
    spec: BuiltModel,
    corpus: Corpus,
    work: Path,
    workers: int,
    checkpoint_seconds: float,
    progress: Progress,
    notify: Notify,
) -> tuple[Any, Any]:
    # The work folder outlives a kill: tokenizer and tokens are kept whole, training state by checkpoints.
    tokenizer_folder = work / "tokenizer"
    if not tokenizer_folder.is_dir():
        with atomic_folder(tokenizer_folder) as temporary:
            _tokenizer(spec, corpus, temporary)
    tokens_file = work / "tokens.npy"
    tokens = _stored_tokens(tokens_file, notify)
    if tokens is None:
        tokens = pack(corpus.texts(), tokenizer_folder, spec.sequence_length, spec.steps * spec.batch_size)
        with atomic_file(tokens_file) as temporary, temporary.open("wb") as file:
            np.save(file, tokens)
    model, tokenizer = _model(spec, tokenizer_folder)
    pretrain(
        model,
        tokens,
        Schedule(spec.steps, spec.batch_size, spec.learning_rate, spec.seed),
        checkpoint=work / "checkpoint.pt",
        checkpoint_seconds=checkpoint_seconds,
        workers=workers,
        progress=progress,
        notify=notify,
    )
    return model, tokenizer


def _stored_tokens(file: Path, notify: Notify) -> np.ndarray | None:
    """The tokens that a killed build has left; None when there are none, or none that can be read."""
    if not file.is_file():
        return None
    try:
        tokens: np.ndarray = np.load(file, allow_pickle=False)
        return tokens
    except (OSError, ValueError, EOFError) as error:
        notify(f"{file} is damaged ({error}); it is made again.")
        return None


def _tokenizer(spec: BuiltModel, corpus: Corpus, folder: Path) -> None:
    reached = train_bpe(islice(corpus.texts(), TOKENIZER_TEXTS), spec.vocabulary, folder, spec.positions)
    if reached != spec.vocabulary:
        raise TrainingError(
            f"The corpus of base model {spec.name!r} gives a vocabulary of {reached} entries, not {spec.vocabulary}; "
            "lower `vocabulary` in the track, or give it more text."
        )


def _model(spec: BuiltModel, tokenizer_folder: Path) -> tuple[Any, Any]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    shape = LlamaSpec(
        hidden=spec.hidden,
        layers=spec.layers,
        heads=spec.heads,
        kv_heads=spec.kv_heads,
        intermediate=spec.intermediate,
        vocab=spec.vocabulary,
        max_positions=spec.positions,
    )
    special_ids = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    return llama(shape, special_ids, spec.seed), tokenizer
