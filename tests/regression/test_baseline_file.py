"""The baseline's file, written, read, refused with the reason, renewed; and verdicts, from made-up observations."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from suite.commands.regress_formats import changes
from suite.errors import RegressionError
from suite.regression.baseline import FILE, Baseline, Recorded, baseline_path, changing, made_on, read_baseline
from suite.regression.checking import Check, renewed
from suite.regression.observing import Observation, first_difference, jaccard
from suite.regression.setting import Setting, default_strategies
from suite.regression.timing import Timing
from suite.regression.verdicts import (
    COARSE,
    THRESHOLD,
    Judged,
    Verdict,
    exit_code,
    judge,
    threshold_for,
    tolerance_of,
    undecided,
    worst,
)

IDS = tuple(str(number) for number in range(45))
RATIOS = {"arithmetic": 1.0, "memory": 2.0, "interpreter": 4.0}
SLOWER = dict.fromkeys(RATIOS, 1.5)


def observation(**changed: Any) -> Observation:
    facts: dict[str, Any] = {
        "ids": IDS,
        "metrics": {"ttr": 0.5, "log-det": None},
        "features": {"tokens (response)": "00ff"},
        "timings": (Timing(RATIOS, 0.01, 1e-3),),
        "memory": 0.5,
    }
    return Observation("mine", **(facts | changed))


def aspects(found: Observation, recorded: Recorded) -> dict[str, str]:
    return {aspect.name: str(aspect.verdict) for aspect in judge(found, recorded).aspects}


def timed(*factors: dict[str, float]) -> tuple[Timing, ...]:
    return tuple(
        Timing({name: ratio * one.get(name, 1.0) for name, ratio in RATIOS.items()}, 0.01, 1e-3) for one in factors
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made = Baseline().merged({"mine": Recorded.of(observation())})
    made.write(tmp_path / FILE)
    again = read_baseline(tmp_path / FILE)
    assert again == made
    assert again.strategies["mine"].picks == IDS
    text = (tmp_path / FILE).read_text()
    assert json.loads(text) == json.loads(json.dumps(json.loads(text), sort_keys=True))
    assert [len(line.split()) for line in again.strategies["mine"].ids] == [20, 20, 5]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "is not one"),
        ('{"schema_version": 99}', "reads up to 1: update Breadth"),
        ('{"schema_version": 1, "strategies": {"a": {"ids": []}}}', r"strategies\.a\.ids"),
        ('{"schema_version": 1, "strategies": {"a": {"ids": ["1"], "metrics": {"ttr": NaN}}}}', "ttr"),
        ('{"schema_version": 1, "surprise": 1}', "surprise"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_what_is_no_baseline_is_refused_with_the_reason(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(RegressionError, match=said) as caught:
        read_baseline(tmp_path / FILE)
    assert caught.value.exit_code == 2


def test_no_baseline_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(RegressionError, match="breadth regress --update"):
        read_baseline(tmp_path / FILE)


def test_another_pool_is_refused() -> None:
    with pytest.raises(RegressionError, match="Make a new baseline with --update"):
        _ = Setting(samples=100, fingerprint="0" * 64).pool


def test_where_a_baseline_lies(tmp_path: Path) -> None:
    assert baseline_path(None) == Path(FILE)
    assert baseline_path(tmp_path) == tmp_path / FILE
    assert baseline_path(tmp_path / "new") == tmp_path / "new" / FILE
    assert baseline_path(tmp_path / "mine.json") == tmp_path / "mine.json"


def test_what_others_record_meanwhile_stays(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with changing(tmp_path / FILE) as there:
            there.merged({name: Recorded.of(observation())}).write(tmp_path / FILE)
    assert set(read_baseline(tmp_path / FILE).strategies) == {"one", "two"}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, {"picks": "identical", "metrics": "identical", "time": "equivalent", "memory": "equivalent"}),
        ({"metrics": {"ttr": 0.5 + 1e-9, "log-det": None}}, {"metrics": "equivalent"}),
        ({"metrics": {"ttr": 0.5005, "log-det": None}}, {"metrics": "broken"}),
        ({"metrics": {"ttr": 0.5, "log-det": 1.0}}, {"metrics": "broken"}),
        ({"metrics": {"log-det": None}}, {"metrics": "broken"}),
        ({"ids": IDS[::-1]}, {"picks": "broken", "metrics": "identical"}),
        ({"ids": IDS[:-1]}, {"picks": "broken"}),
        ({"ids": IDS[::-1], "metrics": {"ttr": 0.6, "log-det": None}}, {"picks": "broken", "metrics": "better"}),
        ({"ids": IDS[::-1], "metrics": {"ttr": 0.4, "log-det": None}}, {"picks": "broken", "metrics": "worse"}),
        ({"memory": 0.7}, {"memory": "worse"}),
        ({"memory": 0.3}, {"memory": "better"}),
        ({"memory": 0.501}, {"memory": "equivalent"}),
        ({"timings": timed(SLOWER)}, {"time": "worse"}),
        ({"timings": timed(dict.fromkeys(RATIOS, 0.6))}, {"time": "better"}),
        # One kernel, or one session, of three says otherwise: the median is not moved.
        ({"timings": timed({"arithmetic": 1.5, "memory": 1.5})}, {"time": "worse"}),
        ({"timings": timed({"arithmetic": 1.5})}, {"time": "equivalent"}),
        ({"timings": timed(SLOWER, {}, SLOWER)}, {"time": "worse"}),
        ({"timings": timed({}, SLOWER, {})}, {"time": "equivalent"}),
    ],
)
def test_verdicts(changed: dict[str, Any], expected: dict[str, str]) -> None:
    assert expected.items() <= aspects(observation(**changed), Recorded.of(observation())).items()


def test_what_is_not_recorded_is_not_judged() -> None:
    bare = Recorded.of(observation(metrics={}, timings=(), memory=None))
    assert aspects(observation(), bare) == {"picks": "identical"}


def test_other_features_are_named_before_the_strategy_is_blamed() -> None:
    recorded = Recorded.of(observation())
    moved = judge(observation(ids=IDS[::-1]), recorded).aspects[0].detail
    assert "the strategy or its kernel changed" in moved
    read = judge(observation(ids=IDS[::-1], features={"tokens (response)": "11"}), recorded).aspects[0].detail
    assert "tokens (response) changed as well" in read


def test_another_processor_has_other_thresholds() -> None:
    here = Recorded.of(observation())
    there = here.model_copy(update={"made_on": "Another CPU (alien); Python 3.11"})
    assert (threshold_for(here), threshold_for(there)) == (THRESHOLD, COARSE)
    assert tolerance_of("cluster-inertia", False) > tolerance_of("cluster-inertia", True) == tolerance_of("ttr", False)
    slower = observation(timings=timed(SLOWER))
    assert aspects(slower, here)["time"] == "worse"
    assert aspects(slower, there)["time"] == "equivalent"


def test_what_takes_no_time_has_other_thresholds_too() -> None:
    def short(factor: float) -> Observation:
        return observation(timings=timed(dict.fromkeys(RATIOS, 0.01 * factor)))

    recorded = Recorded.of(short(1.0))
    assert threshold_for(recorded) == COARSE
    assert aspects(short(1.5), recorded)["time"] == "equivalent"
    assert aspects(short(2.5), recorded)["time"] == "worse"


@pytest.mark.parametrize(
    ("factors", "wanted"), [([1.0], False), ([1.1], False), ([1.2], True), ([0.8], True), ([1.5, 1.0, 1.05], False)]
)
def test_what_is_not_clear_is_timed_again(factors: list[float], wanted: bool) -> None:
    found = observation(timings=timed(*(dict.fromkeys(RATIOS, factor) for factor in factors)))
    assert undecided(found, Recorded.of(observation())) is wanted


def test_a_time_in_units_of_other_kernels_is_not_judged() -> None:
    recorded = Recorded.of(observation(timings=(Timing({"of another version": 1.0}, 0.01, 1e-3),)))
    assert "time" not in aspects(observation(), recorded)
    assert not undecided(observation(), recorded)


def test_a_record_is_the_median_of_its_sessions() -> None:
    found = observation(timings=timed(dict.fromkeys(RATIOS, 1.1), {}, dict.fromkeys(RATIOS, 3.0)))
    recorded = Recorded.of(found).time
    assert recorded is not None
    assert recorded.ratios == {name: pytest.approx(1.1 * ratio) for name, ratio in RATIOS.items()}


def test_the_worst_decides() -> None:
    assert worst([]) is Verdict.identical
    assert worst([Verdict.better, Verdict.equivalent]) is Verdict.better
    assert worst([Verdict.worse, Verdict.broken, Verdict.better]) is Verdict.broken
    assert [exit_code(verdict) for verdict in Verdict] == [0, 0, 0, 1, 2]


def check_of(found: Observation, recorded: Recorded) -> Check:
    return Check((judge(found, recorded),), {found.spec: found})


def test_an_update_leaves_what_is_within_noise() -> None:
    before = Baseline().merged({"mine": Recorded.of(observation())})
    noisy = observation(timings=timed(dict.fromkeys(RATIOS, 1.1)), memory=0.501)
    same = renewed(before, check_of(noisy, before.strategies["mine"]))
    assert same == before
    assert changes(before, same) == []
    slower = observation(timings=timed(SLOWER))
    after = renewed(before, check_of(slower, before.strategies["mine"]))
    assert changes(before, after) == ["mine: time 1.50 to 1.50 times"]


def test_an_update_says_what_it_changes() -> None:
    recorded = Recorded.of(observation())
    before = Baseline().merged({"mine": recorded, "gone": recorded})
    other = observation(ids=(*IDS[:40], "x", *IDS[41:]), metrics={"ttr": 0.6, "log-det": None})
    checked = check_of(other, recorded)
    gone = Judged("gone", ())
    after = renewed(before, replace(checked, judged=(*checked.judged, gone)))
    told = changes(before, after)
    assert told == ["gone: removed", "mine: picks from step 41 on (Jaccard 0.957); 1 metrics (ttr)"]
    assert changes(Baseline(), after)[0].startswith("mine: new, 45 picks")


def test_a_failure_keeps_its_record() -> None:
    before = Baseline().merged({"mine": Recorded.of(observation())})
    failed = Observation("mine", failure="no luck")
    assert renewed(before, check_of(failed, before.strategies["mine"])) == before


def test_a_baseline_of_another_machine_is_made_anew() -> None:
    elsewhere = Recorded.of(observation()).model_copy(update={"made_on": "Another CPU (alien); Python 3.11"})
    before = Baseline().merged({"mine": elsewhere})
    after = renewed(before, check_of(observation(timings=timed(dict.fromkeys(RATIOS, 1.1))), elsewhere))
    assert after.strategies["mine"].made_on == made_on()
    assert after.strategies["mine"].time != elsewhere.time


def test_differences_of_picks() -> None:
    assert first_difference("abc", "abc") is None
    assert first_difference("abc", "abd") == 2
    assert first_difference("ab", "abc") == 2
    assert jaccard(["a", "b"], ["b", "c"]) == pytest.approx(1 / 3)
    assert jaccard([], []) == 1.0


def test_default_strategies_need_no_model() -> None:
    names = default_strategies(Setting().context())
    assert {"novelselect", "k-center", "macro-response", "meso-response", "micro-response", "random"} <= set(names)
    assert not {"mads", "published", "full", "oracle"} & set(names)
