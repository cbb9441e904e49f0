"""Growth of time with size: measured exponents, what they were when somebody last looked, and pictures of both.

A benchmark asks for the fixture `growth` (tests/benchmarks/conftest.py) and records sizes and seconds; the exponent is
fitted, kept in the benchmark's `extra_info` under `growth`, and held against docs/results/bench/reference.json: one
that has grown by more than ALLOWED fails. `python tests/growth.py RUN.json` makes a run (a file that pytest-benchmark
wrote) the reference, draws the pictures and writes the table of docs/results/speed.md; entries of benchmarks that the
run does not hold stay as they are.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ALLOWED = 0.15
"""By how much an exponent may exceed the stored one."""
FOLDER = Path(__file__).parents[1] / "docs" / "results" / "bench"
REFERENCE = FOLDER / "reference.json"
PAGE = FOLDER.parent / "speed.md"
OPENING, CLOSING = "<!-- growth: python tests/growth.py writes these lines -->", "<!-- /growth -->"
SCHEMA_VERSION = 1
RATIOS = ("ratio", "products", "products_with_farthest", "share_of_exact_value")
"""Names in `extra_info` that mean the same on every machine, more or less: they are kept in the reference."""
WIDTH, HEIGHT = 900, 560


def growth_exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """The e of seconds = c * size ** e, by least squares in logarithms over at least four sizes."""
    if len(sizes) < 4 or len(sizes) != len(seconds):
        raise ValueError(
            f"a growth fit needs at least four sizes with a time each, not {len(sizes)} and {len(seconds)}"
        )
    exponent, _ = np.polyfit(np.log(sizes), np.log(seconds), 1)
    return float(exponent)


class Growth:
    """What one benchmark records; `name` is the benchmark's own."""

    def __init__(self, name: str, extra_info: dict[str, Any], reference: Mapping[str, Any] | None = None):
        self.name = name
        self._kept: dict[str, Any] = extra_info.setdefault("growth", {})
        self._reference = (read_reference() if reference is None else reference).get(name, {}).get("growth", {})

    def record(self, variable: str, sizes: Sequence[int], seconds: Sequence[float]) -> float:
        """Keep the times (seconds) at some sizes of `variable`; returns the exponent.

        AssertionError where it exceeds the stored one by more than ALLOWED; ValueError for fewer than four sizes.
        """
        exponent = growth_exponent(sizes, seconds)
        self._kept[variable] = {
            "sizes": [int(size) for size in sizes],
            "seconds": [float(f"{value:.4g}") for value in seconds],
            "exponent": round(exponent, 3),
        }
        stored = self._reference.get(variable)
        known = "nothing stored" if stored is None else f"{stored['exponent']:.2f} stored"
        print(f"\n{self.name}: seconds grow as {variable}^{exponent:.2f} ({known})")
        assert stored is None or exponent <= stored["exponent"] + ALLOWED, (
            f"{self.name}: time grows as {variable}^{exponent:.2f}; {stored['exponent']:.2f} is stored in "
            f"{REFERENCE.name}, and {ALLOWED} more is allowed"
        )
        return exponent


def read_reference(path: Path = REFERENCE) -> dict[str, Any]:
    """The stored benchmarks by name; none where there is no file yet. ValueError for a schema of another version."""
    if not path.exists():
        return {}
    document = json.loads(path.read_text(encoding="utf-8"))
    if document.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(f"{path} has schema version {document.get('schema_version')}, not {SCHEMA_VERSION}")
    return dict(document["benchmarks"])


def reference_of(run: Mapping[str, Any]) -> dict[str, Any]:
    """What of a run (JSON of pytest-benchmark) is worth keeping: ratios and growth, no seconds of one machine alone."""
    kept = {}
    for benchmark in run["benchmarks"]:
        extra = benchmark.get("extra_info", {})
        facts = {name: extra[name] for name in (*RATIOS, "peer", "growth") if extra.get(name)}
        if set(facts) - {"peer"}:
            kept[benchmark["name"]] = facts
    return kept


