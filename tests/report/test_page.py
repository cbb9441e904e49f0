"""The report as its readers meet it: every section, from results that lack this or that, with names that mean harm."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from factories import experiment, result, sha
from ladders import ladder_plan, ladder_results, ladder_selected
from panels import panel_table
from reports import EFFECTS, material_of, of_track, stored
from typer.testing import CliRunner

from suite.aggregate import score_v1
from suite.commands.main import application
from suite.errors import StoreError
from suite.report.blocks import Grid, NotRun, Paragraph, Section
from suite.report.material import Material
from suite.report.page import report_page
from suite.report.sections import SECTIONS
from suite.report.sections.cost import cost_section
from suite.report.sections.headline import headline, sentences
from suite.report.sections.reproduction import commands
from suite.studies.contamination import ContaminationOutcome, OverlapRow
from suite.studies.kept import keep
from suite.studies.ladder_table import ladder_table
from suite.track import load_track

STUDIES = ("ladder", "correlate", "overlap", "contamination")


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return material_of(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def page(material: Material) -> str:
    return report_page(material)


class Reader(HTMLParser):
    """The page without its scripts and style: tags with their attributes, and text."""

    def __init__(self, page: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._silent = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._silent = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.text += data


def section(material: Material, name: str) -> Section:
    return next(made for made in (make(material) for make in SECTIONS) if made.identifier == name)


def test_the_headline_says_who_beats_random_by_how_much_and_how_sure(material: Material) -> None:
    table = material.main_table
    assert table is not None
    rows = {row.spec: row for row in table.rows}
    said = headline("alpaca-cpu", table)
    assert said.startswith(
        "On alpaca-cpu, with 500 samples on llama-2m-corpus, 2 of 4 strategies beat random selection:"
    )
    for name in ("facility-location", "k-center"):
        found = rows[name].difference
        assert found is not None
        assert f"{name} by {100 * found.mean:.1f} ± {100 * found.half_width:.1f} points" in said
    further = "\n".join(sentences(table))
    best = rows["facility-location"].difference
    assert best is not None
    assert f"95 % interval {100 * best.low:.1f} to {100 * best.high:.1f} points" in further
    for row in table.rows:
        if row.verdict in ("worse", "tied"):
            words = "Worse than random" if row.verdict == "worse" else "Not told apart from random"
            assert row.spec in next(line for line in further.splitlines() if line.startswith(words))
    assert "What 3 seeds can detect" in further


def test_nobody_beats_random_is_said_too(tmp_path: Path) -> None:
    table = material_of(tmp_path, experiment({"k-center": 0.0, "longest": -0.01})).main_table
    assert table is not None
    assert "none of 2 strategies beats random selection." in headline("t", table)


def test_every_section_is_there_once_and_every_figure_says_how_to_read_it(page: str) -> None:
    reader = Reader(page)
    identifiers = [attributes["id"] for _, attributes in reader.tags if attributes.get("id")]
    assert len(identifiers) == len(set(identifiers))
    assert [attributes["id"] for tag, attributes in reader.tags if tag == "section"] == [
        "findings",
        "ranking",
        "tasks",
        "cost",
        "ladder",
        "correlations",
        "overlap",
        "contamination",
        "published",
        "tiers",
        "power",
        "methods",
        "reproduction",
    ]
    plots = [attributes for tag, attributes in reader.tags if attributes.get("class") == "plot"]
    assert len(plots) == len([tag for tag, _ in reader.tags if tag == "figcaption"]) >= 3
    assert page.count("plotly.js v") >= 1
    assert len(re.findall(r"const breadthFigures", page)) == 1


def test_nothing_is_fetched(page: str) -> None:
    reader = Reader(page)
    for tag, attributes in reader.tags:
        for name in ("src", "href"):
            address = attributes.get(name) or ""
            assert address.startswith(("#", "data:")) or not address, (tag, address)
    assert "default-src 'none'" in page


def test_studies_that_were_not_run_are_named_with_their_commands(page: str) -> None:
    text = Reader(page).text
    for study in STUDIES:
        assert f"breadth {study} --track alpaca-cpu" in text
    assert 'breadth run --track alpaca-cpu --strategies "published:set=alpagasus-claude;' in text


def test_the_ranked_table_holds_the_boards_numbers(material: Material) -> None:
    [table] = material.board.tables
    grid = next(block for block in section(material, "ranking").blocks if isinstance(block, Grid))
    lines = list(csv.DictReader(io.StringIO(grid.csv())))
    assert [line["strategy"] for line in lines] == [row.spec for row in table.rows]
    for line, row in zip(lines, table.rows, strict=True):
        assert row.score is not None
        assert float(line["score (points)"]) == pytest.approx(100 * row.score.mean)
        assert (line["difference to random (points)"] == "") == (row.difference is None)
    assert {table.rows[place].spec for place in grid.muted} == {"full", "untuned", "oracle"}


def test_reproduction_names_every_command_hash_version_and_machine(material: Material) -> None:
    lines = commands(material)
    assert lines[1].startswith("breadth run --track alpaca-cpu --budget 500 --strategies ")
    for name in ("duplicate", "facility-location", "k-center", "longest", "random"):
        assert name in lines[1]
    assert lines[-1] == "breadth report --track alpaca-cpu -o report.html"
    text = Reader(report_page(material)).text
    for fact in (sha("pool"), sha("base"), material.track.identity, "2 cores", "torch"):
        assert fact in text


def test_utilisation_is_the_median_of_the_cells_that_know_it(tmp_path: Path) -> None:
    results = experiment(EFFECTS)
    shares = iter((0.3, 0.5, None))
    known = [
        one
        if one.cell.strategy != "k-center"
        else one.model_copy(
            update={
                "schema_version": 3,
                "cost": one.cost.model_copy(update={"model_flop_utilisation": next(shares)}),
            }
        )
        for one in results
    ]
    material = material_of(tmp_path / "known", known)
    grid = next(block for block in cost_section(material).blocks if isinstance(block, Grid))
    place = [column.title for column in grid.columns].index("model FLOP utilisation (%)")
    told = {row[0]: row[place] for row in grid.rows}
    assert told["k-center"] == pytest.approx(0.4)
    assert told["longest"] is None
    without = cost_section(material_of(tmp_path / "unknown", results)).blocks
    assert any(isinstance(block, Paragraph) and "not measured" in block.text for block in without)


def test_an_incomplete_row_is_listed_and_makes_no_claim(tmp_path: Path) -> None:
    results = [r for r in experiment(EFFECTS) if (r.cell.spec, r.cell.training_seed) != ("k-center", 2)]
    material = material_of(tmp_path, results)
    table = material.main_table
    assert table is not None
    assert "k-center" not in headline("t", table)
    assert "Incomplete, hence unranked: k-center (2 of 3)." in list(sentences(table))


def test_a_withheld_ranking_says_why_and_the_page_still_stands(tmp_path: Path) -> None:
    material = material_of(tmp_path, [r for r in experiment(EFFECTS) if r.cell.spec != "full"])
    table = material.main_table
    assert table is not None
    assert "nothing is ranked yet: the `full` row is missing" in headline("t", table)
    text = Reader(report_page(material)).text
    assert "there is nothing to draw" in text
    assert "Raw task means" in text


def test_one_strategy_alone(tmp_path: Path) -> None:
    text = Reader(report_page(material_of(tmp_path, experiment({"k-center": 0.2})))).text
    assert "1 of 1 strategy beats random selection: k-center" in text


def test_one_seed_of_three_gives_no_verdict(tmp_path: Path) -> None:
    text = Reader(report_page(material_of(tmp_path, experiment({"k-center": 0.2}, seeds=1)))).text
    assert "nothing is ranked yet: the full row has 1 of 3 registered cells." in text


def test_results_of_an_older_track_make_a_page_that_says_so(tmp_path: Path) -> None:
    track = load_track("alpaca-cpu")
    store = stored(tmp_path, [result(track=track.name, track_identity=sha("older"))])
    from suite.commands.report import gather

    material = gather(track, store, track.name)
    text = Reader(report_page(material)).text
    assert "of 1 results of track alpaca-cpu none counts" in text
    assert "1 made under another version of this track" in text


HOSTILE = (
    "k-means:x=<script>alert(1)</script>",
    "k-means:x=</script><img src=x onerror=alert(1)>",
    'k-means:x=\'"><a href="javascript:alert(1)">x</a>',
    "k-means:x=$(rm -rf ~)`id`;echo",
    "k-means:x={{ 7*7 }}{% raw %}",
    "k-means:x=**bold** [x](http://x)",
)


def test_names_of_strangers_stay_text(tmp_path: Path) -> None:
    plain = experiment(EFFECTS)
    more = [
        result(plain[1].tasks, spec=spec, training_seed=seed, versions={"<b>lib</b>": "=1"}, hardware="<i>chip</i>")
        for spec in HOSTILE
        for seed in range(3)
    ]
    material = material_of(tmp_path, [*plain, *more])
    page = report_page(material)
    reader = Reader(page)
    for spec in HOSTILE:
        assert spec in reader.text.replace("\n", "") or spec.replace("`id`", "id") in reader.text
    assert not [tag for tag, _ in reader.tags if tag in ("img", "b", "i")]
    assert not [attributes for _, attributes in reader.tags if any(name.startswith("on") for name in attributes)]
    assert not [a for _, a in reader.tags if (a.get("href") or "").startswith("javascript:")]
    assert page.count("<script") == page.count("</script>")
    assert "49{%" not in page
    [line] = [line for line in commands(material) if "breadth run" in line]
    # In single quotes nothing is run by a shell; a quote in a name ends them for itself alone.
    assert re.fullmatch(r"breadth run --track alpaca-cpu --budget 500 --strategies ('[^']*'|\"'\")+", line)


def test_kept_studies_are_drawn(tmp_path: Path) -> None:
    plan = ladder_plan()
    material = material_of(tmp_path, track="microworld")
    selected = ladder_selected(plan, lambda _: 30.0)
    keep(tmp_path, "microworld", "ladder", ladder_table(plan, selected, ladder_results(plan, lambda _: 0.1), []))
    keep(tmp_path, "microworld", "correlate", panel_table({"novelsum": 0.03, "vendi": 0.2, "self-bleu": 0.1}))
    row = OverlapRow(
        name="<b>words</b>", kind="task", questions=500, checked=400, overlapping=7, whole=3, samples=9, examples=()
    )
    keep(
        tmp_path,
        "microworld",
        "contamination",
        ContaminationOutcome(
            track="microworld",
            pool_fingerprint="0" * 64,
            pool_size=12_000,
            passages=False,
            rows=(row,),
            not_checked=(),
            overlapping_samples=9,
            selections=(),
        ),
    )
    page = report_page(material)
    reader = Reader(page)
    identifiers = {attributes.get("id") for _, attributes in reader.tags}
    assert {"ladder-figure", "ladder-slopes", "coefficients", "scatter", "contamination-tasks"} <= identifiers
    assert "<b>words</b>" in reader.text
    assert "breadth ladder --track" not in reader.text
    assert "novelsum" in reader.text


def test_a_damaged_study_is_named_and_takes_nothing_else_away(tmp_path: Path, material: Material) -> None:
    broken = tmp_path / "studies" / "alpaca-cpu" / "ladder.json"
    broken.parent.mkdir(parents=True)
    broken.write_text("{")
    own = replace(material, store_folder=tmp_path)
    [block] = section(own, "ladder").blocks
    assert isinstance(block, NotRun)
    assert "is damaged" in block.why
    assert block.command == "breadth ladder --track alpaca-cpu"


def test_other_settings_are_counted_and_not_listed(tmp_path: Path) -> None:
    results = experiment({"macro-response": 0.1, "macro-response:diversity=0.5": 0.1})
    text = Reader(report_page(material_of(tmp_path, results))).text
    assert "1 more rows are other settings of these strategies" in text
    assert "1 of 1 strategy beats" in text


def test_published_rows_stand_beside_ours(tmp_path: Path) -> None:
    material = material_of(tmp_path, experiment({**EFFECTS, "published:set=car": 0.05}))
    blocks = section(material, "published").blocks
    [grid] = [block for block in blocks if isinstance(block, Grid)]
    assert {row[1] for row in grid.rows} == {"facility-location", "random", "published:set=car"}


def test_a_pool_without_published_selections_says_so(tmp_path: Path) -> None:
    [block] = section(material_of(tmp_path, track="microworld"), "published").blocks
    assert isinstance(block, Paragraph)
    assert "another pool" in block.text


def test_the_page_is_the_same_every_time(material: Material, page: str) -> None:
    assert report_page(material) == page
    assert score_v1(material.results, material.board.registration).tables


def test_the_command_writes_one_file_and_refuses_an_empty_store(tmp_path: Path) -> None:
    track = load_track("alpaca-cpu")
    store = stored(tmp_path / "store", of_track(experiment({"k-center": 0.2}), track))
    target = tmp_path / "deep" / "report.html"
    given = ["report", "--track", "alpaca-cpu", "--store", store.url, "-o", str(target)]
    outcome = CliRunner().invoke(application(), given, catch_exceptions=False)
    assert outcome.exit_code == 0
    assert target.read_text().startswith("<!doctype html>")
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]
    with pytest.raises(StoreError, match=r"holds no results of track microworld.*breadth run --track microworld"):
        CliRunner().invoke(application(), ["report", "--store", store.url], catch_exceptions=False)
