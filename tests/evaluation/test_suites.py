"""Suites by name, tracks that repeat them, and several models on them in one engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_models import tiny_recipe, tiny_samples

from suite.errors import UnknownNameError, UsageError
from suite.evaluation.suites import suite, suites
from suite.track import load_track

WORDS = {"name", "title", "note"}


def test_a_suite_is_a_task_of_a_track() -> None:
    assert suite("mmlu").shots == 5
    assert suite("mmlu", limit=7).limit == 7
    assert "shots" not in suite("gsm8k").model_fields_set
    with pytest.raises(UnknownNameError, match=r"no suite 'mmlus'\. Did you mean 'mmlu'"):
        suite("mmlus")


@pytest.mark.parametrize("track", ["m2m", "novelsum-10k", "mads-15pct"])
def test_the_papers_tracks_name_the_suites(track: str) -> None:
    """What a track evaluates is what `breadth evaluate` gives under that name; judges are pinned by commit."""
    specs = [task for task in load_track(track).evaluation.tasks if task.harness_task != "humaneval"]
    for spec in specs:
        if spec.kind == "harness" or spec.kind.endswith("-judge"):
            assert spec.model_dump(exclude=WORDS) == suites()[spec.name].model_dump(exclude=WORDS), spec.name
            assert spec.kind == "harness" or len(spec.judge_revision) == 40


def test_adapters_are_scored_in_one_engine(
    tiny_base: Path, tmp_path: Path, breadth_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lm_eval")
    from judges import build_judge

    from suite.evaluation.loading import load_suite
    from suite.evaluation.suite_run import Setting, named_adapters, pairwise_strengths, run_suites
    from suite.training import TrainingJob
    from suite.training.finetune import finetune

    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))
    judge = build_judge(tiny_base, tmp_path / "judge", "[[A]]")
    for seed in (0, 1):
        job = TrainingJob(
            base_model=tiny_base,
            samples=tiny_samples(8),
            recipe=tiny_recipe("lora"),
            training_seed=seed,
            output=tmp_path / f"adapter-{seed}",
        )
        finetune(job)
    adapters = named_adapters([tmp_path / "adapter-0", tmp_path / "adapter-1"])
    changes: dict[str, Any] = {"judge": str(judge), "judge_revision": "not pinned", "limit": 3, "max_new_tokens": 8}
    tasks = [
        load_suite(suite("alpaca-eval", **changes)),
        load_suite(suite("mt-bench", **changes)),
        load_suite(suite("arc-easy", limit=4)),
    ]
    run = run_suites(tiny_base, adapters, tasks, Setting(template="plain", max_length=256, engine="transformers"))
    # The judge compares and cannot grade: that suite fails alone, with the reason.
    assert list(run.failures) == ["mt-bench of adapter-0", "mt-bench of adapter-1"]
    assert "no readable verdict on 6 of 6" in run.failures["mt-bench of adapter-0"]
    assert [(score.task.name, score.model) for score in run.scores] == [
        (name, model) for model in ("adapter-0", "adapter-1") for name in ("alpaca-eval", "arc-easy")
    ]
    assert run.versions["engine"] == "transformers"
    found = pairwise_strengths(run.scores)["alpaca-eval"]
    assert not isinstance(found, str)
    assert found.names == ("adapter-0", "adapter-1", "baseline")
    written = run.scores[1].to_json()
    assert len(written["ids"]) == len(written["values"]) == 4
    with pytest.raises(UsageError, match="rename a folder"):
        named_adapters([tmp_path / "adapter-0", tmp_path / "judge" / ".." / "adapter-0"])
    with pytest.raises(UsageError, match="no adapter folder"):
        named_adapters([tmp_path / "none"])
