"""What goes into a fine-tune and what comes out, both as JSON, so that they cross processes and disks."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from suite.errors import TrainingError
from suite.hashing import content_key, file_sha256
from suite.pool import Sample
from suite.reproducible import Determinism
from suite.results import Training
from suite.sealed import sealed, unsealed
from suite.track import Recipe

RECORD = "trained.json"
LIBRARIES = ("accelerate", "peft", "torch", "transformers", "trl")
"""What trains: another version of one makes other weights, so they are part of a training's key and of its record."""


class TrainingJob(BaseModel):
    """One fine-tune: base model folder, samples in the order selected, recipe, seed, and where the weights go.

    `threads` is torch's thread count; it does not change a bit of the outcome, but tiny models run many times slower
    with more than one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_model: Path
    samples: tuple[Sample, ...]
    recipe: Recipe
    training_seed: int
    output: Path
    threads: int = Field(default=1, gt=0)
    gpus: int = Field(default=1, gt=0)
    """GPUs that hold the model, layer by layer, where there are any; see `suite.training.finetune`."""


class TrainedModel(BaseModel):
    """The outcome: a peft adapter or a whole model in `folder`, its hash, what training did and what it cost.

    `weights_sha256` is that of the safetensors file (of the list of file hashes where weights are sharded).
    `training_flops` is 6 x all parameters x tokens seen (Kaplan et al., 2020, section 2.1): an estimate, and an
    upper one for LoRA, which computes no gradient of the frozen weights. `loop_seconds` are those of the steps alone,
    and `model_flop_utilisation` is what these made of the card's peak (see `suite.training.utilisation`); None on a
    processor, on a card that is not listed, and in records from before they were kept, like `determinism`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    kind: Literal["adapter", "full"]
    weights_sha256: str
    training: Training
    seconds: float
    peak_memory_bytes: int
    training_flops: float
    files: dict[str, str] = {}
    """The sha256 of every file beside the record, by its name; empty in records from before it was kept."""
    loop_seconds: float | None = None
    model_flop_utilisation: float | None = None
    determinism: Determinism | None = None

    @classmethod
    def read(cls, folder: Path) -> TrainedModel:
        """The record that `finetune` left in a folder. Raises TrainingError when it is missing or damaged."""
        try:
            record = cls.model_validate(unsealed((folder / RECORD).read_bytes()))
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"{folder} holds no finished fine-tune ({RECORD} is missing or damaged). Delete it and run again."
            ) from error
        return record.model_copy(update={"folder": folder})

    def write(self, folder: Path) -> None:
        """Put the record beside the files that it is of."""
        (folder / RECORD).write_text(sealed(self.model_dump(mode="json")), encoding="utf-8")

    def changed(self) -> str | None:
        """The name of a file that is missing or no longer as training wrote it; None when all of them are."""
        for name, sha256 in self.files.items():
            path = self.folder / name
            if not path.is_file() or file_sha256(path) != sha256:
                return name
        if not self.files and weights_sha256(self.folder) != self.weights_sha256:
            return "the weights"
        return None


def weights_sha256(folder: Path) -> str:
    """The sha256 of a folder's safetensors file, or of the names and hashes of its shards."""
    files = sorted(folder.glob("*.safetensors"))
    hashes = {file.name: file_sha256(file) for file in files}
    return next(iter(hashes.values())) if len(hashes) == 1 else content_key(hashes)
