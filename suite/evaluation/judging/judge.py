"""The judge: an open model behind the engine protocol, at a pinned commit, whose every verdict is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from suite.engines import EngineName, chosen_engine, engine_versions, open_engine
from suite.engines.protocol import GenerationRequest
from suite.errors import EvaluationError
from suite.evaluation.judging.verdicts import VerdictStore
from suite.evaluation.rows import judges_rows
from suite.evaluation.run import in_slices
from suite.hashing import canonical_json, content_key, file_sha256, library_versions
from suite.home import verdicts_folder
from suite.machine import visible_gpus
from suite.quiet import quiet_libraries
from suite.reporting import Progress, no_progress
from suite.templates import in_own_template

if TYPE_CHECKING:
    from suite.engines.protocol import Engine

MOST_TOKENS = 1024
"""Tokens a judge may write: an explanation and a verdict (FastChat allows 2,048; a cut verdict is unreadable)."""
ROOM_STEP = 4096
"""Judges are given room for prompts and verdicts in such steps, so that longer prompts seldom start them again."""
LIBRARIES = ("torch", "transformers")
"""What the transformers engine's verdicts hang on; peft, which it names too, has no part in them."""
MODEL_FILES = (".safetensors", ".json", ".jinja", ".model", ".txt")
Dtype = Literal["float32", "bfloat16"]
PLACE = "\u241f{}\u241f"
"""Stands for a text while a chat template is rendered around it."""


def judges_engine(asked: EngineName = "auto") -> Literal["transformers", "vllm"]:
    """What runs a judge beside models that `asked` runs: vllm where it is asked for by name or has a GPU here."""
    return chosen_engine("vllm" if asked == "vllm" else "auto")


def judges_dtype(asked: Dtype = "float32") -> Dtype:
    """The precision of a judge beside models that run in `asked`: bfloat16 on a GPU, and wherever they have it too."""
    return "bfloat16" if asked == "bfloat16" or visible_gpus() else "float32"


@dataclass(frozen=True)
class JudgeModel:
    """Which model judges: a name of the Hub with its commit, or a folder on this disk, and what runs it.

    The engine and the precision are settled where it is named, so that a run's workers on other machines judge as the
    machine says that asks whether they have finished. `rows` at a time (None: as many as suit the engine) are no part
    of which judge it is: greedy verdicts are kept whatever was beside them.
    """

    name: str
    revision: str = "not pinned"
    engine: Literal["transformers", "vllm"] = field(default_factory=judges_engine)
    dtype: Dtype = field(default_factory=judges_dtype)
    rows: int | None = field(default=None, compare=False)

    def check(self, task: str) -> None:
        """Raise EvaluationError, naming `task`, unless the judge is a folder or pinned by commit."""
        if self.revision == "not pinned" and not Path(self.name).is_dir():
            raise EvaluationError(
                f"Task {task}: the judge {self.name} is not pinned, so its verdicts could not be had again. State the "
                "commit (judge_revision), or give a folder that holds the model."
            )

    def folder(self) -> Path:
        """Its files on this disk, downloaded on first use."""
        from suite.base_models.resolve import download

        return Path(self.name) if Path(self.name).is_dir() else download(self.name, self.revision)

    @property
    def gpus(self) -> int:
        """Over how many GPUs the vllm engine splits it: of those that are visible, as many as it can be split over."""
        from suite.cost.splitting import split_of

        return split_of(self.name, self.revision, max(1, len(visible_gpus())))

    def open(self) -> Judge:
        """The judge itself; its model is loaded when there is something new to judge."""
        return Judge(self)

    @property
    def key(self) -> str:
        """Identity of its verdicts: the model by commit, or by its files' content, and what runs it, how exactly.

        vLLM's versions are those of its own interpreter. Raises EngineError where vLLM is to run it and cannot.
        """
        folder = Path(self.name)
        model = _contents(str(folder.resolve())) if folder.is_dir() else [self.name, self.revision]
        versions = engine_versions("vllm") if self.engine == "vllm" else library_versions(LIBRARIES)
        return content_key(["judge", model, self.engine, self.dtype, MOST_TOKENS, versions])


@dataclass(frozen=True)
class Case:
    """One prompt for a judge: what it is told (`system`) and shown (`user`), and whose item it is."""

    task: str
    item: str
    system: str
    user: str


