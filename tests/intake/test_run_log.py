"""The log that everybody may read: bounded, without secrets, without what steers a terminal."""

from __future__ import annotations

import pytest

from suite.intake.run_log import RunLog, scrubbed


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain text, with äöü and 漢字\tand tabs", None),
        ("token hf_abcdefghijklmnopqrstuv!", "token [secret]!"),
        ("keys sk-proj-abcdefghijklmnopqrstuvwx1234 and AKIAABCDEFGHIJKLMNOP", "keys [secret] and [secret]"),
        ("ghs_abcdefghijklmnopqrstuvwxyz0123456789, xoxb-123456789012-abc", "[secret], [secret]"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nend", "[secret]\nend"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer [secret]"),
        ("\x1b[2Jgone\x07", "\\u{1b}[2Jgone\\u{7}"),
        ("right\u202eleft\u200b", "right\\u{202e}left\\u{200b}"),
        ("back\rspace\x08", "back\\u{d}space\\u{8}"),
    ],
)
def test_what_is_left_of_a_text(text: str, clean: str | None) -> None:
    assert scrubbed(text) == (text if clean is None else clean)


def test_a_text_of_nothing_but_beginnings_of_keys_takes_no_longer_than_another() -> None:
    """Looking from each of them for an end would take hours: more than a test may."""
    beginnings = "-----BEGIN PRIVATE KEY-----\n" * 300_000
    assert scrubbed(beginnings) == "[secret]\n" * 300_000


def test_secret_variables_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "correct-horse-battery")
    monkeypatch.setenv("SHORT_TOKEN", "on")
    assert scrubbed("I use correct-horse-battery on it") == "I use [MY_API_KEY] on it"


def test_a_long_log_keeps_its_beginning_and_its_end() -> None:
    log = RunLog(largest=10_000)
    for number in range(5_000):
        log.say(f"line {number} " + "x" * (number % 100))
    content = log.content()
    assert len(content) <= 10_100
    lines = content.decode().splitlines()
    assert lines[0].endswith("line 0 ")
    assert "line 4999 " in lines[-1]
    [gap] = [line for line in lines if "left out" in line]
    assert int(gap.split()[1]) == 5_000 - (len(lines) - 1)


def test_one_line_cannot_fill_it() -> None:
    log = RunLog()
    log.say("y" * 10**6)
    assert len(log.content()) < 3_000
    log.say("one\ntwo")
    assert log.content().count(b"\n") == 3
