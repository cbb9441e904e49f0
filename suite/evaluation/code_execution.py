"""Code: the model completes a function, and unit tests say whether the completed function works."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from suite.engines.protocol import GenerationRequest, Likelihood
from suite.errors import EvaluationError
from suite.evaluation.plan import SHOWN, Plan, PlannedTask, fit_prompt
from suite.evaluation.protocol import AskedModel, Problem, TaskOutcome, Unit
from suite.hashing import content_key
from suite.machine import cores
from suite.templates import encode_prompts, encode_responses, stop_token_id

if TYPE_CHECKING:
    from suite.intake.sandbox.isolation import Isolation
    from suite.intake.sandbox.programs import Judgement

ASKED = "Complete the following Python function.\n\n"
BEGUN = "```python\n"
STOPS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint", "\n```")
"""Where a completion ends: the function is over (Chen et al., 2021, section 3.1), or the block of code is."""
VERSION = 1
"""Of all that makes a value of a completion: prompts, stops, and how programs are judged."""


@dataclass(frozen=True)
class CodeExecution(PlannedTask):
    """The share of completed functions that pass all their tests (higher is better): pass@k of HumanEval.

    The instruction asks to complete the function, and the response is begun with it, so that what is scored is how it
    goes on and not whether it is quoted well. Greedy generation (`samples` 1, `temperature` 0) gives 1.0 or 0.0 an
    item. With `samples` programs at a `temperature`, of which c pass, an item's value is the unbiased estimate of
    pass@`pass_at`, 1 - C(n - c, k) / C(n, k) (Chen et al., 2021, equation 1); draws are seeded by item and number, so
    that every model draws with the same luck.

    Programs run in the sandbox of submitted code, each in one of its own and apart from its tests (see
    `suite.intake.sandbox.programs`). Where this machine has no isolation the task is refused: nothing that a model
    wrote is ever run without. Differs from the published harness in two points: arguments and results pass between
    tests and program as copies of plain data, and time is that of the processor (5 s).
    """

    samples: int = 1
    pass_at: int = 1
    temperature: float = 0.0
    top_p: float = 1.0

    kind: ClassVar[str] = "code"
    unit: ClassVar[Unit] = "accuracy"

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The items. EvaluationError where one has no tests."""
        found = tuple(item for item in self.items if isinstance(item, Problem))
        if len(found) < len(self.items):
            raise EvaluationError(f"Task {self.name}: its items have no tests; use a format of code such as humaneval.")
        return found

    @property
    def items_sha256(self) -> str:
        """Identity of the problems with their tests, and of how programs are drawn and judged."""
        problems = [[item.id, item.instruction, item.entry_point, item.test] for item in self.problems]
        drawn = [self.samples, self.pass_at, self.temperature, self.top_p]
        return content_key([self.kind, VERSION, self.max_new_tokens, drawn, problems])

    def check_machine(self) -> None:
        """Raise EvaluationError, with how to get it, where this machine has no isolation for programs."""
        self._isolation()

    def _isolation(self) -> Isolation:
        from suite.intake.sandbox.isolation import SandboxMissing, find_isolation

        try:
            return find_isolation()
        except SandboxMissing as error:
            raise EvaluationError(
                f"Task {self.name} runs programs that a model wrote, and does so in a sandbox only. {error}"
            ) from error

    def plan(self, model: AskedModel) -> Plan:
        """`samples` generations an item, in the order of items."""
        self.check_items()
        problems, isolation = self.problems, self._isolation()
        asked = encode_prompts(model.template, model.tokenizer, ((ASKED + item.instruction, "") for item in problems))
        # Without white space at the end: tokenizers join it with what comes next.
        heads = [BEGUN + _head(item) for item in problems]
        begun = encode_responses(model.template, model.tokenizer, heads, stop=False)
        whole = [prompt + start for prompt, start in zip(asked, begun, strict=True)]
        room = max(model.max_length - self.max_new_tokens, 1)
        prompts = [fit_prompt(ids, room, model.tokenizer.bos_token_id) for ids in whole]
        stops = (stop_token_id(model.template, model.tokenizer),)
        requests = tuple(
            GenerationRequest(
                ids, self.max_new_tokens, stops, model.adapter, self.temperature, self.top_p, self._seed(item, number)
            )
            for item, ids in zip(problems, prompts, strict=True)
            for number in range(self.samples)
        )

        def finish(generated: Sequence[list[int]], _: Sequence[Likelihood]) -> TaskOutcome:
            per_item = [generated[at : at + self.samples] for at in range(0, len(generated), self.samples)]
            sources = [
                [_head(item) + completion(model.tokenizer, start, ids) for ids in drawn]
                for item, start, drawn in zip(problems, begun, per_item, strict=True)
            ]
            judged = self._judged(isolation, problems, sources)
            passed = [sum(one.verdict == "passed" for one in of_item) for of_item in judged]
            return TaskOutcome(
                values=np.array([pass_at(self.pass_at, self.samples, count) for count in passed], dtype=np.float32),
                first_prompt_ids=prompts[0],
                tokens=sum(map(len, generated)),
                samples=tuple(
                    {
                        "id": item.id,
                        "instruction": item.instruction,
                        "reference": item.reference,
                        "generated": programs[0],
                        "verdict": f"{of_item[0].verdict}: {of_item[0].why}".removesuffix(": "),
                    }
                    for item, programs, of_item in zip(problems[:SHOWN], sources[:SHOWN], judged[:SHOWN], strict=True)
                ),
                truncated=sum(len(ids) > room for ids in whole),
            )

        return Plan(requests, (), finish)

    def _seed(self, item: Problem, number: int) -> int:
        return int.from_bytes(hashlib.sha256(f"{self.name}/{item.id}/{number}".encode()).digest()[:4], "big")

    def _judged(
        self, isolation: Isolation, problems: Sequence[Problem], sources: Sequence[Sequence[str]]
    ) -> list[list[Judgement]]:
        """The judgement on each program of each item; one that was drawn several times is run once."""
        from suite.intake.sandbox.programs import Program, judge

        programs = [
            [Program(source, item.entry_point, item.instruction, item.test) for source in drawn]
            for item, drawn in zip(problems, sources, strict=True)
        ]
        different = list(dict.fromkeys(program for drawn in programs for program in drawn))
        judgements = dict(zip(different, judge(different, isolation, jobs=cores()), strict=True))
        return [[judgements[program] for program in drawn] for drawn in programs]


def completion(tokenizer: Any, start: Sequence[int], ids: Sequence[int]) -> str:
    """The text that generated ids add to the begun response, up to the first of `STOPS`."""
    # Decoded with what stands before them: some tokenizers drop white space at the beginning of a text.
    before, whole = (
        str(tokenizer.decode(list(part), skip_special_tokens=True, clean_up_tokenization_spaces=False))
        for part in (start, [*start, *ids])
    )
    text = whole.removeprefix(before)
    ends = [place for place in (text.find(stop) for stop in STOPS) if place >= 0]
    return text[: min(ends, default=len(text))]


def pass_at(k: int, samples: int, passed: int) -> float:
    """The unbiased estimate of the chance that one of `k` programs passes, when `passed` of `samples` did.

    Chen et al., 2021, equation 1, as the product of its factors.
    """
    if samples - passed < k:
        return 1.0
    return float(1.0 - np.prod(1.0 - k / np.arange(samples - passed + 1, samples + 1)))


def _head(item: Problem) -> str:
    return item.instruction.rstrip()
