"""The requirements of a Space: the versions at hand, unless the Space's own builder cannot take them."""

from __future__ import annotations

import importlib.metadata

import pytest
from packaging.requirements import Requirement

from leaderboard.space import requirements as made
from leaderboard.space.requirements import requirements
from suite.errors import BreadthError


def test_versions_are_those_installed_here() -> None:
    lines = requirements({"jinja2": "ours", "huggingface_hub": "ours"})
    assert lines == [f"{name}=={importlib.metadata.version(name)}" for name in ("gradio", "huggingface-hub", "jinja2")]


def test_what_the_builder_rules_out_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    known = importlib.metadata.requires

    def narrowed(name: str) -> list[str]:
        limits = ["pydantic<=2.0.0 ; extra == 'mcp'", "jinja2>=99 ; extra == 'other'"] if name == "gradio" else []
        return [*(known(name) or []), *limits]

    monkeypatch.setattr(made.importlib.metadata, "requires", narrowed)
    lines = requirements({"pydantic": "ours", "pydantic_core": "ours", "jinja2": "ours", "numpy": "ours"})
    found = {need.name: str(need.specifier) for need in map(Requirement, [line for line in lines if line[0] != "#"])}
    assert found["pydantic"].startswith(">=")
    assert found["pydantic-core"] == ""
    assert {found["jinja2"][:2], found["numpy"][:2]} == {"=="}
    assert any("the builder of a Space wants pydantic<=2.0.0" in line for line in lines)
    assert any("it has to fit pydantic" in line for line in lines)


def test_every_line_fits_the_builder() -> None:
    imported = dict.fromkeys(("anyio", "fastapi", "httpx", "numpy", "pydantic", "pydantic_core", "uvicorn"), "ours")
    found = {need.name: need for need in map(Requirement, [line for line in requirements(imported) if line[0] != "#"])}
    for written in importlib.metadata.requires("gradio") or []:
        limit = Requirement(written)
        if limit.name in found and (limit.marker is None or limit.marker.evaluate({"extra": "mcp"})):
            exact = [part.version for part in found[limit.name].specifier if part.operator == "=="]
            assert all(version in limit.specifier for version in exact), written


def test_what_a_space_cannot_have_is_refused() -> None:
    with pytest.raises(BreadthError, match=r"reaches torch \(by suite.x\)"):
        requirements({"torch": "suite.x"})
    with pytest.raises(BreadthError, match=r"suite.x imports nowhere_to_be_found, which is not installed"):
        requirements({"nowhere_to_be_found": "suite.x"})


def test_a_page_without_gradio_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    known = importlib.metadata.packages_distributions()
    known.pop("gradio")
    monkeypatch.setattr(made.importlib.metadata, "packages_distributions", lambda: known)
    with pytest.raises(BreadthError, match=r"pip install 'breadth\[board\]'"):
        requirements({})
