"""The command line as its users meet it: help that starts at once, and one clear sentence for every mistake."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tiny_track import whole_command

from suite.results import SCHEMA_VERSION
from suite.track import track_names

TINY = Path(__file__).parents[1] / "tracks" / "tiny.toml"
COMMANDS = (
    "board",
    "check",
    "correlate",
    "doctor",
    "init",
    "ladder",
    "leaderboard",
    "levels",
    "measure",
    "metrics",
    "overlap",
    "pull",
    "push",
    "replay",
    "report",
    "run",
    "select",
    "strategies",
    "tracks",
)
Breadth = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def breadth(own_home: Path) -> Breadth:
    """Runs the real command in a process of its own."""

    def run(*arguments: str, home: Path = own_home) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "suite.commands.main", *arguments],
            capture_output=True,
            text=True,
            timeout=180,
            env={**os.environ, "BREADTH_HOME": str(home), "COLUMNS": "200"},
            check=False,
        )

    return run


def assert_one_error(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode not in (0, None)
    assert "Traceback" not in done.stderr
    assert done.stderr.count("Error:") == 1
    for part in parts:
        assert part in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_by_example(command: str) -> None:
    shown = whole_command(command, "--help")
    assert shown.returncode == 0
    assert "Examples:" in shown.stdout
    assert f"breadth {command}" in shown.stdout


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['breadth', '--help']\n"
        "from suite.commands.main import run\n"
        "try:\n    run()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'numpy', 'pandas', 'transformers', 'pydantic', 'pyarrow', 'scipy', 'sklearn', 'numba', "
        "'plotly', 'jinja2'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "HEAVY []" in done.stdout
    for command in COMMANDS:
        assert command in done.stdout


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("run", "--track", "microwrld"), ("no track 'microwrld'", "Did you mean 'microworld'")),
        (("run", "--track", "nowhere.toml"), ("no track file nowhere.toml",)),
        (("run", "--track", str(TINY), "--strategies", "randon"), ("no strategy 'randon'", "Did you mean 'random'")),
        (("run", "--track", str(TINY), "--strategies", "k-means:clutsers=3"), ("no parameter 'clutsers'", "clusters=")),
        (("run", "--track", str(TINY), "--strategies", "k-means:clusters=x"), ("clusters='x'", "valid integer")),
        (("run", "--track", str(TINY), "--budget", "0"), ("at least 1 sample, not 0",)),
        (("run", "--track", str(TINY), "--budget", "-3"), ("at least 1 sample, not -3",)),
        (("run", "--track", str(TINY), "--budget", "61"), ("larger than the pool of track tiny (60 samples)",)),
        (("run", "--track", str(TINY), "--budget", "9"), ("not one of track tiny", "8, 15")),
        (("run", "--track", str(TINY), "--budget", "many"), ("neither a count (500) nor a share (15%)",)),
        (("run", "--track", str(TINY), "--seeds", "9"), ("--seeds must be between 1 and 2",)),
        (("run", "--track", str(TINY), "--jobs", "0"), ("--jobs must be at least 1",)),
        (("run", "--track", str(TINY), "--card", "H100"), ("--card", "Add --dry-run")),
        (("run", "--track", str(TINY), "--base-model", "gpt"), ("no base model of track tiny 'gpt'",)),
        (("run", "--track", str(TINY), "--store", "ftp://x"), ("ftp://x",)),
        (("run", "--track", str(TINY), "--strategies", ","), ("names no strategy",)),
        (("board", "--track", str(TINY)), ("holds no results of track tiny",)),
        (("select", "nothing"), ("no strategy 'nothing'",)),
        (("measure", "absent.json", "--track", str(TINY)), ("absent.json cannot be read",)),
        (("strategies", "nothing"), ("no strategy 'nothing'",)),
        (("tracks", "nothing"), ("no track 'nothing'",)),
    ],
)
def test_a_mistake_gets_one_sentence(arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    assert_one_error(whole_command(*arguments), *parts)


def test_a_process_of_its_own_says_the_same(breadth: Breadth) -> None:
    """What the tests above call in this process."""
    for arguments in (("tracks", "nothing"), ("strategies", "--json")):
        done, here = breadth(*arguments), whole_command(*arguments)
        assert (done.returncode, done.stdout, done.stderr) == (here.returncode, here.stdout, here.stderr)


def test_debug_shows_the_traceback(breadth: Breadth) -> None:
    done = breadth("tracks", "nothing", "--debug")
    assert "Traceback" in done.stderr
    assert done.returncode != 0


def test_a_wrong_track_file_is_named_with_key_and_rule(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(TINY.read_text().replace("training = [1, 2]", "training = []"))
    assert_one_error(whole_command("run", "--track", str(file)), "mine.toml", "seeds.training")


def test_selecting_makes_the_base_model_for_those_alone_who_read_it(own_home: Path, tmp_path: Path) -> None:
    for strategy in ("random", "macro-response", "k-means:clusters=4"):
        made = whole_command("select", strategy, "--track", str(TINY), "-o", str(tmp_path / "picks.json"))
        assert made.returncode == 0, made.stderr
    assert not (own_home / "cache" / "base-models").exists()
    made = whole_command("select", "micro-response", "--track", str(TINY), "-o", str(tmp_path / "picks.json"))
    assert made.returncode == 0, made.stderr
    assert (own_home / "cache" / "base-models").exists()


def test_selecting_and_measuring(breadth: Breadth, tiny_home: Path, tmp_path: Path) -> None:
    picks = tmp_path / "picks.json"
    made = breadth("select", "random", "--track", str(TINY), "-o", str(picks))
    assert made.returncode == 0, made.stderr
    assert "picked 8 of 60 samples" in made.stdout
    record = json.loads(picks.read_text())
    assert len(record["ids"]) == len(set(record["ids"])) == 8

    measured = whole_command("measure", str(picks), "--track", str(TINY), "--metrics", "mean-length", "--json")
    assert measured.returncode == 0, measured.stderr
    assert json.loads(measured.stdout)["metrics"]["mean-length"] > 0

    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join([*record["ids"][:2], "no-such-id"]))
    assert_one_error(whole_command("measure", str(ids), "--track", str(TINY)), "'no-such-id' (line 3)")


def test_lists_for_programs() -> None:
    tracks = json.loads(whole_command("tracks", "--json").stdout)
    assert [track["name"] for track in tracks] == track_names()
    strategies = json.loads(whole_command("strategies", "--json").stdout)
    assert {"random", "k-center", "full"} <= {strategy["name"] for strategy in strategies}
    findings = json.loads(whole_command("doctor", "--json").stdout)
    assert {"python", "torch", "BREADTH_HOME", "track microworld"} <= {finding["what"] for finding in findings}


def test_doctor_says_what_is_wrong(breadth: Breadth, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    done = breadth("doctor", home=blocked)
    assert done.returncode == 1
    assert "set BREADTH_HOME to a folder of yours" in done.stdout


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 KiB of its own; needs the right to mount, which CI has."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=16k", "tmpfs", str(place)]
    if mount is None or subprocess.run([mount, *options], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_leaves_nothing_half_written(breadth: Breadth, small_disk: Path) -> None:
    """From the first files on; disks that are full in the middle of a run are in `tests/faults`."""
    done = breadth("run", "--track", str(TINY), home=small_disk / "home")
    assert_one_error(done, "The disk is full", "BREADTH_HOME")
    assert not list(small_disk.rglob("*.part"))
    for recorded in (small_disk / "home").rglob("store/**/*.json"):
        assert json.loads(recorded.read_text())["schema_version"] == SCHEMA_VERSION


def test_a_disk_that_may_not_be_written(breadth: Breadth, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = breadth("run", "--track", str(TINY), home=small_disk / "home")
    assert_one_error(done, "No permission to write", "BREADTH_HOME")
