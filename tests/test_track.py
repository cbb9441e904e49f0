"""Track files: the shipped ones parse and are complete, and a wrong one gets one sentence with file, key and rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from suite.errors import TrackError, UnknownNameError, UsageError
from suite.templates import TEMPLATES
from suite.track import Budget, HubModel, Track, load_track, parse_track, track_names

PAPER_TRACKS = ["m2m", "m2m-lora", "mads-15pct", "novelsum-10k", "small-gpu"]
GOOD = """
name = "mine"
version = 1
title = "Mine"
description = "A track of one's own"
citation = "none"
licence = "Apache-2.0"
gpu_hours = 0
[pool]
kind = "dataset"
hub = "tatsu-lab/alpaca"
size = 1000
[[budgets]]
count = 100
default = true
[[budgets]]
share = 0.25
[[base_models]]
kind = "hub"
name = "tiny"
hub = "owner/tiny"
[recipe]
method = "full"
template = "alpaca"
epochs = 1
learning_rate = 1e-3
batch_size = 8
max_length = 256
[evaluation]
[[evaluation.tasks]]
name = "gsm8k"
kind = "harness"
harness_task = "gsm8k"
[seeds]
training = [0, 1]
"""


def good() -> Track:
    return parse_track(GOOD.encode(), "mine.toml")


@pytest.mark.parametrize("name", track_names())
def test_every_shipped_track_parses_and_is_named_after_its_file(name: str) -> None:
    track = load_track(name)
    assert track.name == name
    assert track.recipe.template in TEMPLATES
    assert all(0 < size <= track.pool.size for size in track.budget_sizes)
    assert len(track.seeds.training) >= 3
    assert track.citation.strip()


@pytest.mark.parametrize("name", PAPER_TRACKS)
def test_paper_tracks_say_what_is_not_pinned_and_what_is_borrowed(name: str) -> None:
    track = load_track(name)
    assert track.gpu_hours > 0
    assert re.search(r"Estimated|estimated", track.gpu_hours_note)
    for model in track.base_models:
        assert isinstance(model, HubModel)
        assert model.revision != "not pinned"
    pool = track.pool
    assert pool.kind == "dataset"
    if pool.fingerprint is None:
        assert "not pinned" in pool.note
    for task in track.evaluation.tasks:
        if task.judge:
            assert len(task.judge_revision) == 40
    assert name == "small-gpu" or "learning_rate" in track.recipe.borrowed
    assert set(track.recipe.borrowed) <= set(type(track.recipe).model_fields)


def test_paper_tracks_have_the_papers_numbers() -> None:
    assert load_track("m2m").budget_sizes == (10_000, 20_000, 30_000)
    assert len(load_track("m2m").diversity_levels) == 7
    assert not any("diversity" in strategy for strategy in load_track("m2m").strategies)
    assert load_track("novelsum-10k").budget_sizes == (10_000,)
    mads = load_track("mads-15pct")
    assert mads.budget_sizes == (7_800,)
    assert mads.features.selector is not None
    assert mads.features.selector.hub == "meta-llama/Llama-3.2-3B-Instruct"
    assert [mads.recipe_for(model.name).epochs for model in mads.base_models] == [3, 1, 3, 3]
    small = load_track("small-gpu")
    assert len(small.strategies) == 10
    assert small.seconds_per_cell is not None
    cells = len(small.base_models) * len(small.seeds.training) * len(small.strategies)
    assert cells * small.seconds_per_cell < 2 * 3600


def test_m2m_with_adapters_is_m2m_but_for_the_recipe_and_the_judge() -> None:
    """A copy that drifts from its original would compare two experiments."""
    paper, own = load_track("m2m"), load_track("m2m-lora")
    assert own.identity != paper.identity
    for part in ("pool", "budgets", "base_models", "seeds", "features", "strategies", "diversity_levels"):
        assert getattr(own, part) == getattr(paper, part), part
    changed = {"method", "learning_rate", "lora", "borrowed"}
    assert own.recipe.model_dump(exclude=changed) == paper.recipe.model_dump(exclude=changed)
    assert own.recipe.lora is not None
    judge = {"judge", "judge_revision", "note"}
    for mine, its in zip(own.evaluation.tasks, paper.evaluation.tasks, strict=True):
        assert mine.model_dump(exclude=judge) == its.model_dump(exclude=judge)
    assert own.evaluation.model_dump(exclude={"tasks"}) == paper.evaluation.model_dump(exclude={"tasks"})


@pytest.mark.parametrize(
    ("old", "new", "key", "rule"),
    [
        ("version = 1", "version = 1\nversoin = 2", "versoin", "there is no such key"),
        ("epochs = 1", "epochs = 1\nlerning_rate = 2", "recipe.lerning_rate", "there is no such key"),
        ("size = 1000", "size = 50", "(whole file)", "a budget of 100 is impossible in a pool of 50"),
        ("count = 100\n", "count = 0\n", "budgets[0].count", "greater than 0, not 0"),
        ("count = 100\n", "count = -5\n", "budgets[0].count", "greater than 0, not -5"),
        ("share = 0.25", "share = 1.5", "budgets[1].share", "less than or equal to 1, not 1.5"),
        ("share = 0.25", "share = 0.25\ncount = 3", "budgets[1]", "either a count or a share"),
        ("share = 0.25", "share = 0.25\ndefault = true", "(whole file)", "exactly one budget"),
        ("[seeds]\ntraining = [0, 1]", "", "seeds", "this key is required"),
        ("training = [0, 1]", "", "seeds.training", "this key is required"),
        ("training = [0, 1]", "training = []", "seeds.training", "at least 1 item"),
        ("training = [0, 1]", "training = [1, 1]", "seeds.training", "must differ"),
        ('name = "tiny"', 'name = "Tiny Model"', "base_models[0].name", "pattern"),
        ('hub = "owner/tiny"', 'hub = "owner/tiny"\nrevision = "main"', "base_models[0].revision", "pattern"),
        ('hub = "tatsu-lab/alpaca"', "", "pool", "names a Hub dataset"),
        ('kind = "dataset"', 'kind = "datasets"', "pool", "datasets"),
        ('method = "full"', 'method = "lora"', "recipe", "[recipe.lora]"),
        ("batch_size = 8", "batch_size = 8\nmicro_batch_size = 3", "recipe", "must divide"),
        ('harness_task = "gsm8k"', "", "evaluation.tasks[0]", "names its harness_task"),
    ],
)
def test_a_wrong_track_is_one_sentence_with_file_key_and_rule(old: str, new: str, key: str, rule: str) -> None:
    assert old in GOOD
    with pytest.raises(TrackError) as caught:
        parse_track(GOOD.replace(old, new, 1).encode(), "mine.toml")
    message = str(caught.value)
    assert message.startswith(f"mine.toml: {key}: ")
    assert rule in message
    assert "\n" not in message


@pytest.mark.parametrize("content", [b"name = \n", b"name = 'a'\nname = 'b'", b'name = "caf\xe9"', b"\xff\xfe\x00"])
def test_a_file_that_is_no_toml_is_named(content: bytes) -> None:
    with pytest.raises(TrackError, match=r"mine\.toml is not valid TOML"):
        parse_track(content, "mine.toml")


def test_unknown_and_missing_tracks(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'alpaca-cpu'"):
        load_track("alpaca-cpus")
    with pytest.raises(UsageError, match="There is no track file"):
        load_track(str(tmp_path / "none.toml"))
    (tmp_path / "mine.toml").write_text(GOOD)
    assert load_track(str(tmp_path / "mine.toml")) == good()


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("0", "at least 1"),
        ("-3", "at least 1"),
        ("0%", "at least 1"),
        ("1001", "larger than the pool"),
        ("200%", "larger than the pool"),
        ("99", "not one of track mine, whose budgets are fixed: 100, 250"),
        ("many", "neither a count"),
        ("1e2", "neither a count"),
    ],
)
def test_wrong_budgets(written: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        good().check_budget(written)


def test_right_budgets() -> None:
    assert [good().check_budget(written) for written in (None, "100", "250", "25%", " 10.0% ")] == [
        100,
        100,
        250,
        250,
        100,
    ]
    assert load_track("mads-15pct").check_budget("15%") == 7_800


@example(share=29, size=100)
@given(share=st.integers(1, 100), size=st.integers(1, 10**7))
def test_a_share_resolves_as_it_is_written(share: int, size: int) -> None:
    assert Budget(share=share / 100).resolve(size) == share * size // 100


def test_identity_depends_on_every_key() -> None:
    track = good()
    assert track.identity == good().identity
    assert len({track.identity, track.model_copy(update={"version": 2}).identity}) == 2
    changed = track.recipe.model_copy(update={"learning_rate": 2e-3})
    assert track.model_copy(update={"recipe": changed}).identity != track.identity