def table(reference: Mapping[str, Any]) -> str:
    """The exponents of every benchmark that has one, as Markdown."""
    lines = ["| benchmark | variable | sizes | exponent |", "| --- | --- | --- | --- |"]
    for name, facts in sorted(reference.items()):
        for variable, fit in sorted(facts.get("growth", {}).items()):
            kernel = name.removeprefix("test_growth_of_").replace("_", " ")
            sizes = f"{fit['sizes'][0]:,} to {fit['sizes'][-1]:,}"
            lines.append(f"| {kernel} | {variable} | {sizes} | {fit['exponent']:.2f} |")
    return "\n".join(lines)


def write_table(reference: Mapping[str, Any], page: Path = PAGE) -> Path:
    """Put the exponents between their marks on the page; ValueError where it has none."""
    text = page.read_text(encoding="utf-8")
    before, opening, rest = text.partition(OPENING)
    _, closing, after = rest.partition(CLOSING)
    if not (opening and closing):
        raise ValueError(f"{page} has no place for the exponents: {OPENING} and {CLOSING}, each on a line")
    page.write_text(f"{before}{opening}\n\n{table(reference)}\n\n{closing}{after}", encoding="utf-8")
    return page


def write_reference(run: Mapping[str, Any], path: Path = REFERENCE) -> dict[str, Any]:
    """Take the benchmarks of a run into the reference; returns all that it holds then."""
    merged = read_reference(path) | reference_of(run)
    document = {"schema_version": SCHEMA_VERSION, "benchmarks": dict(sorted(merged.items()))}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return merged


def changes(before: Mapping[str, Any], run: Mapping[str, Any]) -> list[str]:
    """A line for each ratio and exponent of a run, beside what was stored."""
    lines = []
    for name, facts in sorted(reference_of(run).items()):
        was = before.get(name, {})
        for ratio in RATIOS:
            if ratio in facts:
                lines.append(f"{name}: {ratio} {facts[ratio]:.4g}{_stored(was.get(ratio))}")
        for variable, fit in sorted(facts.get("growth", {}).items()):
            stored = was.get("growth", {}).get(variable, {}).get("exponent")
            lines.append(f"{name}: {variable}^{fit['exponent']:.2f}{_stored(stored)}")
    return lines


def _stored(value: float | None) -> str:
    return " (new)" if value is None else f" ({value:.4g} stored)"


def figures(reference: Mapping[str, Any]) -> dict[str, Any]:
    """One picture a variable: seconds over size on logarithmic axes, a line a benchmark; by the file's stem."""
    from suite.figures.theme import figure, label

    lines: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for name, facts in sorted(reference.items()):
        for variable, fit in facts.get("growth", {}).items():
            lines.setdefault(variable, []).append((name, fit))
    made = {}
    for variable, fits in sorted(lines.items()):
        drawn = figure(
            f"Time against {label(variable)}",
            f"{label(variable)} (count)",
            "processor time (seconds)",
            subtitle="One thread, the least of several turns; each line is a benchmark with its exponent.",
        )
        for name, fit in fits:
            short = name.removeprefix("test_").replace("growth_of_", "").replace("_", " ")
            drawn.add_scatter(
                x=fit["sizes"],
                y=fit["seconds"],
                mode="lines+markers",
                name=label(f"{short} ({fit['exponent']:.2f})"),
            )
        drawn.update_xaxes(type="log").update_yaxes(type="log")
        made[f"time-{variable}".replace(" ", "-")] = drawn
    return made


def draw(reference: Mapping[str, Any], folder: Path = FOLDER) -> list[Path]:
    """Draw the pictures as PNG; returns where they lie. FigureError without a browser."""
    from suite.figures.export import write_png

    paths = []
    for stem, drawn in figures(reference).items():
        paths.append(folder / f"{stem}.png")
        write_png(drawn, paths[-1], width=WIDTH, height=HEIGHT, scale=1.5)
    return paths


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    done = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print("\n".join(changes(read_reference(), done)))
    stored = write_reference(done)
    print("\n".join(map(str, [REFERENCE, write_table(stored), *draw(stored)])))
