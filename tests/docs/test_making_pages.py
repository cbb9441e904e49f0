"""The parts that pages are made of: formulas, links, field tables, pictures."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from handbook.fields import fields_of, with_fields
from handbook.links import REPOSITORY, BrokenLinkError, relinked
from handbook.mathml import FormulaError, block, mathml, with_formulas
from handbook.pictures import PICTURES, coverage, file_of, fingerprint

from suite.results import SCHEMA_VERSION, CellIdentity, Result
from suite.track import Budget


def test_a_formula_becomes_mathml() -> None:
    made = mathml(r"\frac{1}{m} \sum_{i \in S} x_i")
    assert made.startswith("<math ")
    assert "<mfrac>" in made
    assert "\\" not in made.partition(">")[2]
    assert block(r"a = b, \qquad c = d").count("<math ") == 2
    page = with_formulas("Text $`x_i`$ and `$x$`.\n\n```math\ny = 2\n```\n")
    assert page.count("<math ") == 2
    assert "`$x$`" in page


@pytest.mark.parametrize("formula", [r"\nosuchcommand{x}", r"\frac{1}{", r"\left( x"])
def test_a_formula_that_cannot_be_read_is_shown(formula: str) -> None:
    with pytest.raises(FormulaError, match=r"formula|not known"):
        mathml(formula)


def test_links_lead_to_the_site_or_to_the_repository() -> None:
    def to(link: str, page: str = "results/speed.md") -> str:
        return relinked(f"[x]({link})", written_at=f"docs/{page}", page=page)

    assert to("levels.md") == "[x](levels.md)"
    assert to("../../CHANGELOG.md#top") == "[x](../changelog.md#top)"
    assert to("../../submissions/README.md") == "[x](../submit.md)"
    assert to("../../suite/tracks/microworld.toml") == "[x](../tracks/microworld.md)"
    assert to("../../suite/track.py") == f"[x]({REPOSITORY}suite/track.py)"
    assert to("store") == f"[x]({REPOSITORY}docs/results/store)"
    assert to("https://example.org/a") == "[x](https://example.org/a)"
    assert to("../strategies/random.md") == "[x](../strategies/random.md)"
    with pytest.raises(BrokenLinkError, match=r"docs/results/speed.md: ../nowhere.txt leads nowhere"):
        to("../nowhere.txt")


@dataclass
class _Example:
    first: int
    second: tuple[str, ...] = ()
    """What stands below is the note."""


def test_fields_are_those_of_the_class() -> None:
    rows = {row.name: row for row in fields_of(Result)}
    assert set(rows) == set(Result.model_fields)
    assert rows["supersedes"].note.endswith("that this one corrects.")
    assert rows["schema_version"].default == f"`{SCHEMA_VERSION}`"
    assert {row.name: row.type for row in fields_of(CellIdentity)}["track"].startswith("str: lower-case")
    share = next(row for row in fields_of(Budget) if row.name == "share")
    assert (share.default, share.note) == ("`None`", "> 0; ≤ 1")
    with pytest.raises(AttributeError):
        with_fields("<!-- fields suite.track:Nothing -->")


def test_crossed_intervals_are_the_ones_that_cover() -> None:
    shares = coverage()
    assert shares["seeds and items crossed"] == pytest.approx(0.95, abs=0.015)
    assert shares["items alone"] < 0.9
    assert shares["seeds alone"] < shares["seeds and items crossed"]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_what_would_be_drawn_today(name: str, dark: bool) -> None:
    drawn = file_of(name, dark).read_text()
    assert drawn.startswith("<svg")
    assert drawn.endswith(f"<!-- drawn from {fingerprint(PICTURES[name](dark))} -->\n")
