"""`breadth select`: what a strategy says of its picks is told whenever they are picked, from the cache as well."""

from __future__ import annotations

from pathlib import Path

from tiny_track import TINY
from typer.testing import CliRunner

from suite.commands.main import application


def test_a_cached_selection_repeats_that_it_is_approximate(own_home: Path, tmp_path: Path) -> None:
    asked = ["select", "facility-location:neighbours=5", "--track", str(TINY), "-o", str(tmp_path / "picks.json")]
    for kept in (0, 1):
        assert len(list((own_home / "cache" / "selections").glob("*.json"))) == kept
        done = CliRunner().invoke(application(), asked, catch_exceptions=False, env={"COLUMNS": "200"})
        assert done.exit_code == 0, done.output
        assert done.stderr.count("facility-location:neighbours=5: approximate: a sample counts for itself and") == 1
