"""The server as a browser and as a stranger meet it: the first screen, files, and requests that ask for too much."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from boards import made_up
from starlette.testclient import TestClient

from leaderboard.app import build
from leaderboard.snapshot import Snapshot
from leaderboard.source import Source


class Held(Source):
    """A source that holds one snapshot."""

    def __init__(self, snapshot: Snapshot):
        super().__init__(snapshot.url)
        self._snapshot = snapshot


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return made_up(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def client(snapshot: Snapshot) -> Iterator[TestClient]:
    with TestClient(build(Held(snapshot))) as opened:
        yield opened


@pytest.fixture(scope="module")
def empty() -> Iterator[TestClient]:
    with TestClient(build(Held(Snapshot("file:nowhere", trouble="There is no folder nowhere.")))) as opened:
        yield opened


def show(client: TestClient, query: str, by: str = "") -> tuple[dict[str, object], list[dict[str, object]]]:
    """What Gradio's event hands to the browser: the view, and the state of every control."""
    config = client.get("/config").json()
    (event,) = [at for at in config["dependencies"] if at["backend_fn"]]
    asked = {"fn_index": event["id"], "data": [], "event_data": {"query": query, "by": by}, "session_hash": "x"}
    answered = client.post("/gradio_api/run/predict", json=asked)
    assert answered.status_code == 200, answered.text
    view, *controls = answered.json()["data"]
    return json.loads(view), controls


def test_the_first_answer_holds_the_first_screen(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert int(page.headers["content-length"]) == len(page.content)
    assert "strategies beat random selection" in page.text
    assert '<table id="ranked"' in page.text
    assert "strategies beat" not in client.get("/?view=runs").text


def test_nothing_is_fetched_from_elsewhere(client: TestClient) -> None:
    page = client.get("/").text
    fetched = re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="([^"]+)"', page)
    assert fetched
    assert not [address for address in fetched if address.startswith(("http", "//"))]
    for address in fetched:
        if address.startswith("breadth/"):
            assert "http" not in re.sub(r"http://www\.w3\.org\S*", "", client.get(f"/{address}").text[:200])
    theme = client.get("/theme.css").text
    assert "@import" not in theme
    assert "googleapis" not in page + theme


def test_scripts_come_compressed_and_for_ever(client: TestClient) -> None:
    (address,) = re.findall(r'src="(breadth/plotly\.js\?v=[0-9a-f]+)"', client.get("/").text)
    got = client.get(f"/{address}", headers={"accept-encoding": "gzip"})
    assert got.headers["content-encoding"] == "gzip"
    assert "immutable" in got.headers["cache-control"]
    plain = client.get(f"/{address}", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == got.content
    assert client.get("/breadth/secret.py").status_code == 404


def test_an_event_brings_the_view_and_sets_every_control(client: TestClient) -> None:
    payload, controls = show(client, "view=runs&unknown=1&at=2&search=k-center")
    assert payload["query"] == "view=runs&search=k-center&at=2"
    assert payload["asked"] == "view=runs&unknown=1&at=2&search=k-center"
    assert "Records: 3 of" in str(payload["body"])
    # The search is the browser's to fill in, every other control is set but the one that asked.
    assert "k-center" not in [control.get("value") for control in controls]
    asked = show(client, "levels=embedding")[1]
    assert ["embedding"] in [control.get("value") for control in asked]
    skipped = show(client, "levels=embedding", by="levels")[1]
    assert ["embedding"] not in [control.get("value") for control in skipped]


def test_narrowing_to_a_task_ranks_anew(client: TestClient, snapshot: Snapshot) -> None:
    (data,) = snapshot.tracks.values()
    task = data.board.tables[0].tasks[0].name
    payload, _ = show(client, f"tasks={task}")
    assert f"By 1 of its tasks alone ({task})" in str(payload["body"])


def test_a_table_leaves_as_a_file(client: TestClient) -> None:
    got = client.get("/export/leaderboard/ranked.csv?sort=-score")
    assert got.status_code == 200
    assert got.headers["content-type"].startswith("text/csv")
    assert got.headers["content-disposition"] == 'attachment; filename="microworld-leaderboard-ranked.csv"'
    head, *lines = list(csv.reader(io.StringIO(got.text)))
    scores = [float(line[head.index("score (points)")]) for line in lines]
    assert scores == sorted(scores, reverse=True)
    assert client.get("/export/leaderboard/ranked.parquet").content[:4] == b"PAR1"


@pytest.mark.parametrize(
    "path",
    [
        "/export/leaderboard/nothing.csv",
        "/export/nothing/ranked.csv",
        "/export/leaderboard/ranked.exe",
        "/export/leaderboard/ranked",
        "/export/leaderboard/..%2f..%2fetc%2fpasswd",
        "/record/x.json",
        "/record/x.json?run=results/../../../etc/passwd",
        "/record/x.json?run=nothing",
        "/picks/x.txt?run=nothing",
    ],
)
def test_what_is_not_there_is_not_found(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_record_leaves_as_the_store_keeps_it(client: TestClient, snapshot: Snapshot) -> None:
    (data,) = snapshot.tracks.values()
    line = data.cells.lines[0]
    got = client.get(f"/record/x.json?run={line.path}")
    assert got.json()["cell"]["spec"] == line.spec
    assert got.headers["content-disposition"] == f'attachment; filename="{line.record_id}.json"'
    payload, _ = show(client, f"view=runs&run={line.path}")
    assert "breadth run --track microworld" in str(payload["body"])


@pytest.mark.parametrize("query", ["a=1&" * 5000, "search=" + "x" * 50_000, "tasks=" + "a," * 20_000, "%ff%00=&&&;;=;"])
def test_a_query_that_asks_for_too_much_is_a_page_like_any(client: TestClient, query: str) -> None:
    assert client.get(f"/?{query}").status_code == 200
    payload, _ = show(client, query)
    assert len(str(payload["query"])) < 10_000


def test_without_results_the_page_says_what_is_wrong_and_what_to_do(empty: TestClient) -> None:
    page = empty.get("/")
    assert "There is no folder nowhere." in page.text
    assert "breadth run --track microworld --store file:nowhere" in page.text
    payload, controls = show(empty, "track=microworld&view=runs")
    assert "holds no results" in str(payload["body"])
    assert not [control for control in controls if control.get("visible")]
    assert empty.get("/export/leaderboard/ranked.csv").status_code == 404


def test_the_page_starts_without_what_trains_models() -> None:
    code = (
        "import sys, leaderboard.app\n"
        "heavy = {'torch', 'transformers', 'datasets', 'numba', 'sklearn', 'trl', 'peft', 'gradio', 'pandas'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
