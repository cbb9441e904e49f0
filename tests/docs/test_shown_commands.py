"""Every command that a page shows is a command: all are parsed, and those that can are run.

A command runs as it is shown but for this: other tracks than the embedded one are replaced by the tests' tiny track
(with what goes with their size), and so is the embedded one where only its size matters; what fine-tunes, and `levels`,
which selects dozens of times, get `--dry-run`; reports and tables are made of a small store, evaluation sets lie in a
small folder. The pages of tracks and of the published selections are typed as they stand. What is parsed alone stands
in PARSED_ONLY with the reason and where it is run instead; what another test runs, in ELSEWHERE.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from documented import ROOT, Shown, commands_in, every_command, made_pages
from factories import experiment
from reports import of_track, stored
from tiny_track import TINY, command_in_process

from suite.track import load_track, track_names

STORE = f"file:{ROOT / 'docs' / 'results' / 'store'}"
HUB = ("publish-space", "push", "pull")
QUEUE = ("submit", "status", "withdraw", "worker", "queue")
LONG = ("run", "ladder", "correlate", "levels")
OTHER_TRACKS = tuple(name for name in track_names() if name != "microworld")
OF_A_SIZE = ("--budget", "--base-model", "--tokenizer", "--embedder", "--map", "--store", "--panel", "--jobs", "--step")
"""Options that name something which the tiny track has not; they go with the track."""

PARSED_ONLY = {
    "hub": "needs the Hub; tests/hub runs these verbs against a server that answers as it does",
    "queue": "needs a queue with a worker; tests/intake and tests/commands/test_queue_commands.py run it",
    "serves": "serves until it is stopped; tests/leaderboard/test_command.py runs it",
    "download": "downloads a pool; tests/intake runs the check without",
    "regress": "times every strategy; tests/regression/test_command.py runs what is shown",
    "evaluate": "wants a model with its adapters, and reads all of MMLU or a judge of 70 billion parameters; "
    "tests/commands/test_evaluate_command.py runs it on a tiny one",
    "judge": "wants a judge, and judgements that are downloaded; tests/evaluation/judging/test_published.py runs the "
    "study with a tiny one",
}

ELSEWHERE = {
    "CONTRIBUTING.md": "tests/docs/test_recipes.py",
    "submissions/README.md": "tests/intake/test_tutorial.py",
}
"""Pages whose commands another test types in their order."""

OTHER_PROGRAMS = {
    "make": "targets are looked up in the Makefile; CI runs `make test` and `make run`",
    "pip": "extras are looked up in pyproject.toml; tests/test_packaging.py installs the wheel",
    "python": "modules and files are looked up",
    "pytest": "files are looked up",
    "export": "sets a variable",
    "cp": "copies what the next command reads",
    "git": "needs a network",
    "cd": "into the clone",
    ".": "activates the environment of the clone",
    "hf": "the Hub's own command",
    "ray": "Ray's own command; tests/runner/test_ray_cluster.py starts a cluster",
    "sed": "part of what made a page of results",
    "PYTHONPATH=.": "part of what made a page of results",
    "$": "what a terminal showed while a page of results was made",
}

COMMANDS = every_command()
BREADTH = sorted({one for one in COMMANDS if one.program == "breadth"}, key=lambda one: (one.page, str(one)))


def bare(shown: Shown) -> list[str]:
    """A command's words after `breadth`, without what the shell does with its output."""
    words = list(shown.words[1:])
    return words[: next((place for place, word in enumerate(words) if word in (">", "|")), len(words))]


def parsed_only(shown: Shown) -> str:
    """The key of the reason why a command is not run here; nothing where it is."""
    words = bare(shown)
    if shown.verb in HUB or any(word.startswith("hf://") for word in words):
        return "hub"
    if shown.verb in QUEUE:
        return "queue"
    if shown.verb == "leaderboard":
        return "serves"
    if "--download" in words:
        return "download"
    if shown.verb == "evaluate" and "--list" in words:
        return ""
    return shown.verb if shown.verb in PARSED_ONLY else ""


def runnable(shown: Shown) -> list[str]:
    """The words to run a command with here; see the module."""
    words = bare(shown)
    track = words[words.index("--track") + 1] if "--track" in words else "microworld"
    if shown.verb in ("tracks", "strategies", "metrics", "doctor", "init", "check", "evaluate"):
        return words
    if shown.verb in ("report", "recompute"):
        return [*without(words, ("--track", "--store")), "--track", "microworld", "--store", "file:small"]
    if shown.verb == "board":
        if not (ROOT / "docs" / "results" / "store" / "results" / track).is_dir():
            words = [*without(words, ("--track",)), "--track", "alpaca-cpu"]
        return [*without(words, ("--store",)), "--store", STORE]
    if shown.verb in LONG:
        words = [*without(words, ("--engine",)), *([] if "--dry-run" in words else ["--dry-run"])]
    if any("./" in word for word in words):
        words = [*(word for word in words if word != "--trust-my-own-code"), "--trust-my-own-code"]
    submission = any("./" in word for word in words) and shown.verb == "run"
    other = track in OTHER_TRACKS or track.endswith(".toml")  # a reader's own
    if other or (track == "microworld" and not submission and shown.verb not in ("ladder", "correlate")):
        words = without(words, OF_A_SIZE if other else ())
        words = [*without(words, ("--track",)), "--track", str(TINY)]
        if shown.verb == "select":
            words += ["--budget", "25%"]  # enough for every metric
    if track in OTHER_TRACKS and shown.verb in ("ladder", "correlate"):
        words = [*without(words, ("--track",)), "--track", "microworld"]
    return words


