"""Figures to files: a real PNG through a real browser, HTML that asks nothing of a network, one error without."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import plotly.graph_objects as go
import pytest

from suite.errors import FigureError
from suite.figures import export
from suite.figures.theme import figure


@pytest.fixture
def drawn() -> go.Figure:
    made = figure("A <b>title</b>", "budget (samples)", "score (points)")
    return made.add_scatter(x=[1, 2, 3], y=[3, 1, 2], name="</script><script>alert(1)</script>")


def test_a_png_of_the_size_asked_for(drawn: go.Figure, browser_path: Path, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "figure.png"
    export.write_png(drawn, target, width=320, height=200, scale=2)
    content = target.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", content[16:24]) == (640, 400)
    assert [path.name for path in target.parent.iterdir()] == ["figure.png"]


def test_without_a_browser_the_error_says_how_to_get_one(
    drawn: go.Figure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in export.BROWSER_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(export, "USUAL_PLACES", ())
    monkeypatch.setattr(export, "_browser_of_plotly", lambda: None)
    with pytest.raises(FigureError, match=r"none was found\. Install Chrome .*apt-get install chromium"):
        export.write_png(drawn, tmp_path / "figure.png")


@pytest.mark.parametrize("variable", export.BROWSER_VARIABLES)
def test_a_variable_names_the_browser(variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for other in export.BROWSER_VARIABLES:
        monkeypatch.delenv(other, raising=False)
    program = tmp_path / "my-browser"
    monkeypatch.setenv(variable, str(program))
    with pytest.raises(FigureError, match=f"{variable} is .*my-browser', and no program lies there"):
        export.find_browser()
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    assert export.find_browser() == program


def test_a_browser_that_fails_leaves_no_file(drawn: go.Figure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(program))
    with pytest.raises(FigureError, match=r"broken could not draw figure\.png"):
        export.write_png(drawn, tmp_path / "figure.png")
    assert not list(tmp_path.glob("*figure.png*"))


def test_html_that_stands_alone(drawn: go.Figure, tmp_path: Path) -> None:
    export.write_html(drawn, tmp_path / "figure.html")
    page = (tmp_path / "figure.html").read_text()
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?(https?:|//)", page)
    assert len(page) > 3_000_000
    assert "<script>alert(1)" not in page


def test_a_part_of_a_page_holds_no_markup_of_strangers(drawn: go.Figure) -> None:
    part = export.as_div(drawn, "cost-0", described='A "quoted" <title>')
    assert part.count("</script>") == 1
    assert 'aria-label="A &quot;quoted&quot; &lt;title&gt;"' in part
    found = re.search(r"data-plot=\"cost-0\">(.*?)</script>", part, re.DOTALL)
    assert found
    handed = json.loads(found[1])
    assert handed["data"][0]["name"] == "</script><script>alert(1)</script>"
    assert not handed["layout"].keys() & {"title", "template"}
    for wrong in ('x" onload="alert(1)', "ünfug", ""):
        with pytest.raises(ValueError, match="cannot be the id"):
            export.as_div(drawn, wrong)


def test_the_page_script_brings_both_templates_once() -> None:
    script = export.page_script()
    handed = json.loads(script[script.index("breadthFigures = ") + 17 : script.rindex(";</script>")])
    light, dark = (handed["templates"][mode]["layout"] for mode in ("light", "dark"))
    assert light["font"]["color"] != dark["font"]["color"]
    assert light["paper_bgcolor"] == dark["paper_bgcolor"] == "rgba(0, 0, 0, 0)"


def test_script_json_refuses_numbers_that_do_not_exist() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        export.script_json({"value": float("nan")})
