"""The registry: one-line forms, near names, typed parameters, names that clash, plugins that do not import."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.errors import ParameterError, UnknownNameError, UsageError
from suite.registry import Metric, Registry, Strategy, metrics, register, strategies


@dataclass(frozen=True)
class Sampler(Strategy):
    """A strategy with a parameter of each type."""

    count: int = 3
    share: float = 0.5
    name_of: str = "x"
    whole: bool = False
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError("count must be at least 1")

    def select(self, pool: Any, budget: int, *, features: Any, rng: np.random.Generator) -> np.ndarray:
        return np.arange(budget)


@pytest.fixture
def registry() -> Registry[Strategy]:
    own: Registry[Strategy] = Registry("strategy", "breadth.tests.nobody")
    own.add("sampler", Sampler)
    return own


def test_near_names_are_named(registry: Registry[Strategy]) -> None:
    with pytest.raises(UnknownNameError, match=r"no strategy 'sampel'\. Did you mean 'sampler'\? Known: sampler"):
        registry.get("sampel")
    with pytest.raises(UnknownNameError, match="Did you mean 'facility-location'"):
        strategies.parse("facilty-location:quality=none")
    with pytest.raises(UnknownNameError, match="Did you mean 'embedding-distance'"):
        metrics.get("embeding-distance")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("sampler:size=3", r"no parameter 'size'. It has: count=3, share=0.5"),
        ("sampler:count=many", "count='many' of strategy 'sampler' is wrong: .*integer"),
        ("sampler:count=2.5", "count='2.5' of strategy 'sampler' is wrong"),
        ("sampler:whole=perhaps", "whole='perhaps' of strategy 'sampler' is wrong"),
        ("sampler:count", "'count' in 'sampler:count' is no parameter: write sampler:key=value"),
        ("sampler:count=1,count=2", "stands twice"),
        ("sampler:count=0", "count must be at least 1"),
    ],
)
def test_parameters_written_wrong(registry: Registry[Strategy], spec: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        registry.parse(spec)


def test_parameters_are_typed(registry: Registry[Strategy]) -> None:
    found = registry.parse(" sampler : count=7, share=1e-3 ,whole=true,limit=4")
    assert found.parameters == {"count": 7, "share": 0.001, "name_of": "x", "whole": True, "limit": 4}
    assert found.spec == "sampler:count=7,share=0.001,whole=true,limit=4"
    assert registry.parse("sampler").spec == "sampler"


@given(
    count=st.integers(1, 10**9),
    share=st.floats(allow_nan=False, allow_infinity=False),
    name_of=st.text("abcxyz-_./ 0123456789", min_size=1).map(str.strip).filter(bool),
    whole=st.booleans(),
)
def test_the_one_line_form_is_read_back(count: int, share: float, name_of: str, whole: bool) -> None:
    registry: Registry[Strategy] = Registry("strategy", "breadth.tests.nobody")
    registry.add("sampler", Sampler)
    plugin = Sampler(count=count, share=share, name_of=name_of, whole=whole)
    assert registry.parse(plugin.spec) == plugin


def test_two_plugins_of_one_name_are_an_error_that_names_both(registry: Registry[Strategy]) -> None:
    @dataclass(frozen=True)
    class Other(Sampler):
        """Another of the same name."""

    with pytest.raises(UsageError, match=r"called 'sampler': .*Sampler .*test_registry.py.* and .*Other .*Rename one"):
        registry.add("sampler", Other)
    assert registry.get("sampler") is Sampler
    assert registry.add("sampler", Sampler) is Sampler


@pytest.mark.parametrize("name", ["K-Center", "k_center", "1st", "", "a--b", "a b"])
def test_names_have_one_form(registry: Registry[Strategy], name: str) -> None:
    with pytest.raises(UsageError, match="no strategy name"):
        registry.add(name, Sampler)


def test_what_is_no_plugin() -> None:
    class Loose(Strategy):
        """Not a dataclass."""

        def select(self, pool: Any, budget: int, *, features: Any, rng: np.random.Generator) -> np.ndarray:
            return np.arange(budget)

    with pytest.raises(UsageError, match="must be a dataclass"):
        register("loose")(Loose)
    with pytest.raises(UsageError, match="neither a Strategy nor a Metric"):
        register("loose")(dict)  # type: ignore[type-var]


@pytest.mark.parametrize("flag", ["allows_repeats", "reference"])
def test_privileges_are_for_built_ins(flag: str) -> None:
    cls = dataclass(frozen=True)(type("Greedy", (Sampler,), {flag: True, "__module__": "stranger.greedy"}))
    with pytest.raises(UsageError, match="open to built-in strategies alone"):
        register("greedy")(cls)
    assert "greedy" not in strategies.names()


GOOD = """
from dataclasses import dataclass
import numpy as np
from suite.registry import Strategy, register

@register("first-rows", cost="n")
@dataclass(frozen=True)
class FirstRows(Strategy):
    def select(self, pool, budget, *, features, rng):
        return np.arange(budget)
"""
ASK = """
from suite.errors import UnknownNameError
from suite.registry import strategies
assert strategies.parse("first-rows").info.origin.endswith("good_plugin.py)")
print(strategies.broken)
try:
    strategies.get("first-row")
except UnknownNameError as error:
    print(error)
"""


def test_a_strangers_package_is_found_and_a_broken_one_is_shown(tmp_path: Path) -> None:
    for name, content in (("good", GOOD), ("broken", "import a_module_that_nobody_has")):
        (tmp_path / f"{name}_plugin.py").write_text(content)
        facts = tmp_path / f"{name}_plugin-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-plugin\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(f"[breadth.strategies]\n{name} = {name}_plugin\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    broken, error = done.stdout.splitlines()
    assert "broken = broken_plugin" in broken
    assert "No module named 'a_module_that_nobody_has'" in broken
    assert "Did you mean 'first-rows'" in error
    assert "A plugin failed to import: broken = broken_plugin (ModuleNotFoundError" in error
    assert "k-center" in error


def test_built_in_metrics_are_found() -> None:
    assert {"embedding-distance", "mean-length", "ttr"} <= set(metrics.names())
    assert not metrics.broken
    assert all(issubclass(cls, Metric) and cls.__doc__ and cls.info.cost for cls in metrics)