def without(words: Sequence[str], options: Sequence[str]) -> list[str]:
    """The words less some options with their values."""
    return [
        word for place, word in enumerate(words) if word not in options and not (place and words[place - 1] in options)
    ]


@pytest.mark.parametrize("shown", BREADTH, ids=lambda shown: f"{shown.page}: {shown}"[:120])
def test_every_command_is_understood(shown: Shown) -> None:
    from handbook.command_pages import registered

    known = registered()
    words = bare(shown)
    assert shown.verb in known, shown
    with known[shown.verb].make_context(shown.verb, words[1:], resilient_parsing=False):
        pass


def test_every_other_program_is_known() -> None:
    makefile = (ROOT / "Makefile").read_text()
    pyproject = (ROOT / "pyproject.toml").read_text()
    for shown in COMMANDS:
        if shown.program == "breadth" or shown.page.endswith(("results/queue.md", "results/submissions.md")):
            continue  # these pages show what was printed, too
        assert shown.program in OTHER_PROGRAMS, f"{shown.page}: {shown}"
        if shown.program == "make":
            assert f"\n{shown.words[1]}:" in makefile, shown
        if shown.program == "pip":
            extras = [word.partition("[")[2].rstrip("]") for word in shown.words if "[" in word]
            assert all(f"\n{extra} = [" in pyproject for extra in extras), shown
        files = [word for word in shown.words[1:] if word.startswith(("tests/", "suite/"))]
        assert all((ROOT / file).exists() for file in files), shown


def test_what_is_parsed_alone_has_a_reason_that_holds() -> None:
    used = {key for shown in BREADTH if (key := parsed_only(shown))}
    assert used == set(PARSED_ONLY)
    for reason in PARSED_ONLY.values():
        places = [word for word in reason.replace(";", " ").split() if word.startswith("tests/")]
        assert places
        assert all((ROOT / place).exists() for place in places)


def run_all(shown: Sequence[Shown]) -> int:
    """Run commands in their order; returns how many."""
    done = 0
    for one in shown:
        if one.program == "breadth" and not parsed_only(one):
            command_in_process(*runnable(one))
            done += 1
    return done


GUIDES = {"README.md": 10, "docs/get-started.md": 8, "docs/paper-track.md": 6}
"""How many commands of a guide are run at least; of every other page that shows one, one."""
WRITTEN = sorted({one.page for one in BREADTH if (ROOT / one.page).is_file()} - ELSEWHERE.keys())


@pytest.fixture
def place(tmp_path: Path, tiny_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands are typed: a folder with a small store, and BREADTH_DATA with a small evaluation set."""
    track = load_track("microworld")
    stored(tmp_path / "small", of_track(experiment({"k-center": 0.2}), track))
    known = tmp_path / "data" / "evals" / "ifeval" / "input_data.jsonl"
    known.parent.mkdir(parents=True)
    known.write_text('{"prompt": "Is there any question of this set in the pool?"}\n')
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", WRITTEN)
def test_the_commands_of_a_page_run(page: str, place: Path) -> None:
    shown = list(commands_in((ROOT / page).read_text(), page))
    expected = [one for one in shown if one.program == "breadth" and not parsed_only(one)]
    assert run_all(shown) == len(expected) >= GUIDES.get(page, 0)


def test_no_page_is_left_out() -> None:
    """Every page that shows a command is one of those that the tests here type, or that ELSEWHERE names."""
    made = {one.page for one in BREADTH} - ELSEWHERE.keys() - set(WRITTEN)
    assert all(page == "commands.md" or page.startswith(("strategies/", "metrics/", "tracks/")) for page in made), made
    for page, test in ELSEWHERE.items():
        assert Path(page).name in (ROOT / test).read_text(), page


def test_the_commands_of_every_track_run_as_they_stand(own_home: Path) -> None:
    for name in track_names():
        page = f"tracks/{name}.md"
        shown = [one.words[1:] for one in commands_in(made_pages()[page], page)]
        assert shown == [("tracks", name), ("run", "--track", name, "--dry-run")]
        assert name in command_in_process(*shown[0])
        assert "cells" in command_in_process(*shown[1])


def test_the_commands_of_published_selections_run_as_they_stand(
    breadth_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))
    monkeypatch.chdir(tmp_path)
    for one in commands_in(made_pages()["strategies/published.md"], "strategies/published.md"):
        command_in_process(*one.words[1:])
    assert (tmp_path / "picks.json").is_file()


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_examples_of_the_reference_run(place: Path) -> None:
    shutil.copy(TINY, place / "my-own-track.toml")
    for name in ("k-center", "random", "novelselect"):
        command_in_process("select", name, "--track", str(TINY), "--budget", "25%", "-o", f"{name}.json")
    shutil.copy("random.json", "picks.json")
    (place / "my-ids.txt").write_text("\n".join(map(str, range(8))))
    (place / "mine.txt").write_text("random\nk-center\n")
    command_in_process("init", "my-method")
    command_in_process("check", "my-method", "--pack", "my-method.tar.gz")
    shown = [one for one in commands_in(made_pages()["commands.md"], "commands.md") if one.verb != "init"]
    shutil.rmtree(place / "my-method")
    command_in_process("init", "my-method", "--kind", "code")
    assert run_all(shown) > 40


@pytest.mark.timeout(1800)
def test_the_commands_of_every_plugin_run(place: Path) -> None:
    ran = 0
    for page, text in made_pages().items():
        if page.startswith(("strategies/", "metrics/")) and page != "strategies/published.md":
            ran += run_all(list(commands_in(text, page)))
    assert ran > 70
