"""The machinery of `make bench`: fits, the stored reference, what fails, and the pictures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from growth import (
    ALLOWED,
    CLOSING,
    OPENING,
    PAGE,
    Growth,
    changes,
    figures,
    growth_exponent,
    read_reference,
    reference_of,
    table,
    write_reference,
    write_table,
)

SIZES = [1_000, 2_000, 4_000, 8_000]


def seconds(exponent: float) -> list[float]:
    return [1e-6 * size**exponent for size in SIZES]


def run(exponent: float, ratio: float = 30.0) -> dict[str, Any]:
    """A run as pytest-benchmark writes it, with one benchmark of growth, one ratio and one of seconds alone."""
    extra: dict[str, Any] = {}
    Growth("test_growth_of_it", extra, {}).record("rows", SIZES, seconds(exponent))
    return {
        "benchmarks": [
            {"name": "test_growth_of_it", "extra_info": extra},
            {"name": "test_it_against_a_peer", "extra_info": {"ratio": ratio, "peer": "numpy", "ours_seconds": 0.1}},
            {"name": "test_seconds", "extra_info": {"ours_seconds": 3.0}},
        ]
    }


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_a_power_law_is_found(exponent: float) -> None:
    assert growth_exponent(SIZES, seconds(exponent)) == pytest.approx(exponent)


def test_every_fit_of_the_benchmarks_has_one_stored_to_be_compared_with() -> None:
    """Without one, or after a change of its name, a benchmark's growth would pass whatever it is."""
    written = {
        name
        for file in (Path(__file__).parent / "benchmarks").glob("test_*.py")
        for name in re.findall(r"^def (test_growth_\w+)\(", file.read_text(), re.MULTILINE)
    }
    stored = {name.partition("[")[0] for name, facts in read_reference().items() if facts.get("growth")}
    assert len(written) >= 10
    assert written == stored


def test_the_page_lists_every_stored_exponent() -> None:
    """Those above the target, too: pruning types was left out once."""
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(f"{OPENING}\n\n")
    assert rest.partition(f"\n\n{CLOSING}")[0] == table(read_reference())
    assert (
        sum(len(facts.get("growth", {})) for facts in read_reference().values())
        == table(read_reference()).count("\n") - 1
    )


def test_the_table_is_put_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    page.write_text(f"before\n\n{OPENING}\nan older table\n{CLOSING}\n\nafter\n")
    reference = reference_of(run(1.25))
    for _ in range(2):
        write_table(reference, page)
        assert page.read_text() == f"before\n\n{OPENING}\n\n{table(reference)}\n\n{CLOSING}\n\nafter\n"
    assert "| it | rows | 1,000 to 8,000 | 1.25 |" in page.read_text()
    page.write_text("no marks")
    with pytest.raises(ValueError, match="no place for the exponents"):
        write_table(reference, page)


def test_fewer_than_four_sizes_are_no_fit() -> None:
    with pytest.raises(ValueError, match="at least four sizes"):
        growth_exponent(SIZES[:3], seconds(1.0)[:3])


def test_growth_beyond_the_stored_one_fails(tmp_path: Path) -> None:
    stored = write_reference(run(1.0), tmp_path / "reference.json")
    assert read_reference(tmp_path / "reference.json") == stored
    within = Growth("test_growth_of_it", {}, stored)
    assert within.record("rows", SIZES, seconds(1.0 + ALLOWED - 0.01)) == pytest.approx(1.0 + ALLOWED - 0.01)
    with pytest.raises(AssertionError, match=r"rows\^1\.16; 1\.00 is stored"):
        Growth("test_growth_of_it", {}, stored).record("rows", SIZES, seconds(1.0 + ALLOWED + 0.01))
    # What nothing is stored of can be recorded, and does not fail.
    Growth("test_growth_of_it", {}, stored).record("budget", SIZES, seconds(3.0))


def test_the_reference_keeps_what_another_machine_can_read(tmp_path: Path) -> None:
    path = tmp_path / "bench" / "reference.json"
    kept = write_reference(run(1.0), path)
    assert set(kept) == {"test_growth_of_it", "test_it_against_a_peer"}
    assert kept["test_it_against_a_peer"] == {"ratio": 30.0, "peer": "numpy"}
    later = {"benchmarks": [{"name": "test_another", "extra_info": {"ratio": 2.0}}]}
    assert set(write_reference(later, path)) == {*kept, "test_another"}
    path.write_text(json.dumps({"schema_version": 2}))
    with pytest.raises(ValueError, match="schema version 2"):
        read_reference(path)


def test_what_changed_is_said_beside_what_was() -> None:
    before = reference_of(run(1.0))
    assert changes(before, run(1.1, ratio=15.0)) == [
        "test_growth_of_it: rows^1.10 (1 stored)",
        "test_it_against_a_peer: ratio 15 (30 stored)",
    ]
    assert changes({}, run(1.1))[0].endswith("(new)")


def test_a_picture_a_variable() -> None:
    made = figures(reference_of(run(1.0)))
    assert list(made) == ["time-rows"]
    (line,) = made["time-rows"].data
    assert line.name == "it (1.00)"
    assert list(line.x) == SIZES
    assert made["time-rows"].layout.xaxis.type == "log"


def test_the_committed_reference_can_be_read_and_has_its_pictures() -> None:
    from growth import FOLDER

    stored = read_reference()
    assert any("growth" in facts for facts in stored.values())
    for facts in stored.values():
        for fit in facts.get("growth", {}).values():
            assert fit["exponent"] == pytest.approx(growth_exponent(fit["sizes"], fit["seconds"]), abs=0.002)
    assert {path.stem for path in FOLDER.glob("time-*.png")} == set(figures(stored))
