"""Our engine behind lm-evaluation-harness's model interface, so that several adapters share one engine.

Prompts carry exactly one beginning-of-sequence token (where the tokenizer has one), as in training. A pair too long
for the model loses the start of its context, never that token. Equal to the harness's own `HFLM(add_bos_token=True)`
wherever nothing is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import normalize_gen_kwargs, postprocess_generated_text
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from suite.engines.protocol import GenerationRequest, Likelihood, LikelihoodRequest
from suite.errors import EvaluationError
from suite.evaluation.harness.company import Adapters, Company, question_of
from suite.evaluation.likelihood import fit_pair
from suite.evaluation.plan import fit_prompt
from suite.evaluation.run import in_slices
from suite.reporting import Progress, no_progress
from suite.templates import encode_prompts, encode_responses, stop_token_id

if TYPE_CHECKING:
    from suite.engines.protocol import Engine
    from suite.templates import Template

Pair = tuple[Any, list[int], list[int]]

FIRST_ROUND = 64
"""Tokens generated before the text is looked at for stop sequences; each later round is as long as all before it."""


class EngineLM(TemplateLM):
    """One adapter (None: the bare model) of an engine.

    With a `template` the harness's whole prompt is the instruction of that chat template, and what it scores is the
    response; without one prompts are plain text. `max_length` is in tokens, prompt and answer together. Adapters of one
    `company`, each with a model of its own, are asked together. `first_prompt_ids`, `tokens` (scored or generated) and
    `truncated` (requests cut to fit) say what was done.
    """

    backend = "causal"

    def __init__(
        self,
        engine: Engine,
        tokenizer: Any,
        *,
        max_length: int,
        adapter: str | None = None,
        company: Company | None = None,
        template: Template | None = None,
        max_new_tokens: int | None = None,
        progress: Progress = no_progress,
    ) -> None:
        super().__init__()
        self.engine, self.tokenizer, self.adapter = engine, tokenizer, adapter
        self.company = company or Company((adapter,))
        self.template, self.max_length = template, max_length
        self.max_new_tokens = max_new_tokens
        self.progress = progress
        self.first_prompt_ids: tuple[int, ...] = ()
        self.tokens = self.truncated = 0

    @property
    def eot_token_id(self) -> int:
        """The token that ends a text."""
        if self.tokenizer.eos_token_id is None:
            raise EvaluationError(
                "The tokenizer has no end-of-sequence token, which the harness's tasks need; set one."
            )
        return int(self.tokenizer.eos_token_id)

    @property
    def prefix_token_id(self) -> int:
        """What stands before an empty context: the beginning-of-sequence token, else the end-of-sequence one."""
        beginning = self.tokenizer.bos_token_id
        return self.eot_token_id if beginning is None else int(beginning)

    @property
    def tokenizer_name(self) -> str:
        """A name for the harness's caches, which are not used here."""
        return str(self.tokenizer.name_or_path)

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        """Token ids, led by one beginning-of-sequence token unless `add_special_tokens` is False."""
        ids: list[int] = self.tokenizer(string, add_special_tokens=False, split_special_tokens=True, verbose=False)[
            "input_ids"
        ]
        beginning = self.tokenizer.bos_token_id
        return ids if beginning is None or add_special_tokens is False else [int(beginning), *ids]

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        """(log-likelihood in nats, whether greedy decoding gives it) of each continuation."""
        if self.template is None:
            answers: list[tuple[float, bool]] = super().loglikelihood(requests, disable_tqdm=True)
            return answers
        prompts = encode_prompts(self.template, self.tokenizer, [(request.args[0], "") for request in requests])
        # The space before a choice belongs to plain text: in a chat the template says what stands before a response.
        texts = [request.args[1].lstrip() for request in requests]
        responses = encode_responses(self.template, self.tokenizer, texts, stop=False)
        return self._loglikelihood_tokens(list(zip(texts, prompts, responses, strict=True)))

    def _loglikelihood_tokens(self, requests: list[Pair], **_: Any) -> list[tuple[float, bool]]:
        return [(answer.log_likelihood, answer.greedy) for answer in self._scored([pair[1:] for pair in requests])]

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = True) -> list[float]:
        """The log-likelihood in nats of each whole text, in windows of `max_length` tokens, each token scored once."""
        windows, owners = [], []
        for owner, request in enumerate(requests):
            for window in get_rolling_token_windows(
                self.tok_encode(request.args[0], add_special_tokens=False),
                prefix_token=self.prefix_token_id,
                max_seq_len=self.max_length - 1,
                context_len=1,
            ):
                windows.append(make_disjoint_window(window))
                owners.append(owner)
        sums = [0.0] * len(requests)
        for owner, answer in zip(owners, self._scored(windows), strict=True):
            sums[owner] += answer.log_likelihood
        return sums

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = True) -> list[str]:
        """Greedy continuations, each up to the first of its stop sequences (which is left out)."""
        settings = [self._settings(request.args[1]) for request in requests]
        contexts = [request.args[0] for request in requests]
        if self.template is None:
            encoded = [self.tok_encode(context) if context else [self.prefix_token_id] for context in contexts]
            ends = {self.eot_token_id}
        else:
            encoded = encode_prompts(self.template, self.tokenizer, [(context, "") for context in contexts])
            ends = {self.eot_token_id, stop_token_id(self.template, self.tokenizer)}
        prompts = [
            self._fitted(ids, self.max_length - longest) for ids, (longest, _) in zip(encoded, settings, strict=True)
        ]
        self._note_first(prompts)
        stops = tuple(sorted(ends))
        asked = [[longest, *prompt] for prompt, (longest, _) in zip(prompts, settings, strict=True)]
        question = question_of(f"generate until {[until for _, until in settings]} {stops}", asked)
        answers: list[list[int]] = self.company.answer(
            self.adapter, question, lambda adapters: self._in_rounds(adapters, prompts, settings, stops)
        )
        self.tokens += sum(map(len, answers))
        texts = [self.tokenizer.decode(ids, skip_special_tokens=True) for ids in answers]
        return [
            postprocess_generated_text(text, stop=until, think_end_token=None)
            for text, (_, until) in zip(texts, settings, strict=True)
        ]

    def _settings(self, written: dict[str, Any]) -> tuple[int, list[str]]:
        """The most tokens to generate, and the stop sequences."""
        asked = normalize_gen_kwargs(written, default_max_gen_toks=256)
        if asked.get("do_sample"):
            raise EvaluationError("This task samples its answers; engines here decode greedily. Choose another task.")
        longest = self.max_new_tokens or int(asked["max_gen_toks"])
        if longest >= self.max_length:
            raise EvaluationError(
                f"This task generates up to {longest} tokens where prompt and answer together may have "
                f"{self.max_length}: ask for fewer (max_new_tokens), or for a longer max_length."
            )
        return longest, [text for text in asked["until"] if text]

    def _in_rounds(
        self,
        adapters: Adapters,
        prompts: Sequence[tuple[int, ...]],
        settings: Sequence[tuple[int, list[str]]],
        ends: tuple[int, ...],
    ) -> dict[str | None, list[list[int]]]:
        """Generate, looking for stop sequences between rounds: an engine stops at tokens, not at texts."""
        answers: dict[str | None, list[list[int]]] = {adapter: [[] for _ in prompts] for adapter in adapters}
        going = [(adapter, place) for adapter in adapters for place in range(len(prompts))]
        total = len(going)
        while going:
            steps = []
            for adapter, place in going:
                (longest, until), said = settings[place], len(answers[adapter][place])
                steps.append(min(max(FIRST_ROUND, said), longest - said) if until else longest)
            asked = [
                GenerationRequest((*prompts[place], *answers[adapter][place]), step, ends, adapter)
                for (adapter, place), step in zip(going, steps, strict=True)
            ]
            given = in_slices(asked, self.engine.generate, lambda done: None)
            still = []
            for (adapter, place), step, ids in zip(going, steps, given, strict=True):
                answer = answers[adapter][place]
                answer += ids
                longest, until = settings[place]
                if len(ids) == step and len(answer) < longest:
                    text = self.tokenizer.decode(answer, skip_special_tokens=True)
                    if not any(stop in text for stop in until):
                        still.append((adapter, place))
            going = still
            self.progress(total - len(going), total)
        return answers

    def _scored(self, pairs: Sequence[tuple[list[int], list[int]]]) -> list[Likelihood]:
        requests = []
        for context, continuation in pairs:
            kept = fit_pair(context, continuation, self.max_length, self.tokenizer.bos_token_id)
            self.truncated += len(kept[0]) < len(context) or len(kept[1]) < len(continuation)
            requests.append(LikelihoodRequest(*kept, self.adapter))
        self._note_first([request.prompt_ids for request in requests])
        question = question_of(
            "score", (ids for request in requests for ids in (request.prompt_ids, request.continuation_ids))
        )
        answers: list[Likelihood] = self.company.answer(
            self.adapter, question, lambda adapters: self._likelihoods(adapters, requests)
        )
        self.tokens += sum(answer.tokens for answer in answers)
        return answers

    def _likelihoods(
        self, adapters: Adapters, requests: Sequence[LikelihoodRequest]
    ) -> dict[str | None, list[Likelihood]]:
        asked = [replace(request, adapter=adapter) for adapter in adapters for request in requests]
        given = in_slices(asked, self.engine.log_likelihoods, lambda done: self.progress(done, len(asked)))
        return {
            adapter: given[place * len(requests) : (place + 1) * len(requests)]
            for place, adapter in enumerate(adapters)
        }

    def _fitted(self, ids: list[int], room: int) -> tuple[int, ...]:
        self.truncated += len(ids) > room
        return fit_prompt(ids, room, self.tokenizer.bos_token_id)

    def _note_first(self, prompts: Sequence[tuple[int, ...]]) -> None:
        if prompts and not self.first_prompt_ids:
            self.first_prompt_ids = prompts[0]
