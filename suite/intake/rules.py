"""The rules of a submission, each with what to do about it, and the problems that a check finds.

One table holds them all: the command line, the server and the page print the same sentences, and
`submissions/README.md` lists them.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from suite.plain_text import is_visible

LONGEST_VALUE = 80
LISTED_A_RULE = 100
"""How many problems of one rule in one file are listed; the others are counted, for a file may have a million lines."""


@dataclass(frozen=True)
class Rule:
    """What must hold, and what to do where it does not."""

    rule: str
    remedy: str


RULES: dict[str, Rule] = {
    # What is in the folder or the archive.
    "files": Rule(
        "a submission holds submission.toml and either selection.jsonl or strategy.py, and nothing else",
        "Move everything else out of the folder.",
    ),
    "regular-file": Rule(
        "every file is a regular file: no link, device, pipe or folder", "Put the file itself in its place."
    ),
    "file-name": Rule(
        "names in an archive are plain: not absolute, no parent folder, each once whatever its case",
        "Pack the folder again with `breadth check FOLDER --pack FILE.tar.gz`.",
    ),
    "archive": Rule(
        "an archive is one whole gzipped tar file with nothing after its end",
        "Pack the folder again with `breadth check FOLDER --pack FILE.tar.gz`.",
    ),
    "file-size": Rule("every file stays below its limit of size", "Make it smaller, or give up a track or a budget."),
    # What every text must be.
    "utf-8": Rule("texts are UTF-8 without a byte order mark", "Save the file as UTF-8 without a byte order mark."),
    "line-ends": Rule("lines end with a line feed alone", "Save the file with Unix line ends."),
    "characters": Rule(
        "no control characters, and none that are invisible or turn the direction of text", "Delete the character."
    ),
    "line-length": Rule("no line is longer than its limit", "Break the line."),
    # submission.toml
    "toml": Rule("submission.toml is valid TOML", "Mend the syntax; see https://toml.io."),
    "missing-key": Rule("every required key is there", "Add the key."),
    "unknown-key": Rule("there are no keys but those of the format", "Delete the key, or mend its spelling."),
    "wrong-type": Rule("every value is of its key's type", "Write it as the format says."),
    "name": Rule(
        "a name is 3 to 60 lower-case ASCII letters and digits in words joined by single hyphens, a letter first",
        "Choose a name such as my-method-2.",
    ),
    "name-reserved": Rule("words with a meaning on the board are no names", "Choose another name."),
    "name-taken": Rule(
        "a name is not taken, and is not confused with one that is: hyphens, 0 and o, 1, i and l count as the same",
        "Choose a name that reads differently.",
    ),
    "version": Rule("a version is one to three numbers joined by full stops", 'Write it like "1.0" or "1.2.3".'),
    "version-rises": Rule("a new version is higher than the published one", "Raise the version."),
    "title": Rule("a title is one line of 1 to 120 characters", "Say in one line what the method does."),
    "authors": Rule(
        "authors are 1 to 50 different names of 1 to 100 characters, without < and >",
        'Write them like ["Ada Lovelace", "Carl Friedrich Gauss"].',
    ),
    "licence": Rule(
        "a licence is an expression of known SPDX identifiers", 'Write it like "Apache-2.0" or "MIT OR CC-BY-4.0".'
    ),
    "paper": Rule(
        "a paper is an https link or an arXiv identifier, or the key is left out",
        'Write it like "arXiv:2505.24768" or "https://example.org/paper".',
    ),
    "level": Rule(
        "a level is one of macro, meso, micro, embedding, model-aware, baseline", "Choose what the method looks at."
    ),
    "tracks": Rule("at least one track is named, each with at least one budget", 'Write it like microworld = ["500"].'),
    "track-unknown": Rule("every track is one of the board's", "`breadth tracks` lists them."),
    "budget": Rule("a budget is a count or a share, each once", 'Write it like 500 or "15%".'),
    "budget-unknown": Rule("every budget is one of its track's", "`breadth tracks NAME` lists them."),
    # selection.jsonl
    "line": Rule(
        "a line is one JSON object with the keys track, budget, seed and id, each once",
        'Write it like {"track": "microworld", "budget": 500, "seed": 0, "id": "4711"}.',
    ),
    "empty-line": Rule("no line is empty", "Delete the line."),
    "undeclared": Rule("every selection is of a track and budget in submission.toml", "Name it under [tracks]."),
    "selection-missing": Rule("every track and budget of submission.toml has its selections", "Add the lines."),
    "seeds": Rule(
        "either every selection has seed 0 alone (nothing is drawn by chance), or every registered draw has one",
        "Give seed 0 alone, or seeds 0 to one less than the number of training seeds.",
    ),
    "count": Rule("a selection has exactly as many ids as its budget", "Add or remove ids."),
    "duplicate": Rule("an id stands once in a selection", "Put another id in its place."),
    "id-unknown": Rule("every id is one of the track's pool", "Take ids from the pool that the track pins."),
    # strategy.py
    "python": Rule("strategy.py is valid Python", "Mend the syntax."),
    "imports": Rule(
        "imports are of the standard library, numpy, scipy, sklearn, numba, torch, strategies.kernels, and of the "
        "plugin interface: suite.registry, suite.pool, suite.features, suite.errors, suite.selection",
        "Do without it, or send the ids that your code picks as an index-only submission.",
    ),
    "one-strategy": Rule(
        "one class at the top level is registered, under the submission's name",
        'Put @register("NAME", ...) and @dataclass(frozen=True) above the one class, both written out.',
    ),
    "register": Rule(
        "@register is given a name and facts that are written out: level, cost, paper, licence, deterministic",
        "Write the values themselves, not what computes them; `level` must be that of submission.toml.",
    ),
    "strategy-class": Rule(
        "the class is a frozen dataclass that inherits from Strategy, and every parameter has a default",
        "Write `@dataclass(frozen=True)`, `class Name(Strategy):`, and `field: type = default`.",
    ),
    "select": Rule(
        "the class has `select(self, pool, budget, *, features, rng)`", "Write the method with these parameters."
    ),
    "flags": Rule(
        "allows_repeats, reference, degenerate and index_only are for built-in strategies alone", "Delete the line."
    ),
}


@dataclass(frozen=True)
class Problem:
    """One breach of a rule: where it is, what stands there, and what to do. `rule` is a key of RULES.

    `line` counts from 1 and is None where no line is to blame; `value` is safe to print (see `shown`). `others` is
    how many more breaches of the rule in that file this one stands for, which are not listed.
    """

    file: str
    line: int | None
    value: str
    rule: str
    remedy: str
    others: int = 0

    @property
    def sentence(self) -> str:
        """The rule in words."""
        return RULES[self.rule].rule

    @property
    def place(self) -> str:
        """`file:line`, or the file alone."""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def __str__(self) -> str:
        found = f" ({self.value})" if self.value else ""
        return f"{self.place}: {self.sentence}{found}. {self.remedy}"

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `rule` is the key and `sentence` the words."""
        return {**dataclasses.asdict(self), "sentence": self.sentence}


