"""LoRA adapters that come and go on one base model, with the base exactly as before when the last has left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from suite.engines.adapter_kinds import adapter_config, more_than_lora
from suite.errors import EvaluationError


class Adapters:
    """A causal language model and the peft adapters loaded on it."""

    def __init__(self, model: Any) -> None:
        self._base = model
        self._wrapped: Any = None
        self._names: set[str] = set()

    def add(self, name: str, folder: Path) -> None:
        """Load the adapter in `folder`. On any EvaluationError the model is left as it was."""
        from peft import PeftConfig, PeftModel
        from peft.utils import load_peft_weights, set_peft_model_state_dict

        if name in self._names:
            raise EvaluationError(f"An adapter {name!r} is loaded already; remove it first.")
        try:
            more = more_than_lora(adapter_config(folder))
            if more:
                # peft would load it, and the base would run without it, or not be the same any more when it is gone.
                raise EvaluationError(f"The adapter in {folder} {more}.")
            config = PeftConfig.from_pretrained(str(folder))
            config.inference_mode = True
            weights = load_peft_weights(str(folder), device=str(self._base.device))
            self._check_modules(weights)
            if self._wrapped is None:
                self._wrapped = PeftModel(self._base, config, adapter_name=name, autocast_adapter_dtype=False)
            else:
                self._wrapped.add_adapter(name, config, autocast_adapter_dtype=False)
            self._names.add(name)
            set_peft_model_state_dict(self._wrapped, weights, adapter_name=name)
        except EvaluationError:
            raise
        except Exception as error:
            # A damaged or foreign adapter fails in peft, safetensors or torch, each with errors of its own.
            self._undo(name)
            raise EvaluationError(f"The adapter in {folder} does not fit this base model: {_short(error)}") from error
        self._wrapped.eval()

    def move(self, device: Any) -> None:
        """Take the model, with every adapter on it, to a device."""
        self._base.to(device)

    def remove(self, name: str) -> None:
        """Free an adapter. Raises EvaluationError when there is none of that name."""
        if name not in self._names:
            raise EvaluationError(f"There is no adapter {name!r} to remove; loaded: {self._known()}.")
        self._undo(name)

    @contextmanager
    def active(self, name: str | None) -> Iterator[Any]:
        """The model with one adapter switched on, or the bare base for None."""
        if name is None:
            if self._wrapped is None:
                yield self._base
                return
            with self._wrapped.disable_adapter():
                yield self._base
            return
        if name not in self._names:
            raise EvaluationError(f"A request names adapter {name!r}, which is not loaded; loaded: {self._known()}.")
        self._wrapped.set_adapter(name)
        # peft works inside the base model's own layers, so the base runs the adapter without peft's wrapper around.
        yield self._base

    def _check_modules(self, weights: dict[str, Any]) -> None:
        # peft loads what fits and is silent about layers left without weights: a shallower model's adapter would pass.
        adapted = {key.removeprefix("base_model.model.").partition(".lora_")[0] for key in weights if ".lora_" in key}
        kinds = {module.rpartition(".")[2] for module in adapted}
        present = {name for name, _ in self._base.named_modules() if name.rpartition(".")[2] in kinds}
        if adapted != present:
            raise ValueError(
                f"it has weights for {len(adapted)} layers where this model has {len(present)} of their kinds, "
                f"{len(adapted & present)} in common"
            )

    def _undo(self, name: str) -> None:
        if name not in self._names:
            return
        self._names.discard(name)
        if self._names:
            self._wrapped.set_adapter(next(iter(sorted(self._names))))
            self._wrapped.delete_adapter(name)
        else:
            self._wrapped.unload()
            self._wrapped = None

    def _known(self) -> str:
        return ", ".join(sorted(self._names)) or "none"


def _short(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300] + ("" if str(error).rstrip().endswith(".") else ".")
