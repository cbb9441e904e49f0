"""A code submission from its request to the board: run twice in the sandbox, then checked like ids that were sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sent import PYTHON, TOML, TRACK
from tiny_track import experiment

from suite.errors import FeatureError
from suite.features import Embeddings, Tokens, TrackContext
from suite.intake.archive import write_files
from suite.intake.evaluator import Control, EvaluationFailed
from suite.intake.given import Spent
from suite.intake.loading import load
from suite.intake.requests import Change, Declared, Request, request_id
from suite.intake.sandbox import isolation as isolating
from suite.intake.sandbox.handed import same_for_all, wished
from suite.intake.sandbox.isolation import Isolation, SandboxMissing, find_isolation
from suite.intake.sandbox.limits import MIB, Limits
from suite.intake.sandbox.selecting import SandboxedCode, Selected
from suite.intake.selections import Which
from suite.intake.submission import CODE, MANIFEST
from suite.intake.watch import utc_now
from suite.registry import strategies
from suite.stores import LocalStore

BY_LENGTH = (
    PYTHON.replace("import numpy as np", "import numpy as np\nfrom suite.features import Embeddings, Tokens")
    .replace(
        "        return np.arange(budget) * self.step",
        """\
        tokens, points = (features[wanted] for wanted in self.requires(None))
        lengths = np.array([len(tokens[row]) for row in range(len(pool))]) + 0.01 * np.asarray(points)[:, 0]
        return np.argsort(-lengths, kind="stable")[:budget]""",
    )
    .replace(
        "    def select",
        """\
    def requires(self, track):
        return (Tokens(tokenizer="words"), Embeddings(view="response", dimensions=4))

    def select""",
    )
)
DRAWN = PYTHON.replace("deterministic=True", "deterministic=False").replace(
    "np.arange(budget) * self.step", "rng.permutation(len(pool))[:budget]"
)
VARIES = PYTHON.replace("np.arange(budget) * self.step", "np.random.default_rng().permutation(len(pool))[:budget]")
LIMITS = Limits(wall_seconds=60, memory=1024 * MIB)


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    strategies.forget("my-method")


def selected(isolation: Isolation, folder: Path, python: str) -> Selected:
    """What the sandbox makes of this code."""
    write_files({MANIFEST: TOML.encode(), CODE: python.encode()}, folder)
    run = SandboxedCode(
        LocalStore(folder.parent / "store"),
        {"tiny": TRACK},
        isolation,
        limits=LIMITS,
        notify=lambda line: None,
        progress=lambda title: lambda done, total: None,
    )
    return run(asked(), folder, Control())


def asked() -> Request:
    """A request for both budgets of the tiny track."""
    now, content = utc_now(), "0" * 64
    return Request(
        id=request_id("ada", content, 1),
        author="ada",
        wanted=Declared(name="my-method", version="1.2", kind="code", tracks={"tiny": (8, 15)}),
        content_sha256=content,
        archive_sha256=content,
        archive_bytes=1,
        submitted_at=now,
        history=(Change(at=now, state="queued", by="ada"),),
    )


@pytest.mark.parametrize("python", [BY_LENGTH, DRAWN])
def test_the_sandbox_picks_what_the_same_code_picks_outside(python: str, isolation: Isolation, tmp_path: Path) -> None:
    found = selected(isolation, tmp_path / "sent", python)
    assert (found.same, found.overlap) == (True, 1.0)
    write_files({MANIFEST: TOML.encode(), CODE: python.encode()}, tmp_path / "trusted")
    load(tmp_path / "trusted", track=TRACK, trust_code=True)
    trusted = strategies.parse("my-method")
    draws = 1 if trusted.info.deterministic else 2
    selector = experiment().selector_for("tiny-llama", [trusted])
    wanted = {(budget, seed): selector.pick(trusted, budget, seed) for budget in (8, 15) for seed in range(draws)}
    made = load(found.folder, track=TRACK)
    made.costs = found.spent  # type: ignore[attr-defined]
    given = strategies.parse("my-method")
    assert given.info.deterministic is trusted.info.deterministic
    for (budget, seed), picked in wanted.items():
        again = selector.pick(given, budget, seed)
        assert again.selection.ids == picked.selection.ids
        assert Spent(again.seconds, again.feature_seconds) == found.spent[Which("tiny", budget, seed)]
        assert again.feature_seconds == pytest.approx(picked.feature_seconds)
    assert len(found.spent) == len(wanted)


def test_code_that_varies_is_shown_with_its_overlap(isolation: Isolation, tmp_path: Path) -> None:
    found = selected(isolation, tmp_path / "sent", VARIES)
    assert not found.same
    assert 0 <= found.overlap < 1


def test_what_fails_is_a_verdict_on_the_submission(isolation: Isolation, tmp_path: Path) -> None:
    with pytest.raises(
        EvaluationFailed, match=r"strategy.py failed in the sandbox \(tiny, budget 8, seed 0\): Zero"
    ) as failed:
        selected(isolation, tmp_path / "sent", PYTHON.replace("np.arange(budget)", "1 / 0"))
    assert failed.value.fault == "submission"
    with pytest.raises(EvaluationFailed, match=r"\(tiny\): ModuleNotFoundError"):
        selected(isolation, tmp_path / "other", PYTHON.replace("import numpy", "import suite.microworld, numpy"))


def test_no_feature_is_computed_that_reads_a_file_or_a_model_of_the_code() -> None:
    asked = [{"feature": "Tokens", "fields": {"view": "both", "tokenizer": None}}]
    assert wished(asked) == (Tokens("both"),)
    assert wished([{"feature": "Embeddings", "fields": {"dimensions": 8}}]) == (Embeddings(dimensions=8),)
    for name, given, said in (
        ("Tokens", {"tokenizer": "/etc"}, "must be left out"),
        ("Embeddings", {"embedder": "sentence-transformers:evil/model"}, "must be left out"),
        ("Embeddings", {"dimensions": 10**6}, "at most 1,024"),
        ("Embeddings", {"dimensions": True}, "dimensions"),
        ("Embeddings", {"view": "all"}, "view is wrong"),
        ("Embeddings", {"nothing": 1}, "has no field"),
        ("Neighbours", {"neighbours": -(10**9)}, "at most 100"),
        ("NeuronStates", {"model": "evil/model"}, "must be left out"),
        ("Density", {"power": float("inf")}, "at most"),
        ("Quality", {"file": "/etc/shadow"}, "does not compute"),
        ("HiddenFamilies", {}, "does not compute"),
        ("PublishedRows", {"set": "car"}, "does not compute"),
        ("\x1b[2J" * 1000, {}, "does not compute"),
    ):
        with pytest.raises(FeatureError, match=said) as refused:
            wished([{"feature": name, "fields": given}])
        assert len(str(refused.value)) < 500
    for broken in (None, 7, {}, [None], [{"feature": []}], [{"feature": "Tokens", "fields": []}], asked * 9):
        with pytest.raises(FeatureError):
            wished(broken)


def test_features_of_several_base_models_are_told_apart() -> None:
    contexts = {name: TrackContext(track="t", pool_size=1, tokenizer=name) for name in ("one", "two")}
    for wanted, same in (((Tokens(),), False), ((Embeddings(),), True), ((), True)):
        assert same_for_all(dict.fromkeys(contexts, wanted), contexts) is same


def test_without_isolation_nothing_runs_and_the_reason_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(isolating.seccomp, "program", lambda: b"")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxMissing, match=r"bubblewrap is not installed.*apt-get install bubblewrap"):
        find_isolation()
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    with pytest.raises(SandboxMissing, match=r"cannot isolate it .*No permissions.*user namespaces"):
        find_isolation()
    monkeypatch.setattr(isolating.seccomp, "program", lambda: None)
    with pytest.raises(SandboxMissing, match="system calls of this processor"):
        find_isolation()


def test_a_probe_that_finds_a_hole_is_no_isolation(isolation: Isolation, monkeypatch: pytest.MonkeyPatch) -> None:
    import struct

    everything = struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000)
    monkeypatch.setattr(isolating.seccomp, "program", lambda: everything)
    with pytest.raises(SandboxMissing, match="it can open sockets"):
        find_isolation()


def test_json_of_a_description_holds_no_place_of_this_machine(isolation: Isolation, tmp_path: Path) -> None:
    spies = PYTHON.replace(
        "    def select", "    def requires(self, track):\n        raise ValueError(repr(track))\n\n    def select"
    )
    with pytest.raises(EvaluationFailed, match="the track's tokenizer") as failed:
        selected(isolation, tmp_path / "sent", spies)
    assert "world_seed=None" in str(failed.value)
    assert str(tmp_path) not in str(failed.value)
    assert json.dumps(str(failed.value)).count("\\u") == 0
