"""Published judgements give the published win rates, and a judge's agreement with them is counted right."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from judges import build_judge
from scipy import stats

from suite.errors import EvaluationError, StorageError, UsageError
from suite.evaluation.judging.agreement import agreement, cohens_kappa, combined, study
from suite.evaluation.judging.judge import Judge, JudgeModel
from suite.evaluation.judging.length_control import length_controlled
from suite.evaluation.judging.pairs import Compared
from suite.evaluation.judging.published import (
    SHA256,
    Judged,
    load_published,
    read_published,
    win_rate,
)
from suite.evaluation.judging.verdicts import Preference
from suite.evaluation.protocol import Item

GOLDEN = Path(__file__).parents[2] / "golden" / "alpaca_eval_judgements.json"
"""Preferences (A: the model's answer, B: text-davinci-003's, T: a tie, -: none) and lengths of ten models' files."""
LETTERS: dict[str, Preference] = {"A": "A", "B": "B", "T": "tie"}


@pytest.fixture(scope="module")
def golden() -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads(GOLDEN.read_text())["models"]
    assert set(found) == set(SHA256)
    return found


def preferences_of(golden: dict[str, dict[str, object]], model: str) -> list[Preference]:
    return [LETTERS[letter] for letter in str(golden[model]["preferences"]) if letter != "-"]


@pytest.fixture
def leaderboard(breadth_data: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))
    with (breadth_data / "evals" / "alpaca_eval" / "leaderboard_alpaca_eval_1.csv").open() as file:
        return {row[""]: row for row in csv.DictReader(file)}


def test_published_judgements_give_the_published_win_rates(
    golden: dict[str, dict[str, object]], leaderboard: dict[str, dict[str, str]]
) -> None:
    for model in golden:
        verdicts = preferences_of(golden, model)
        row = leaderboard[model]
        assert win_rate(verdicts) == pytest.approx(float(row["win_rate"]) / 100, abs=1e-9)
        assert (verdicts.count("A"), verdicts.count("B"), verdicts.count("tie")) == (
            int(row["n_wins"]),
            int(row["n_wins_base"]),
            int(row["n_draws"]),
        )


def test_length_control_moves_win_rates_as_published(
    golden: dict[str, dict[str, object]], leaderboard: dict[str, dict[str, str]]
) -> None:
    """Published values use difficulties that were never published for this baseline: order and direction must agree."""
    ours, theirs, raw = [], [], []
    for model, facts in golden.items():
        pairs = [
            ({"A": 1.0, "B": 0.0, "T": 0.5}[letter], length)
            for letter, length in zip(str(facts["preferences"]), facts["lengths"], strict=True)  # type: ignore[call-overload]
            if letter != "-"
        ]
        preferences, lengths = (np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))
        found = length_controlled(preferences, lengths)
        assert found is not None
        ours.append(100 * found.win_rate)
        theirs.append(float(leaderboard[model]["length_controlled_winrate"]))
        raw.append(100 * preferences.mean())
    gap = np.abs(np.subtract(ours, theirs))
    assert stats.spearmanr(ours, theirs).statistic > 0.95
    assert np.median(gap) < 3
    assert gap.max() < 13
    # Nearer to the published length-controlled figures than the raw win rates are.
    assert gap.mean() < 0.4 * np.abs(np.subtract(raw, theirs)).mean()


@pytest.mark.parametrize(
    ("number", "verdict"), [(2, "A"), (1, "B"), (0, "tie"), (1.5, "tie"), (2.0, "A"), (None, None)]
)
def test_published_numbers(number: object, verdict: str | None) -> None:
    assert read_published(number, "here") == verdict


def test_what_is_no_published_preference() -> None:
    with pytest.raises(EvaluationError, match=r"here: a preference is 0, 1, 1\.5 or 2, not 3"):
        read_published(3, "here")


def test_a_file_of_judgements_is_read_and_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "evals" / "alpaca_eval" / "annotations"
    folder.mkdir(parents=True)
    pair = {"instruction": "Why?", "output_1": "base", "output_2": "", "generator_2": "phi-2"}
    (folder / "phi-2.json").write_text(json.dumps([pair | {"preference": 2}, pair | {"preference": None}]))
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    with pytest.raises(StorageError, match="has sha256"):
        load_published("phi-2")
    monkeypatch.setattr("suite.evaluation.judging.published.SHA256", {"phi-2": None})
    judged = load_published("phi-2")
    assert judged.items == (Item("0", "Why?", "", "base"),)
    assert (judged.answers, judged.verdicts, judged.win_rate) == (("",), ("A",), 1.0)
    with pytest.raises(UsageError, match=r"no model with published judgements 'phi-3'\. Did you mean 'phi-2'"):
        load_published("phi-3")


def test_agreement_by_hand() -> None:
    orders = ("A", "A", "tie", "B", None), ("A", "B", "tie", "B", "A")
    assert [combined(*pair) for pair in zip(*orders, strict=True)] == ["A", "tie", "tie", "B", "tie"]
    found = agreement([Compared(orders, ("?",))], [["A", "A", "tie", "A", "tie"]])
    assert found.pairs == 5
    assert found.agreement == pytest.approx(3 / 5)
    assert (found.decided, found.decided_agreement) == (2, 0.5)
    assert found.consistency == pytest.approx(3 / 5)
    assert found.unreadable == pytest.approx(1 / 10)
    # Shown first: A, A, B, nothing readable; turned: A is last, B is first, B is first, A is last.
    assert found.first_place == pytest.approx(4 / 7)


def test_kappa_is_sklearn_s() -> None:
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(0)
    one = [("A", "tie", "B")[at] for at in rng.integers(0, 3, 200)]
    other = [value if rng.random() < 0.6 else "A" for value in one]
    assert cohens_kappa(one, other) == pytest.approx(cohen_kappa_score(one, other))
    assert cohens_kappa(["A", "B"], ["B", "A"]) == -1.0
    assert np.isnan(cohens_kappa(["A", "A"], ["A", "A"]))


def test_a_judge_that_looks_at_places_agrees_with_nobody(
    tiny_base: Path, tmp_path: Path, breadth_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))
    folder = build_judge(tiny_base, tmp_path / "judge", "[[A]]")
    items = tuple(Item(str(at), "Why?", "", f"base {at}") for at in range(6))
    judged = [
        Judged(name, items, tuple(f"{name} {at}" for at in range(6)), verdicts)
        for name, verdicts in (
            ("good", ("A", "A", "A", "A", "A", "tie")),
            ("fair", ("A", "B", "A", "B", "tie", "tie")),
            ("poor", ("B", "B", "B", "B", "B", "tie")),
        )
    ]
    found = study(Judge(JudgeModel(str(folder))), judged, limit=4)
    assert [row.judged for row in found.models] == [0.5, 0.5, 0.5]
    assert found.overall.pairs == 12
    assert found.overall.consistency == 0.0
    assert found.overall.first_place == 1.0
    assert found.overall.unreadable == 0.0
    assert found.overall.kappa == pytest.approx(0.0)
    assert np.isnan(found.spearman)
