"""The page of one record: the first prompt as the model saw it, and as ids alone where no text was kept."""

from __future__ import annotations

import json
from pathlib import Path

from boards import made_up, page_at
from factories import experiment
from reports import EFFECTS, of_track

from leaderboard.render import render
from suite.results import Result
from suite.track import load_track

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


def test_what_the_strategy_says_and_what_trained_are_shown(tmp_path: Path) -> None:
    def told(result: Result) -> Result:
        document = json.loads(result.to_json())
        document["remarks"] = ["approximate: <i>5</i> neighbours alone"]
        if result.training is not None:
            document["training"]["versions"] = {"torch": "2.13.0+cpu", "trl": "1.16.0"}
        return Result.model_validate(document)

    snapshot = made_up(tmp_path, of_track([told(one) for one in experiment(EFFECTS)], load_track("microworld")))
    line = next(line for line in snapshot.tracks["microworld"].cells.lines if line.strategy == "k-center")
    html = render(page_at(snapshot, view="runs", run=line.path)).body
    assert "The strategy says of its selection: approximate: &lt;i&gt;5&lt;/i&gt; neighbours alone" in html
    for name, version in (("trained by torch", "2.13.0+cpu"), ("trained by trl", "1.16.0")):
        assert name in html
        assert version in html
    board = render(page_at(snapshot)).body
    assert "k-center says of its selection: approximate: &lt;i&gt;5&lt;/i&gt; neighbours alone." in board


def cost_of(share: float | None, folder: Path, view: str) -> str:
    """The page of a record of k-center (`runs`), or that of all costs, where its training reached that share."""
    results = [
        result.model_copy(
            update={
                "schema_version": 3,
                "cost": result.cost.model_copy(update={"model_flop_utilisation": share if result.training else None}),
            }
        )
        for result in experiment(EFFECTS)
    ]
    snapshot = made_up(folder, results)
    line = next(line for line in snapshot.tracks["microworld"].cells.lines if line.strategy == "k-center")
    return render(page_at(snapshot, view=view, **({"run": line.path} if view == "runs" else {}))).body


def test_what_training_made_of_the_card_is_told_or_that_it_is_not_known(tmp_path: Path) -> None:
    assert "37.5% of the card&#x27;s peak" in cost_of(0.375, tmp_path / "a", "runs").replace("&#39;", "&#x27;")
    assert "not measured: the peak of this machine is not known" in cost_of(None, tmp_path / "b", "runs")
    known, unknown = cost_of(0.375, tmp_path / "c", "cost"), cost_of(None, tmp_path / "d", "cost")
    assert "model FLOP utilisation (%)" in known
    assert "37.5" in known
    assert "utilisation of training: not measured" not in known
    assert "model FLOP utilisation (%)" not in unknown
    assert "Model FLOP utilisation of training: not measured" in unknown
