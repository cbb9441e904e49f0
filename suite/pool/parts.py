"""The parts of the open-117k pool: which public files each is made of, and how a file becomes rows.

`open_117k.json` beside this module lists every file by repository, commit, path and sha256. A row's id is
`<part>/<key>`, the key being its number in the file (from 0), so gaps are rows left out for an empty output.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from suite.errors import PoolError
from suite.reporting import Notify, Progress, no_progress
from suite.sources import fetch
from suite.track import Source

Record = dict[str, str]
DOWNLOADS_AT_ONCE = 8


class Part(NamedTuple):
    """One part: its files (path to sha256) in a repository at a commit, and the layout of its rows."""

    name: str
    repository: str
    commit: str
    layout: str
    files: Mapping[str, str]

    def sources(self) -> list[Source]:
        """Its files; under BREADTH_DATA they are looked for as `sources/<repository>/<commit>/<path>`."""
        return [
            Source(
                local=f"sources/{self.repository}/{self.commit}/{path}",
                url=f"https://raw.githubusercontent.com/{self.repository}/{self.commit}/{quote(path)}",
                sha256=sha256,
            )
            for path, sha256 in self.files.items()
        ]


@cache
def parts() -> dict[str, Part]:
    """Every part by name, in the order in which open-117k takes them."""
    listed = json.loads(files("suite.pool").joinpath("open_117k.json").read_text(encoding="utf-8"))
    return {record["name"]: Part(**record) for record in listed}


def part_records(part: Part, *, notify: Notify, progress: Progress = no_progress) -> list[Record]:
    """Fetch a part's files and parse them; rows in file order, without those whose output is empty.

    `progress` counts files. Raises StorageError when a file cannot be had, PoolError when it cannot be parsed.
    """
    sources = part.sources()
    done = 0

    def one(source: Source) -> Path:
        nonlocal done
        path = fetch(source, notify=notify)
        done += 1
        progress(done, len(sources))
        return path

    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        paths = list(pool.map(one, sources))
    return [record for path in paths for record in parse(part.name, part.layout, path)]


def parse(name: str, layout: str, path: Path) -> Iterator[Record]:
    """Rows of one source file of the part `name`; raises PoolError when the file has another layout."""
    try:
        for key, record in LAYOUTS[layout](path):
            if record["output"].strip():
                yield {
                    "id": f"{name}/{key}",
                    "instruction": record["instruction"],
                    "input": record.get("input", ""),
                    "output": record["output"],
                    "source": record.get("source", "").replace("*", name) or name,
                }
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise PoolError(f"{path} is not laid out as a source of {name} ({error!r}).") from error


Keyed = Iterator[tuple[str, Record]]


def _pairs(path: Path) -> Keyed:
    """A JSON array of instruction, input and output (GPTeacher calls it response)."""
    for row, record in enumerate(_array(path)):
        output = record["output"] if "output" in record else record["response"]
        yield f"{row:05d}", {"instruction": record["instruction"], "input": record.get("input", ""), "output": output}


def _dolly(path: Path) -> Keyed:
    """Pairs whose category becomes the source."""
    for (key, pair), record in zip(_pairs(path), _array(path), strict=True):
        yield key, {**pair, "source": f"*/{record['category']}"}


def _lima(path: Path) -> Keyed:
    """Pairs without the conversations of several turns, which have a history."""
    for row, record in enumerate(_array(path)):
        if not record["history"]:
            yield f"{row:04d}", {name: record[name] for name in ("instruction", "input", "output")}


def _seeds(path: Path) -> Keyed:
    """One seed task a line; its first instance is taken."""
    for record in _lines(path):
        instance = record["instances"][0]
        yield record["id"], {"instruction": record["instruction"], **{k: instance[k] for k in ("input", "output")}}


def _rounds(path: Path) -> Keyed:
    """Pairs of one evolution round, whose number ends the file's name."""
    number = path.stem.rsplit("-", 1)[1]
    for key, pair in _pairs(path):
        yield f"{number}-{key}", {**pair, "source": f"*/round{number}"}


def _flan(path: Path) -> Keyed:
    """Question, answer and rationale, tab-separated, with line breaks written as a backslash and an n."""
    task = path.stem.removesuffix("_train")
    for row, line in enumerate(_text_lines(path)):
        question, answer, rationale = (field.replace("\\n", "\n").strip() for field in line.split("\t"))
        output = f"{rationale}\nThe answer is {answer}."
        yield f"{task}-{row:05d}", {"instruction": question, "output": output, "source": f"flan-cot/{task}"}


def _templates(path: Path) -> Keyed:
    """Prompts and completions of one T0 template, which ends a completion with a token of its own."""
    for row, record in enumerate(_lines(path)):
        yield (
            f"{path.stem}-{row:03d}",
            {
                "instruction": record["prompt"].strip(),
                "output": record["completion"].replace("<|endoftext|>", "").strip(),
                "source": f"*/{path.stem}",
            },
        )


LAYOUTS: Mapping[str, Callable[[Path], Keyed]] = {
    "pairs": _pairs,
    "dolly": _dolly,
    "lima": _lima,
    "seeds": _seeds,
    "rounds": _rounds,
    "flan": _flan,
    "templates": _templates,
}


def _array(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text(encoding="utf-8")))


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _text_lines(path)]


def _text_lines(path: Path) -> list[str]:
    # Only a line feed ends a line: some texts hold other characters that splitlines would break at.
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