class Judge:
    """Puts cases to a judge; the model is loaded when the first case is new, and freed by `close`.

    Use it as a context manager, or call `close`: a judge may fill the GPU it is on.
    """

    def __init__(self, model: JudgeModel) -> None:
        self.model, self.batch_size = model, judges_rows(model.engine, model.rows)
        self.store = VerdictStore(verdicts_folder() / f"{model.key[:32]}.sqlite")
        self.asked = 0
        self._folder = model.folder()
        self._tokenizer = _tokenizer(self._folder, model.name)
        self._longest = _context(self._folder) - MOST_TOKENS
        self._ends = _ends(self._folder, self._tokenizer)
        self._engine: Engine | None = None
        self._room = 0

    def close(self) -> None:
        """Free the judge's memory; it is loaded again when it is asked again."""
        if self._engine is not None:
            self._engine.close()
        self._engine = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def verdicts(self, cases: Sequence[Case], progress: Progress = no_progress) -> list[str]:
        """What the judge wrote on each case, in order; empty where a case does not fit into its context.

        Greedy, so the same on the same machine; cases that were put before are read from the store.
        """
        prompts = [self._encoded(case) for case in cases]
        keys = [hashlib.sha256(canonical_json(ids).encode()).hexdigest() for ids in prompts]
        written = self.store.known(keys)
        fresh: dict[str, int] = {}
        for place, key in enumerate(keys):
            if key not in written and len(prompts[place]) <= self._longest:
                fresh.setdefault(key, place)
        if fresh:
            written |= self._ask(fresh, prompts, cases, progress)
        progress(len(cases), len(cases))
        return [written.get(key, "") for key in keys]

    def _ask(
        self, fresh: dict[str, int], prompts: Sequence[list[int]], cases: Sequence[Case], progress: Progress
    ) -> dict[str, str]:
        engine = self._opened(max(len(prompts[place]) for place in fresh.values()) + MOST_TOKENS)
        requests = [GenerationRequest(tuple(prompts[place]), MOST_TOKENS, self._ends) for place in fresh.values()]
        given = in_slices(requests, engine.generate, lambda done: progress(done, len(requests)))
        texts = [str(self._tokenizer.decode(ids, skip_special_tokens=True)) for ids in given]
        self.asked += len(texts)
        self.store.keep(
            (key, cases[place].task, cases[place].item, text)
            for (key, place), text in zip(fresh.items(), texts, strict=True)
        )
        return dict(zip(fresh, texts, strict=True))

    def _opened(self, room: int) -> Engine:
        """The judge's engine with place for `room` tokens: an engine sets memory aside for the longest of prompts."""
        from suite.engines.vllm.engine import VllmSettings

        if room > self._room:
            self.close()
            self._room = min(-(-room // ROOM_STEP) * ROOM_STEP, self._longest + MOST_TOKENS)
        if self._engine is None:
            self._engine = open_engine(
                self.model.engine,
                self._folder,
                dtype=self.model.dtype,
                batch_size=self.batch_size,
                vllm=VllmSettings(context=self._room, adapters=0, gpus=self.model.gpus),
            )
        return self._engine

    def _encoded(self, case: Case) -> list[int]:
        """Token ids of a case in the judge's own chat template; a marker written inside an answer stays text."""
        ids: list[int] = []
        pieces = self._rendered(bool(case.system))
        texts = {PLACE.format("system"): case.system, PLACE.format("user"): case.user}
        if pieces.count(PLACE.format("system")) < bool(case.system):
            texts[PLACE.format("user")] = f"{case.system}\n\n{case.user}"
        for piece in pieces:
            ids += self._tokenizer(
                texts.get(piece, piece), add_special_tokens=False, split_special_tokens=piece in texts, verbose=False
            )["input_ids"]
        return ids

    def _rendered(self, with_system: bool) -> list[str]:
        """The chat template around the places of the texts. Not every template knows a system's part."""
        import re

        from jinja2 import TemplateError

        system = [{"role": "system", "content": PLACE.format("system")}] if with_system else []
        user = [{"role": "user", "content": PLACE.format("user")}]
        try:
            text = in_own_template(self._tokenizer, [*system, *user], ask=True)
        except TemplateError:
            text = in_own_template(self._tokenizer, user, ask=True)
        return [piece for piece in re.split("(\u241f(?:system|user)\u241f)", text) if piece]


@lru_cache(maxsize=8)
def _contents(folder: str) -> list[list[str]]:
    """Name and sha256 of a model's files, tokenizer and chat template among them."""
    paths = sorted(path for path in Path(folder).iterdir() if path.suffix in MODEL_FILES)
    return [[path.name, file_sha256(path)] for path in paths]


def _tokenizer(folder: Path, name: str) -> Any:
    from transformers import AutoTokenizer

    try:
        with quiet_libraries():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise EvaluationError(f"The tokenizer of the judge {name} cannot be read: {error}") from error
    if not tokenizer.chat_template:
        raise EvaluationError(
            f"The judge {name} has no chat template, so it cannot be told to judge: take an instruction-tuned model."
        )
    return tokenizer


def _context(folder: Path) -> int:
    """Tokens the judge can read and write together."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    return int(getattr(config.get_text_config(), "max_position_embeddings", None) or 4096)


def _ends(folder: Path, tokenizer: Any) -> tuple[int, ...]:
    """Tokens that end what a judge writes: chat models often state more of them than their tokenizer does."""
    from transformers import GenerationConfig

    try:
        stated = GenerationConfig.from_pretrained(folder, local_files_only=True).eos_token_id
    except OSError:
        stated = None
    ends = {*(stated if isinstance(stated, list) else [stated]), tokenizer.eos_token_id}
    return tuple(sorted(int(end) for end in ends if end is not None))
