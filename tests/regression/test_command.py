"""`breadth regress` and the pytest plugin, as people use them: exit statuses, summaries, updates, the fixture."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from regression.called import regress

import strategies.kernels
from suite.errors import RegressionError
from suite.regression.baseline import FILE, Baseline, read_baseline
from suite.regression.setting import Setting

ROOT = Path(__file__).parents[2]
MINE = """
from dataclasses import dataclass
import numpy as np
from suite.registry import Strategy, register

@register("every-nth", level="baseline", cost="n", deterministic=True)
@dataclass(frozen=True)
class EveryNth(Strategy):
    \"\"\"Every n-th sample.\"\"\"

    start: int = 0

    def select(self, pool, budget, *, features, rng):
        return (STEP * np.arange(budget) + self.start) % len(pool)

def test_mine(breadth_regress):
    breadth_regress("every-nth:start=2", timed=True)

def test_with_metrics(breadth_regress):
    breadth_regress("every-nth", metrics=True)
"""


@pytest.fixture
def small(tmp_path: Path, noted: Baseline) -> Path:
    """The small baseline in a folder of its own."""
    noted.write(tmp_path / FILE)
    return tmp_path


def test_nothing_changed(small: Path) -> None:
    said = regress("-b", str(small), "--untimed", "--markdown", str(small / "summary.md"))
    assert "3 strategies: 3 identical." in said
    summary = (small / "summary.md").read_text()
    assert "| `novelselect` | identical | identical (all 60) | identical (all 18) |" in summary


def test_a_change_is_broken_until_it_is_made_the_baseline(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel: Any = strategies.kernels.k_center
    monkeypatch.setattr(strategies.kernels, "k_center", lambda *given, **named: np.roll(kernel(*given, **named), 1))
    options = ("-b", str(small), "--strategies", "k-center", "--untimed")
    said = regress(*options, status=2)
    assert "k-center: picks broken. Other picks than the golden ones from step 1 on" in said.replace("\n", " ")
    document = json.loads(regress(*options, "--json", status=2))
    assert document["verdict"] == "broken"
    assert document["exit_status"] == 2
    assert document["strategies"]["k-center"]["aspects"]["picks"]["numbers"]["first_difference"] == 1
    before = read_baseline(small / FILE)
    with pytest.raises(RegressionError, match="Nothing was written"):
        regress(*options, "--update", answer="n\n")
    with pytest.raises(RegressionError, match="nobody answered: --yes") as unanswered:
        regress(*options, "--update", answer="")
    assert unanswered.value.exit_code == 2, "1 says that a strategy became worse"
    assert read_baseline(small / FILE) == before
    assert "picks from step 1 on (Jaccard 1.000)" in regress(*options, "--update", answer="y\n")
    after = read_baseline(small / FILE)
    assert after.strategies["novelselect"] == before.strategies["novelselect"]
    assert after.strategies["k-center"].picks == tuple(np.roll(before.strategies["k-center"].picks, 1))
    assert after.strategies["k-center"].time == before.strategies["k-center"].time
    regress(*options)


def test_another_pool_is_another_baseline(small: Path, noted: Baseline) -> None:
    """A pool that Breadth generates otherwise: nothing can be checked, and an update renews every strategy."""
    old = noted.setting.model_dump() | {"fingerprint": "0" * 64}
    noted.model_copy(update={"setting": Setting.model_validate(old)}).write(small / FILE)
    with pytest.raises(RegressionError, match="Make a new baseline with --update"):
        regress("-b", str(small), "--untimed")
    regress("-b", str(small), "--untimed", "--update", "--yes", "--strategies", "longest")
    made = read_baseline(small / FILE)
    assert made.setting.fingerprint == noted.setting.fingerprint
    assert set(made.strategies) == {*noted.strategies, "longest"}


def test_what_cannot_be_checked_has_status_2(small: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.json"
    Baseline().write(empty)
    for arguments, said in [
        (("-b", str(empty)), "records no strategy, so nothing can be checked"),
        (("-b", str(tmp_path / "nowhere.json")), "There is no baseline"),
        (("-b", str(small), "--strategies", "longest", "--untimed"), "has no record of longest"),
        (("-b", str(small), "--strategies", "longes"), "There is no strategy 'longes'"),
    ]:
        with pytest.raises(RegressionError, match=said) as caught:
            regress(*arguments)
        assert caught.value.exit_code == 2


def test_the_committed_baseline_holds() -> None:
    """What `make regress` checks, without time: built-in strategies pick what they picked on any machine."""
    said = regress("-b", str(ROOT / "tests" / "golden" / "regression.json"), "--untimed")
    assert "broken" not in said
    assert "17 strategies" in said


def shown_in_the_readme() -> list[list[str]]:
    """The arguments of every `breadth regress` that the README's section shows."""
    section = (ROOT / "README.md").read_text().split("## Regression-test a strategy")[1].split("\n## ")[0]
    lines = re.findall(r"\.venv/bin/breadth regress(.*)", section)
    return [shlex.split(line, comments=True) for line in lines]