class Problems:
    """Collects problems; of one rule in one file it lists the first LISTED_A_RULE and counts the others."""

    def __init__(self) -> None:
        self._listed: list[Problem] = []
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, rule: str, file: str, line: int | None = None, value: Any = "", remedy: str = "") -> None:
        """Note a breach of `rule`; `value` is made safe to print. Without a remedy the rule's own stands."""
        key = (file, rule)
        self._counts[key] += 1
        if self._counts[key] <= LISTED_A_RULE:
            self._listed.append(Problem(shown(file), line, shown(value), rule, remedy or RULES[rule].remedy))

    def __iter__(self) -> Iterator[Problem]:
        """The problems in the order found, then one for each rule of which not all are listed."""
        yield from self._listed
        for (file, rule), count in self._counts.items():
            if count > LISTED_A_RULE:
                others = count - LISTED_A_RULE
                more = f"and {others:,} more of this rule"
                yield Problem(shown(file), None, more, rule, RULES[rule].remedy, others)


def shown(value: Any) -> str:
    """A stranger's value on one short line: nothing in it can steer a terminal, hide or turn text."""
    if isinstance(value, int) and value.bit_length() > 300:
        return "a huge number"
    text = value if isinstance(value, str) else repr(value)
    cut = text[:LONGEST_VALUE]
    safe = "".join(letter if is_visible(letter) else f"\\u{{{ord(letter):x}}}" for letter in cut)
    return safe + ("…" if len(text) > LONGEST_VALUE else "")
