"""Before a run starts: one clear error for no GPU, too little memory, closed models and templates that do not fit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tiny_track import TINY, command_in_process, experiment

from suite.commands.executing import Where
from suite.errors import EngineError, TrainingError, UnknownNameError, UsageError
from suite.runner.cells import Cell
from suite.runner.lacking import check_here
from suite.runner.preflight import CannotRun, check_card, check_models, gpu_memory
from suite.track import HubModel, load_track

H100 = "NVIDIA H100 80GB HBM3, 81559 MiB"
COMMIT = "@" + 40 * "0"


def test_a_long_track_is_not_started_without_a_gpu() -> None:
    with pytest.raises(CannotRun, match=r"Track m2m needs a GPU \(about 330 GPU-hours\).*--executor ray"):
        check_card(load_track("m2m"), ["llama-2-7b"], "AMD EPYC, 2 cores")
    assert check_card(load_track(str(TINY)), ["tiny-llama"], "AMD EPYC, 2 cores") == []


def test_too_little_memory_says_how_much_is_needed_and_what_to_do() -> None:
    track = load_track("m2m")
    with pytest.raises(CannotRun) as refused:
        check_card(track, ["llama-2-7b"], H100)
    assert "needs 114 GiB" in str(refused.value)
    assert "has 80" in str(refused.value)
    assert "--gpus-per-cell 2" in str(refused.value)
    assert check_card(track, ["llama-2-7b"], H100, gpus_per_cell=2) == []
    (doubt,) = check_card(load_track("small-gpu"), ["smollm2-360m"], "NVIDIA L4, 9000 MiB")
    assert "may not fit" in doubt
    with pytest.raises(CannotRun, match="2 GPUs here have 80"):
        check_card(track, ["llama-2-7b"], "NVIDIA A100-SXM4-40GB, 40960 MiB", gpus_per_cell=2)


def test_a_judge_that_the_gpus_do_not_hold_is_refused_before_anything_is_trained() -> None:
    with pytest.raises(CannotRun) as refused:
        check_card(load_track("m2m"), ["llama-2-7b"], "NVIDIA H200, 143771 MiB")
    told = "alpaca-eval-2 is judged by meta-llama/Llama-3.3-70B-Instruct, whose weights alone need 131 GiB"
    assert told in str(refused.value)
    assert "--gpus-per-cell 2" in str(refused.value)
    assert check_card(load_track("m2m-lora"), ["llama-2-7b"], H100) == []


def test_a_judge_may_be_a_folder(tiny_base: Path) -> None:
    track = load_track("m2m-lora")
    tasks = tuple(task.model_copy(update={"judge": str(tiny_base)}) for task in track.evaluation.tasks)
    track = track.model_copy(update={"evaluation": track.evaluation.model_copy(update={"tasks": tasks})})
    assert check_card(track, ["llama-2-7b"], H100) == []


def test_the_smallest_gpu_counts() -> None:
    assert gpu_memory(f"{H100}; NVIDIA L4, 23034 MiB") == 23034 * 2**20
    assert gpu_memory("AMD EPYC, 64 cores") is None


class Hub(BaseHTTPRequestHandler):
    """Answers whether a model may be read, as the Hub does."""

    def do_GET(self) -> None:
        code, word = (404, "RepoNotFound") if "nowhere" in self.path else (403, "GatedRepo")
        if "open" in self.path:
            code, word = 200, ""
        self.send_response(code)
        self.send_header("X-Error-Code", word)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from huggingface_hub import constants

    server = HTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    yield
    server.shutdown()
    server.server_close()


def with_model(hub_name: str) -> tuple[Any, list[Cell]]:
    made = experiment()
    model = HubModel(kind="hub", name="closed", hub=hub_name)
    made.track = made.track.model_copy(update={"base_models": (model,)})
    return made, [Cell(made.track, None, 0, "closed", 0, 0)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("org/closed", r"org/closed is gated: accept its licence at .*hf auth login.*Nothing was run"),
        ("org/nowhere", "no model org/nowhere"),
    ],
)
def test_models_that_are_closed_to_us_are_named_before_anything_is_done(
    name: str, message: str, hub: None, own_home: Path
) -> None:
    with pytest.raises(TrainingError, match=message):
        check_models(*with_model(name))


@pytest.mark.parametrize(("name", "word"), [("org/closed", "is gated"), ("org/nowhere", "no model org/nowhere")])
def test_judges_that_are_closed_to_us_are_named_too(name: str, word: str, hub: None, own_home: Path) -> None:
    made, cells = with_model("org/open")
    task = load_track("m2m").evaluation.tasks[0].model_copy(update={"judge": name})
    evaluation = made.track.evaluation.model_copy(update={"tasks": (task,)})
    made.track = made.track.model_copy(update={"evaluation": evaluation})
    with pytest.raises(TrainingError, match=word) as refused:
        check_models(made, cells)
    assert "hf auth login" in str(refused.value)


def test_a_worker_does_not_serve_what_is_closed_to_it(hub: None, own_home: Path) -> None:
    made, _ = with_model("org/closed")
    with pytest.raises(TrainingError, match="org/closed is gated"):
        check_here(made, "AMD EPYC, 2 cores")


def test_models_that_are_open_pass(hub: None, own_home: Path) -> None:
    check_models(*with_model("org/open"))


def test_without_an_answer_of_the_hub_nothing_is_said_yet(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, hub: None
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    check_models(*with_model("org/closed"))


@pytest.fixture
def nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither items nor published judgements nor a model are looked at."""

    def looked(*_: Any, **__: Any) -> None:
        raise AssertionError("something was loaded")

    for place in ("loading.load_suite", "suite_run.run_suites", "judging.published.load_published"):
        monkeypatch.setattr(f"suite.evaluation.{place}", looked)


