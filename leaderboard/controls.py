"""The filter bar: which controls a view shows, what each offers, and how it reads in an address. Knows no Gradio."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from leaderboard.page import Page
    from leaderboard.views import View

Choice = tuple[str, str]
"""What a reader sees, and what the address holds."""


@dataclass(frozen=True)
class Control:
    """A control: the address field it sets, its label, its form, and the hint that a screen reader reads."""

    name: str
    field: str
    label: str
    form: Literal["one", "many", "text", "switch"]
    hint: str = ""


CONTROLS = (
    Control("track", "track", "track", "one"),
    Control("budget", "budget", "budget (samples)", "one"),
    Control("base_model", "base_model", "base model", "one"),
    Control(
        "tasks", "tasks", "tasks (all)", "many", "Ranks, intervals and verdicts are computed again for these tasks"
    ),
    Control("level", "levels", "levels (all)", "many"),
    Control("kind", "kinds", "kinds (all)", "many"),
    Control("first", "first", "first strategy", "one"),
    Control("second", "second", "second strategy", "one"),
    Control("metric", "metric", "metric", "one"),
    Control("search", "search", "search", "text", "part of a strategy's name"),
    Control("columns", "columns", "columns (all)", "many"),
    Control("variants", "variants", "variants", "switch", "Other settings of strategies that are listed"),
)
"""In the order of the bar."""
NAMES = tuple(control.name for control in CONTROLS)


@dataclass(frozen=True)
class State:
    """What a control shows: nothing where it is not of the open view or offers no choice."""

    shown: bool
    choices: tuple[Choice, ...]
    value: str | tuple[str, ...] | bool


def states(page: Page, view: View) -> dict[str, State]:
    """The state of every control for a page."""
    offered = {name: make(page) for name, make in _OFFERS.items()}
    own: Callable[[Page], dict[str, Sequence[Choice]]] | None = getattr(view, "choices", None)
    if own is not None:
        offered |= {name: tuple(choices) for name, choices in own(page).items()}
    chosen: Callable[[Page], dict[str, str]] | None = getattr(view, "values", None)
    values = chosen(page) if chosen is not None else {}
    needed: Callable[[Page], bool] | None = getattr(view, "filtered", None)
    whole = ("run" in view.CONTROLS and page.address.run) or (needed is not None and not needed(page))
    wanted = () if whole else view.CONTROLS
    return {
        control.name: _state(control, page, offered.get(control.name, ()), wanted, values.get(control.name))
        for control in CONTROLS
    }


def _state(control: Control, page: Page, offered: Iterable[Choice], wanted: Iterable[str], own: str | None) -> State:
    # What the address leaves open a view may fill in; its control shows what was filled in.
    value = getattr(page.address, control.field) if own is None else own
    choices = tuple(offered)
    shown = control.name in wanted and page.data is not None
    if control.form == "one":
        if any(choice == "" for _, choice in choices):
            # Where nothing need be chosen, the page's own choice is none of the reader's.
            value = getattr(page.asked, control.field)
        return State(shown and len(choices) > 1, choices, "" if value is None else str(value))
    if control.form == "many":
        known = {choice for _, choice in choices}
        return State(shown and len(choices) > 1, choices, tuple(item for item in value if item in known))
    return State(shown, (), value)


def _tracks(page: Page) -> tuple[Choice, ...]:
    return tuple((name, name) for name in sorted(page.snapshot.tracks))


def _budgets(page: Page) -> tuple[Choice, ...]:
    tables = page.data.board.tables if page.data else ()
    there = sorted({table.budget for table in tables if table.base_model == page.address.base_model})
    return tuple((f"{budget:,}", str(budget)) for budget in there)


def _models(page: Page) -> tuple[Choice, ...]:
    tables = page.data.board.tables if page.data else ()
    return tuple((name, name) for name in dict.fromkeys(table.base_model for table in tables))


def _tasks(page: Page) -> tuple[Choice, ...]:
    tables = page.data.board.tables if page.data else ()
    return tuple((name, name) for name in dict.fromkeys(task.name for table in tables for task in table.tasks))


def _levels(page: Page) -> tuple[Choice, ...]:
    return tuple((level, level) for level in dict.fromkeys(row.level for row in page.rows))


# "code" alone Gradio takes for a word of its own interface, and complains that it has no translation.
_KIND_WORDS = {"code": "submitted code", "index-only": "submitted ids"}


def _kinds(page: Page) -> tuple[Choice, ...]:
    kinds = dict.fromkeys("reference" if row.reference else row.kind for row in page.rows)
    return tuple((_KIND_WORDS.get(kind, kind), kind) for kind in kinds)


def _strategies(page: Page) -> tuple[Choice, ...]:
    return tuple((row.spec, row.spec) for row in page.rows if row.complete)


_OFFERS: dict[str, Callable[[Page], tuple[Choice, ...]]] = {
    "track": _tracks,
    "budget": _budgets,
    "base_model": _models,
    "tasks": _tasks,
    "level": _levels,
    "kind": _kinds,
    "first": _strategies,
    "second": _strategies,
}