def test_the_readmes_commands_for_few_strategies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those without training, in their order, for the strategies that it names; picks and metrics alone."""
    monkeypatch.chdir(tmp_path)
    shown = [arguments for arguments in shown_in_the_readme() if "--train" not in arguments]
    assert len(shown) == 3
    few = next(arguments[arguments.index("--strategies") + 1] for arguments in shown if "--strategies" in arguments)
    for arguments in shown:
        narrowed = [] if "--strategies" in arguments else ["--strategies", few]
        regress(*arguments, *narrowed, "--untimed")
    assert set(read_baseline(tmp_path / FILE).strategies) == set(few.split(";"))
    assert (tmp_path / "summary.md").read_text().startswith("### Selection strategies against the baseline")


@pytest.mark.long
def test_the_readmes_commands_as_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in shown_in_the_readme():
        regress(*arguments)


def pytest_there(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.long
def test_the_fixture_in_a_project_of_somebody_else(tmp_path: Path) -> None:
    """With a baseline elsewhere; the one in its place is in the README's test below."""
    there = ("--breadth-baseline", str(tmp_path / "other.json"))
    (tmp_path / "test_mine.py").write_text(MINE.replace("STEP", "3"))
    missing = pytest_there(tmp_path)
    assert missing.returncode == 1
    assert "has no record of every-nth: run pytest --breadth-update once" in missing.stdout.replace("\n", " ")
    recorded = pytest_there(tmp_path, "--breadth-update", *there)
    assert recorded.returncode == 0, recorded.stdout
    assert not (tmp_path / FILE).exists()
    kept = read_baseline(tmp_path / "other.json")
    timed = {spec: entry.time is not None for spec, entry in kept.strategies.items()}
    assert timed == {"every-nth": False, "every-nth:start=2": True}
    assert pytest_there(tmp_path, *there).returncode == 0
    (tmp_path / "test_mine.py").write_text(MINE.replace("STEP", "7"))
    changed = pytest_there(tmp_path, *there)
    assert changed.returncode == 1
    assert "from step 2 on" in changed.stdout
    assert "Traceback" not in changed.stdout
    assert read_baseline(tmp_path / "other.json") == kept


def test_the_readmes_test_passes_once_it_is_recorded(tmp_path: Path) -> None:
    section = (ROOT / "README.md").read_text().split("## Regression-test a strategy")[1]
    (tmp_path / "test_mine.py").write_text(section.split("```py\n")[1].split("```")[0])
    for arguments in (["--breadth-update"], []):
        done = pytest_there(tmp_path, *arguments)
        assert done.returncode == 0, done.stdout
        assert read_baseline(tmp_path / FILE).strategies


def test_the_plugin_costs_a_stranger_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); import pytest; import suite.regression.pytest_plugin\n"
        "heavy = {'numpy', 'pydantic', 'torch', 'typer', 'suite.registry', 'suite.regression.baseline'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