OWN = "{base}"
"""Stands for the folder of a model that is there."""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("evaluate", "org/closed", "--suite", "alpaca-eval"), "The model org/closed is gated: accept its licence"),
        (("evaluate", f"org/closed{COMMIT}", "--suite", "arc-easy"), r"The model org/closed is gated.*hf auth login"),
        (("evaluate", "org/nowhere", "--suite", "arc-easy"), "no model org/nowhere"),
        (
            ("evaluate", OWN, "--suite", "mt-bench,alpaca-eval", "--judge", f"org/closed{COMMIT}"),
            r"The judge of mt-bench, org/closed is gated.*hf auth login.*Nothing was run",
        ),
        (("judge", f"org/closed{COMMIT}"), r"The judge org/closed is gated.*hf auth login.*Nothing was run"),
        (("judge", f"org/nowhere{COMMIT}"), "no model org/nowhere"),
    ],
)
def test_evaluations_name_closed_models_and_judges_before_anything_is_loaded(
    arguments: tuple[str, ...], message: str, hub: None, nothing_is_loaded: None, tiny_base: Path
) -> None:
    with pytest.raises(TrainingError, match=message):
        command_in_process(*(str(tiny_base) if word == OWN else word for word in arguments))


@pytest.mark.usefixtures("nothing_is_loaded")
def test_evaluations_say_what_memory_is_short_before_anything_is_loaded(
    tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("suite.machine.gpus", lambda: ["NVIDIA L4, 23034 MiB"])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("BREADTH_VLLM_PYTHON", "/no/python")
    large = "meta-llama/Llama-3.3-70B-Instruct"
    needs = r"needs 131 GiB for its weights alone \(bfloat16\), and the transformers engine takes 21 of the GPU"
    with pytest.raises(CannotRun, match=rf"The judge of alpaca-eval, {large} {needs}.*vllm engine splits it"):
        command_in_process("evaluate", str(tiny_base), "--suite", "alpaca-eval")
    with pytest.raises(CannotRun, match=rf"The judge {large} {needs}.*Nothing was run"):
        command_in_process("judge", f"{large}{COMMIT}")
    with pytest.raises(CannotRun, match=r"The model meta-llama/Llama-2-7b-hf needs 25 GiB .*float32.*--dtype bfloat16"):
        command_in_process("evaluate", "meta-llama/Llama-2-7b-hf", "--suite", "mmlu", "--dtype", "float32")
    # What fits, fits: the next step is taken.
    with pytest.raises(AssertionError, match="something was loaded"):
        command_in_process("evaluate", "meta-llama/Llama-2-7b-hf", "--suite", "mmlu")


@pytest.mark.usefixtures("nothing_is_loaded")
def test_a_judge_is_split_over_the_gpus_that_vllm_has(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = SimpleNamespace(for_cpus=False, check_device=lambda: None)
    monkeypatch.setattr("suite.engines.vllm.finding.find_vllm", lambda: installed)
    large = f"meta-llama/Llama-3.3-70B-Instruct{COMMIT}"
    for cards, error in ((1, CannotRun), (2, AssertionError)):
        monkeypatch.setattr("suite.machine.gpus", lambda found=cards: [H100] * found)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1"[: 2 * cards - 1])
        with pytest.raises(error):
            command_in_process("judge", large)


@pytest.mark.usefixtures("nothing_is_loaded")
def test_evaluations_say_at_once_that_their_engine_is_not_there(
    tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREADTH_VLLM_PYTHON", "/no/python")
    for arguments in (("evaluate", str(tiny_base), "--suite", "mmlu"), ("judge", str(tiny_base))):
        with pytest.raises(EngineError, match="which is no program"):
            command_in_process(*arguments, "--engine", "vllm")


def test_a_template_that_the_tokenizer_cannot_write_is_an_error_at_once(
    tiny_base: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    plain = AutoTokenizer.from_pretrained(tiny_base)
    folder = tmp_path / "plain"
    plain.save_pretrained(folder)
    document = (folder / "tokenizer.json").read_text().replace("<|im_end|>", "<|other|>")
    (folder / "tokenizer.json").write_text(document)
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if (folder / name).is_file():
            (folder / name).write_text((folder / name).read_text().replace("<|im_end|>", "<|other|>"))
    made, cells = with_model("org/here")
    made.track = made.track.model_copy(update={"recipe": made.track.recipe.model_copy(update={"template": "chatml"})})
    monkeypatch.setattr("suite.base_models.resolve.is_ready", lambda *_, **__: True)
    monkeypatch.setattr(made, "base", lambda name: SimpleNamespace(folder=folder))
    with pytest.raises(TrainingError, match=r"Template 'chatml' needs '<\|im_end\|>'"):
        check_models(made, cells)


def test_options_that_do_not_go_together_are_named() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'ray'"):
        Where("rey")
    with pytest.raises(UsageError, match="goes with --executor ray"):
        Where("local", "10.0.0.1:6379")
    with pytest.raises(UsageError, match="at least 1"):
        Where(gpus_per_cell=0)
