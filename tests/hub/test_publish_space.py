"""`breadth publish-space` against the fake Hub: what is made, what is left alone, what is refused, what goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hub.fake_hub import FakeHub, User
from hub.fake_repository import Repository
from hub.pointing import sign_in
from huggingface_hub import RepoCard
from typer.testing import CliRunner, Result

from leaderboard.space import cards
from leaderboard.space.cards import CARD, is_ours
from leaderboard.space.contents import MANIFEST, page_files, with_manifest
from leaderboard.space.publication import QUEUE, STORE, Wish, carry_out, survey
from suite.commands.main import application
from suite.errors import BreadthError, HubRefused, HubUnavailable, UsageError
from suite.stores.hub.patience import Patience

SPACE, RESULTS, REQUESTS = "org/board", "org/board-results", "org/board-requests"
FILES = with_manifest({"app.py": b"print()\n", "leaderboard/app.py": b"1\n", "requirements.txt": b"gradio==6.31.0\n"})
COMMIT = "POST .*/commit/"
CREATE = "POST /api/repos/create"


def publish(files: dict[str, bytes] = FILES, attempts: int = 4, **asked: object) -> list[str]:
    """Publish the board; returns what was said, and `unchanged` at its end when nothing was done."""
    said: list[str] = []
    found = survey(Wish(SPACE, **asked), files)  # type: ignore[arg-type]
    changed = carry_out(found, said.append, Patience(attempts=attempts, pause=lambda seconds: None))
    return [*said, *found.notes, *([] if changed else ["unchanged"])]


def at(hub: FakeHub, name: str) -> Repository:
    """A repository of the board."""
    return hub.repositories["spaces" if name == SPACE else "datasets", name]


def commits(hub: FakeHub) -> list[int]:
    """How many commits each of the three has had since it was made."""
    return [len(at(hub, name).head.history()) - 1 for name in (RESULTS, REQUESTS, SPACE)]


def nothing_made(hub: FakeHub) -> bool:
    """Whether the Hub is as it was before."""
    return list(hub.repositories) == [("datasets", "org/results")] and not hub.asked("/commit/")


def test_a_board_is_made_datasets_first_in_one_commit_each(pointed: FakeHub) -> None:
    said = publish()
    assert list(pointed.repositories)[1:] == [("datasets", RESULTS), ("datasets", REQUESTS), ("spaces", SPACE)]
    assert commits(pointed) == [1, 1, 1]
    space = at(pointed, SPACE)
    assert {path: content for path, content in space.files.items() if path != CARD} == FILES
    assert space.variables == {STORE: f"hf://datasets/{RESULTS}", QUEUE: f"hf://datasets/{REQUESTS}"}
    metadata = RepoCard(space.files[CARD].decode()).data.to_dict()
    assert metadata["title"] == "Breadth leaderboard"
    assert metadata["datasets"] == [RESULTS, REQUESTS]
    assert {"sdk": "gradio", "app_file": "app.py"}.items() <= metadata.items()
    for name in (RESULTS, REQUESTS):
        card = at(pointed, name).files[CARD].decode()
        assert is_ours(card)
        assert RepoCard(card).data.to_dict()["license"] == "apache-2.0"
        assert not at(pointed, name).private
    assert f"hf://spaces/{SPACE}: created, public." in said
    assert f"hf://spaces/{SPACE}: 5 files written." in said


def test_the_same_again_is_no_commit_at_all(pointed: FakeHub) -> None:
    publish()
    asked = len(pointed.requests)
    assert publish() == ["unchanged"]
    assert commits(pointed) == [1, 1, 1]
    assert not [request for request in pointed.requests[asked:] if not request.startswith(("GET", "HEAD"))]


def test_what_was_removed_here_is_removed_there_and_what_others_added_stays(pointed: FakeHub) -> None:
    publish()
    at(pointed, SPACE).put("logo.svg", b"<svg/>")
    at(pointed, SPACE).put("app.py", b"print('mine')\n")
    smaller = with_manifest({"app.py": b"print()\n", "requirements.txt": b"gradio==6.32.0\n"})
    said = publish(smaller)
    assert at(pointed, SPACE).files.keys() == {*smaller, CARD, "logo.svg"}
    assert at(pointed, SPACE).files["app.py"] == b"print()\n"
    assert commits(pointed) == [1, 1, 4]
    assert any("changed there by somebody, and replaced: app.py" in line for line in said)
    assert f"hf://spaces/{SPACE}: 3 files written, 1 removed." in said
    assert publish(smaller) == ["unchanged"]


def test_a_card_of_ours_follows_and_one_that_was_edited_stays(
    pointed: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    results, requests = at(pointed, RESULTS), at(pointed, REQUESTS)
    results.put("leaderboard/microworld.parquet", b"PAR1", lfs=True)
    results.put("leaderboard/microworld.cells.parquet", b"PAR1", lfs=True)
    edited = requests.files[CARD].replace(b"What people ask", b"What our people ask")
    requests.put(CARD, edited)
    monkeypatch.setattr(cards, "LICENCE", "cc-by-4.0")
    said = publish()
    metadata = RepoCard(results.files[CARD].decode()).data.to_dict()
    assert metadata["configs"] == [{"config_name": "microworld", "data_files": "leaderboard/microworld.parquet"}]
    assert metadata["license"] == "cc-by-4.0"
    assert requests.files[CARD] == edited
    assert [line for line in said if "somebody else" in line] == [
        f"hf://datasets/{REQUESTS}: README.md was written by somebody else, and stays. Delete it there to get ours."
    ]


def test_a_card_that_is_edited_while_we_publish_stays(pointed: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    publish()
    monkeypatch.setattr(cards, "LICENCE", "cc-by-4.0")
    found = survey(Wish(SPACE), FILES)
    at(pointed, RESULTS).put(CARD, b"# Ours now\n")
    said: list[str] = []
    carry_out(found, said.append)
    assert at(pointed, RESULTS).files[CARD] == b"# Ours now\n"
    assert "written by somebody else" in said[0]


def test_the_text_of_an_edited_space_stays_and_its_needs_are_renewed(pointed: FakeHub) -> None:
    publish(title="Which data?")
    space = at(pointed, SPACE)
    assert RepoCard(space.files[CARD].decode()).data.to_dict()["title"] == "Which data?"
    publish(with_manifest({"app.py": b"2\n"}))
    assert RepoCard(space.files[CARD].decode()).data.to_dict()["title"] == "Which data?"
    space.put(CARD, b"---\ntitle: Mine\nsdk: gradio\nsdk_version: 5.0.0\nhf_oauth: true\n---\n\n# Hello\n")
    said = publish(title="Another")
    kept = RepoCard(space.files[CARD].decode())
    assert kept.data.to_dict() == {"title": "Mine", "hf_oauth": True, **cards.space_needs()}
    assert kept.text.strip() == "# Hello"
    assert any("its text stays" in line and "--title was passed over" in line for line in said)
    assert publish()[-1] == "unchanged"


def test_anothers_space_is_refused_before_anything_is_made(pointed: FakeHub) -> None:
    pointed.create(SPACE, kind="spaces").put("app.py", b"import theirs\n")
    with pytest.raises(HubRefused, match=r"holds something else \(app.py\)"):
        publish()
    assert len(pointed.repositories) == 2
    assert not pointed.asked("/commit/")


def test_a_private_board_says_what_its_page_needs(pointed: FakeHub) -> None:
    pointed.create(REQUESTS)
    said = publish(private=True)
    assert [at(pointed, name).private for name in (RESULTS, REQUESTS, SPACE)] == [True, False, True]
    assert any(f"{REQUESTS} is there and public, and stays so" in line for line in said)
    assert any(f"secret HF_TOKEN at {pointed.endpoint}/spaces/{SPACE}/settings" in line for line in said)


def test_a_space_keeps_its_store_unless_another_is_named(pointed: FakeHub) -> None:
    publish(results="org/results")
    assert at(pointed, SPACE).variables[STORE] == "hf://datasets/org/results"
    assert publish() == ["unchanged"]
    said = publish(results=f"hf://datasets/{RESULTS}")
    assert at(pointed, SPACE).variables[STORE] == f"hf://datasets/{RESULTS}"
    assert f"hf://spaces/{SPACE}: {STORE} is now hf://datasets/{RESULTS}." in said
    at(pointed, SPACE).variables[STORE] = "file:/data"
    with pytest.raises(UsageError, match="--results ORG/NAME"):
        publish()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"space": "board"}, "'board' cannot be the name of the Space"),
        ({"space": "org/a/b"}, "ORG/NAME"),
        ({"space": "../x"}, "ORG/NAME"),
        ({"results": "hf://datasets/org"}, "the repository of results"),
        ({"results": REQUESTS}, "a repository each"),
        ({"title": "two\nlines"}, "one line"),
        ({"title": " "}, "one line"),
        ({"title": "x" * 81}, "at most 80"),
    ],
)
def test_names_and_titles_that_cannot_be(pointed: FakeHub, asked: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        survey(Wish(**({"space": SPACE} | asked)), FILES)  # type: ignore[arg-type]
    assert nothing_made(pointed)


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (None, r"You are not signed in.*hf auth login"),
        ("hf_wrong", r"token is not valid.*hf auth login"),
        ("hf_reader", r"your token may only read"),
        ("hf_stranger", r"org is neither you nor an organisation of yours \(you are stranger\).*organizations/new"),
        ("hf_chosen", r"You don't have the rights.*needs write access"),
    ],
)
def test_who_may_not_is_told_why_and_nothing_is_made(
    pointed: FakeHub, monkeypatch: pytest.MonkeyPatch, token: str | None, message: str
) -> None:
    pointed.users["hf_chosen"] = User("chosen", role="fineGrained")
    sign_in(token, monkeypatch)
    with pytest.raises(HubRefused, match=message) as error:
        publish()
    assert (token or "hf_") not in str(error.value)
    assert nothing_made(pointed)


def test_a_board_that_others_made_needs_write_access_to_all_of_it(
    pointed: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    sign_in("hf_stranger", monkeypatch)
    with pytest.raises(HubRefused, match="write access"):
        publish(with_manifest({"app.py": b"evil\n"}))
    sign_in("hf_worker", monkeypatch)
    pointed.create("other/results")
    with pytest.raises(HubRefused, match=r"other/results refused.*write access"):
        publish(results="other/results")
    assert commits(pointed) == [1, 1, 1]


def test_a_plan_that_has_to_be_paid_for_is_said(pointed: FakeHub) -> None:
    pointed.fail(CREATE, status=402, message="Gradio Spaces need a paid plan")
    with pytest.raises(HubRefused, match=r"need a paid plan.*pricing"):
        publish()


def before(hub: FakeHub) -> None:
    hub.fail(COMMIT, status=500)


def lost_answer(hub: FakeHub) -> None:
    hub.fail(f"{COMMIT}", status=500, done=True)


def lost_space(hub: FakeHub) -> None:
    hub.fail("POST /api/spaces/.*/commit/", status=502, done=True)


def others_first(hub: FakeHub) -> None:
    hub.fail(COMMIT, status=412, times=2)


def cut_off(hub: FakeHub) -> None:
    hub.fail("POST /api/spaces/.*/commit/", cut=10)


def busy(hub: FakeHub) -> None:
    hub.fail(COMMIT, status=429, headers={"Retry-After": "3"})


@pytest.mark.parametrize("misfortune", [before, lost_answer, lost_space, others_first, cut_off, busy])
def test_misfortunes_that_pass_are_waited_out(pointed: FakeHub, misfortune: Callable[[FakeHub], None]) -> None:
    misfortune(pointed)
    said = publish()
    assert commits(pointed) == [1, 1, 1]
    assert said[-1] == f"hf://spaces/{SPACE}: 5 files written."
    assert publish() == ["unchanged"]


def test_what_others_make_meanwhile_is_taken(pointed: FakeHub) -> None:
    found = survey(Wish(SPACE), FILES)
    pointed.create(RESULTS)
    pointed.create(SPACE, kind="spaces")
    assert carry_out(found, lambda line: None)
    assert at(pointed, SPACE).variables[STORE] == f"hf://datasets/{RESULTS}"
    assert commits(pointed) == [1, 1, 1]


@pytest.mark.parametrize("broken", ["/datasets/org/board-requests/commit/", "/spaces/.*/commit/"])
def test_what_broke_off_is_gone_on_with(pointed: FakeHub, broken: str) -> None:
    pointed.fail(f"POST .*{broken}", status=503, times=100)
    with pytest.raises(HubUnavailable, match=r"503.*the same command goes on from there"):
        publish()
    done = commits(pointed) if ("spaces", SPACE) in pointed.repositories else None
    assert done in (None, [1, 1, 0])
    pointed.faults.clear()
    publish()
    assert commits(pointed) == [1, 1, 1]


def test_a_hub_that_is_away_is_said(pointed: FakeHub) -> None:
    pointed.stop()
    with pytest.raises(HubUnavailable, match="cannot be reached"):
        publish()


def test_a_secret_in_a_file_stops_everything(pointed: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = b"hf_" + b"aB3" * 11
    with pytest.raises(BreadthError, match=r"suite/x.py holds what looks like a Hugging Face token") as error:
        publish(with_manifest({"app.py": b"", "suite/x.py": b'TOKEN = "' + secret + b'"'}))
    assert secret.decode() not in str(error.value)
    with pytest.raises(BreadthError, match="the token you are signed in with"):
        publish(with_manifest({"app.py": b"# hf_worker"}))
    with pytest.raises(BreadthError, match="a private key"):
        publish(with_manifest({"app.py": b"-----BEGIN RSA PRIVATE KEY-----"}))
    with pytest.raises(BreadthError, match=r"README.md holds what looks like an API key"):
        publish(title="sk-" + "abcd" * 8)
    assert nothing_made(pointed)


def test_metadata_that_the_hub_refuses_is_its_own_sentence(pointed: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "SUMMARY", "x" * 61)
    with pytest.raises(HubRefused, match=f'{SPACE} refused with 400: "short_description" length'):
        publish()
    assert commits(pointed) == [1, 1, 0]
    monkeypatch.setattr(cards, "SUMMARY", "x" * 60)
    publish()
    assert commits(pointed) == [1, 1, 1]


def test_no_token_reaches_a_file(pointed: FakeHub, tmp_path: Path) -> None:
    publish()
    for name in (RESULTS, REQUESTS, SPACE):
        assert not [path for path, content in at(pointed, name).files.items() if b"hf_worker" in content]
    assert MANIFEST in at(pointed, SPACE).files


def breadth(*arguments: str) -> Result:
    return CliRunner().invoke(application(), ["publish-space", *arguments], catch_exceptions=False)


def test_a_dry_run_lists_everything_and_does_nothing(pointed: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    said = breadth(SPACE, "--dry-run", "--private").stdout
    files = page_files()
    for path, content in files.items():
        assert f"{len(content):>10,}  {path}\n" in said
    assert "            gradio==" in said
    assert f"hf://datasets/{RESULTS}: would be created, private, and would get 1 file written." in said
    assert f"hf://spaces/{SPACE}: would be created, private, and would get {len(files) + 1} files written." in said
    assert f"its variable {STORE} would be hf://datasets/{RESULTS}" in said
    assert nothing_made(pointed)
    sign_in(None, monkeypatch)
    assert "would be created" in breadth(SPACE, "--dry-run").stdout
    pointed.stop()
    away = breadth(SPACE, "--dry-run")
    assert away.exit_code == 0
    assert "requirements" in away.stdout
    assert "is not known" in away.stdout
    assert "cannot be reached" in away.stdout


def test_the_command_publishes_this_installation(pointed: FakeHub) -> None:
    said = breadth(SPACE, "--title", "Which data?").stdout
    assert f"The page: {pointed.endpoint}/spaces/{SPACE} (a Space takes a few minutes to build)" in said
    space = at(pointed, SPACE)
    assert {path: content for path, content in space.files.items() if path != CARD} == page_files()
    again = breadth(SPACE).stdout
    assert "Everything is as it should be: no commit was made." in again
    assert f"breadth push --store hf://datasets/{RESULTS}" in again
    assert commits(pointed) == [1, 1, 1]
    assert f"hf://spaces/{SPACE}: has everything." in breadth(SPACE, "--dry-run").stdout


def test_the_help_teaches_by_example() -> None:
    assert "breadth publish-space my-org/board --dry-run" in breadth("--help").stdout
