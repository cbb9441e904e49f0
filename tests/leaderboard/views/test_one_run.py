"""The page of one record: the first prompt as the model saw it, and as ids alone where no text was kept."""

from __future__ import annotations

from pathlib import Path

from boards import made_up, page_at
from factories import experiment
from reports import EFFECTS

from leaderboard.render import render

PROMPT = "### Instruction:\n<b>Add</b> 2 and 3.\n\n### Response:"


def shown(folder: Path, prompt: str | None) -> str:
    """The page of a record of k-center, as the browser gets it."""
    results = [
        result if result.cell.strategy != "k-center" else result.model_copy(update={"first_prompt": prompt})
        for result in experiment(EFFECTS)
    ]
    if prompt is not None:
        results = [result.model_copy(update={"schema_version": 2}) for result in results]
    snapshot = made_up(folder, results)
    line = next(line for line in snapshot.tracks["microworld"].cells.lines if line.strategy == "k-center")
    return render(page_at(snapshot, view="runs", run=line.path)).body


def test_the_first_prompt_is_shown_as_text(tmp_path: Path) -> None:
    html = shown(tmp_path, PROMPT)
    assert "&lt;b&gt;Add&lt;/b&gt; 2 and 3." in html
    assert "<b>Add" not in html
    assert "1 2 3" in html


def test_where_no_text_was_kept_the_ids_stand_alone(tmp_path: Path) -> None:
    html = shown(tmp_path, None)
    assert "First prompt as the model saw it: 3 tokens" in html
    assert "### Instruction" not in html
