"""The format of `selection.jsonl`: the picks of an index-only submission, one id a line.

    {"track": "microworld", "budget": 500, "seed": 0, "id": "4711"}

A line is one JSON object with exactly these keys. The lines of one track, budget and seed are one selection, in the
order picked; selections may follow each other in any order. `budget` is the number of samples, also where
`submission.toml` states a share. `seed` is the number of the draw: 0 alone where nothing is drawn by chance, else 0 to
one less than the number of the track's training seeds. A selection holds for every base model of its track.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from suite.intake.rules import Problems
from suite.intake.submission import MANIFEST, SELECTION, Manifest, Submission
from suite.intake.texts import read_text
from suite.track import Track

KEYS = ("track", "budget", "seed", "id")
LONGEST_ID = 200
LARGEST_NUMBER = 10**9


class Which(NamedTuple):
    """Names one selection of a submission."""

    track: str
    budget: int
    seed: int

    def __str__(self) -> str:
        return f"{self.track}, budget {self.budget}, seed {self.seed}"


@dataclass
class Picks:
    """One selection as read: the ids in order, each with the line it first stands in; and its last line."""

    lines: dict[str, int] = field(default_factory=dict)
    last_line: int = 0

    @property
    def first_line(self) -> int:
        """The line of its first id."""
        return next(iter(self.lines.values()))


Selections = dict[Which, Picks]


def as_lines(selections: Mapping[Which, Sequence[str]]) -> Iterator[str]:
    """The lines of a selection.jsonl, each with its line feed."""
    for which, ids in selections.items():
        for identifier in ids:
            line = {"track": which.track, "budget": which.budget, "seed": which.seed, "id": identifier}
            yield json.dumps(line, ensure_ascii=False) + "\n"


def read_selections(content: bytes, problems: Problems) -> Selections:
    """Every selection of a selection.jsonl; lines that break the format, and repeated ids, are noted and left out."""
    found: Selections = {}
    text = read_text(SELECTION, content, problems)
    if text is None:
        return found
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    for number, line in enumerate(lines, start=1):
        parsed = _parse(line, number, problems)
        if parsed is None:
            continue
        which, identifier = parsed
        picks = found.setdefault(which, Picks())
        picks.last_line = number
        first = picks.lines.setdefault(identifier, number)
        if first != number:
            remedy = f"Put another id in its place; it stands in line {first} already."
            problems.add("duplicate", SELECTION, number, f"{identifier} ({which})", remedy)
    return found


def _parse(line: str, number: int, problems: Problems) -> tuple[Which, str] | None:
    if not line.strip():
        problems.add("empty-line", SELECTION, number)
        return None
    try:
        record = json.loads(line, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        problems.add("line", SELECTION, number, line, f"{_reason(error)} Write it like {_EXAMPLE}.")
        return None
    wrong = _what_is_wrong(record)
    if wrong:
        problems.add("line", SELECTION, number, line, f"{wrong} Write it like {_EXAMPLE}.")
        return None
    return Which(record["track"], record["budget"], record["seed"]), record["id"]


_EXAMPLE = '{"track": "microworld", "budget": 500, "seed": 0, "id": "4711"}'


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1}."
    return "Nested too deeply." if isinstance(error, RecursionError) else f"{error}."


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("A key stands twice")
    return record


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _what_is_wrong(record: Any) -> str:
    if not isinstance(record, dict) or record.keys() != set(KEYS):
        return "The keys are not track, budget, seed and id."
    track, budget, seed, identifier = (record[key] for key in KEYS)
    if not isinstance(track, str) or not 1 <= len(track) <= 60:
        return "The track is no name."
    # A bool is an int in Python, but not in JSON.
    if type(budget) is not int or not 1 <= budget <= LARGEST_NUMBER:
        return "The budget is no number of samples."
    if type(seed) is not int or not 0 <= seed <= LARGEST_NUMBER:
        return "The seed is no number from 0 up."
    if not isinstance(identifier, str) or not 1 <= len(identifier) <= LONGEST_ID:
        return "The id is no text in quotes." if not isinstance(identifier, str) else "The id is empty or too long."
    return ""


def check_selections(found: Selections, manifest: Manifest, tracks: Mapping[str, Track], problems: Problems) -> None:
    """Note where selections and submission.toml disagree, wrong seeds and wrong counts.

    Where the tracks of submission.toml cannot be read the selections are held against the board's alone.
    """
    known = manifest.draft is not None and "tracks" not in manifest.broken
    declared = declared_budgets(manifest.draft, tracks) if known and manifest.draft else None
    seeds: dict[tuple[str, int], set[int]] = {}
    for which, picks in found.items():
        group = (which.track, which.budget)
        if declared is not None and group not in declared and group not in seeds:
            what = f"{which.track}, budget {which.budget}"
            problems.add("undeclared", SELECTION, picks.first_line, what)
        seeds.setdefault(group, set()).add(which.seed)
        given = len(picks.lines)
        if given != which.budget:
            change = f"{which.budget - given:,} are missing" if given < which.budget else "take some out"
            remedy = f"Give exactly {which.budget:,} different ids: {change}."
            problems.add("count", SELECTION, picks.last_line, f"{given:,} ids ({which})", remedy)
    for track, budget in declared or ():
        if (track, budget) not in seeds:
            line = manifest.line("tracks", track)
            remedy = f"Add its lines to {SELECTION}, or take the budget out of {MANIFEST}."
            problems.add("selection-missing", MANIFEST, line, f"{track}, budget {budget}", remedy)
    _check_seeds(found, seeds, tracks, problems)


def _check_seeds(
    found: Selections, seeds: Mapping[tuple[str, int], set[int]], tracks: Mapping[str, Track], problems: Problems
) -> None:
    if all(given == {0} for given in seeds.values()):
        return
    for (track, budget), given in seeds.items():
        draws = len(tracks[track].seeds.training) if track in tracks else None
        if draws is None or given == set(range(draws)):
            continue
        line = next(picks.first_line for which, picks in found.items() if which[:2] == (track, budget))
        listed = ", ".join(map(str, sorted(given)[:10])) + (", ..." if len(given) > 10 else "")
        remedy = f"Give this track seeds 0 to {draws - 1} at every budget; or seed 0 alone everywhere."
        problems.add("seeds", SELECTION, line, f"seeds {listed} ({track}, budget {budget})", remedy)


def check_ids(track: str, found: Selections, pool_ids: Collection[str], problems: Problems) -> None:
    """Note every id that the track's pool does not hold."""
    example = ""
    for which, picks in found.items():
        if which.track == track:
            for identifier, line in picks.lines.items():
                if identifier not in pool_ids:
                    example = example or min(pool_ids, default="")
                    remedy = f"Take ids from the pool of {track}; they look like {example!r}."
                    problems.add("id-unknown", SELECTION, line, f"{identifier} ({which})", remedy)


def declared_budgets(submission: Submission, tracks: Mapping[str, Track]) -> dict[tuple[str, int], None]:
    """Each known track and budget (in samples) that a submission names, in its order; unknown ones are left out."""
    from suite.errors import UsageError

    found: dict[tuple[str, int], None] = {}
    for name, budgets in submission.tracks.items():
        for written in budgets if name in tracks else ():
            try:
                found[name, tracks[name].check_budget(str(written))] = None
            except UsageError:
                continue
    return found
