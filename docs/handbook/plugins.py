"""Pages of strategies and metrics, from the registry: facts, formula, documentation and parameters of each."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from handbook.markdown import code, commands, paper, source, table
from handbook.mathml import block
from suite.commands.plugin_tables import plugin_facts
from suite.registry import Family, Level, Metric, Plugin, Strategy, metrics, strategies

SYMBOLS = (
    "$`n`$ is the number of samples in the pool, $`B`$ the budget, $`S`$ the $`m`$ picks, $`x_i`$ an embedding of "
    "unit length or a text and its tokens, $`y_i`$ a response, $`d(i, j) = 1 - \\cos(i, j)`$."
)
ABOUT_LEVELS = {
    "macro": "topics: clusters of the texts",
    "meso": "tags: what a text is about, several each",
    "micro": "mid-frequency tokens of the target model's own tokenizer",
    "embedding": "distances between embeddings",
    "model-aware": "what a model does with the samples",
    "baseline": "lengths, chance, or nothing; references are never ranked",
}
ABOUT_FAMILIES = {
    "lexical": "words alone",
    "distance": "distances between the picks",
    "distribution": "how the picks lie in the pool, or over clusters",
    "both": "distances and the pool's density together",
    "post-hoc": "texts of the picks, measured afterwards (M2M)",
}

OTHER_POOLS = {"published": "alpaca-cpu"}
"""Strategies that cannot select from the embedded pool, with a track whose pool they can."""


def builtin(registry: Any) -> list[type[Any]]:
    """The plugins that come with Breadth: the site says nothing of others that happen to be installed."""
    return [cls for cls in registry if cls.__module__.startswith(("strategies.", "suite."))]


def pages() -> Iterator[tuple[str, str]]:
    """Path and Markdown of every page of strategies and metrics."""
    yield "strategies/index.md", _strategies_index()
    for strategy in builtin(strategies):
        yield f"strategies/{strategy.info.name}.md", strategy_page(strategy)
    yield "metrics/index.md", _metrics_index()
    for metric in builtin(metrics):
        yield f"metrics/{metric.info.name}.md", metric_page(metric)


def strategy_page(cls: type[Strategy]) -> str:
    """All there is to say of one strategy."""
    facts = plugin_facts(cls)
    rows = [
        ("level", f"{facts['level']}: {ABOUT_LEVELS[facts['level']]}"),
        ("draws", "none: the same picks whatever the seed" if facts["deterministic"] else "by the selection seed"),
        *_common(cls, facts),
    ]
    if cls.reference:
        rows.append(("ranked", "never: a reference row"))
    name = facts["name"]
    track = OTHER_POOLS.get(name, "microworld")
    use = commands(f"breadth select {name} --track {track} -o picks.json", f"breadth strategies {name}")
    return _page(cls, rows, use)


def metric_page(cls: type[Metric]) -> str:
    """All there is to say of one metric."""
    facts = plugin_facts(cls)
    direction = "higher" if cls.higher_is_diverse else "lower"
    rows = [
        ("family", f"{facts['family']}: {ABOUT_FAMILIES[facts['family']]}"),
        ("more diverse", f"{direction} values; they compare only between selections of equal size"),
        *_common(cls, facts),
    ]
    name = facts["name"]
    use = commands(
        "breadth select random --track microworld -o picks.json",
        f"breadth measure picks.json --track microworld --metrics {name}",
    )
    return _page(cls, rows, use)


def _common(cls: type[Plugin], facts: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [
        ("reads", ", ".join(facts["features"]) or "the texts alone"),
        ("cost", f"{code(facts['cost'])} (n samples in the pool, k or budget picks, d dimensions)"),
        ("paper", paper(facts["paper"])),
        ("licence", facts["licence"]),
        ("written in", source(cls)),
    ]
    return [(name, value) for name, value in rows if value]


def _page(cls: type[Plugin], rows: Sequence[tuple[str, str]], use: str) -> str:
    first, _, rest = (inspect.getdoc(cls) or "").partition("\n\n")
    parts = [f"# {cls.info.name}", " ".join(first.split()), table(("", ""), rows)]
    if cls.formula:
        parts += ["## Definition", block(cls.formula), SYMBOLS]
    if rest:
        parts += ["## How exactly", rest]
    parts += ["## Parameters", _parameters(cls)]
    parts += ["## Use it", use]
    return "\n\n".join(parts) + "\n"


def _parameters(cls: type[Plugin]) -> str:
    name = cls.info.name
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    if not fields:
        return "It has none."
    written = table(
        ("parameter", "type", "default"),
        [(code(field.name), code(str(field.type)), code(repr(field.default))) for field in fields],
    )
    first = fields[0]
    example = first.default if first.default not in ("", None) else "VALUE"
    return f"{written}\nWritten as `{name}:{first.name}={example}`; several are parted by commas."


def _strategies_index() -> str:
    parts = [
        "# Strategies",
        "A strategy picks `budget` samples of a pool. Every one is a plugin like yours could be; all run offline at "
        "full size on a CPU.",
    ]
    for level in get_args(Level):
        rows = [_line(cls) for cls in builtin(strategies) if cls.info.level == level]
        parts += [
            f"## {level.capitalize()}",
            f"They look at {ABOUT_LEVELS[level]}.",
            table(("strategy", "what it picks"), rows),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _metrics_index() -> str:
    parts = [
        "# Metrics",
        "A metric makes one number of a selection. Whether any of them predicts how well the model does that is "
        "trained on it is what [the correlation study](../results/correlate-microworld.md) asks.",
    ]
    for family in filter(None, get_args(Family)):
        rows = [_line(cls) for cls in builtin(metrics) if cls.info.family == family]
        title = "Both" if family == "both" else family.capitalize()
        parts += [f"## {title}", f"They look at {ABOUT_FAMILIES[family]}.", table(("metric", "what it measures"), rows)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _line(cls: type[Plugin]) -> tuple[str, str]:
    first = (inspect.getdoc(cls) or "").partition("\n\n")[0]
    return f"[`{cls.info.name}`]({cls.info.name}.md)", re.sub(r"\s+", " ", first)
