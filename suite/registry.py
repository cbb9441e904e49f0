"""Strategies and metrics: the two plugin protocols, and the one registry class behind both.

A plugin is a frozen dataclass: its fields are its parameters (typed, checked, printed, hashed). Built-in
plugins, other packages and submissions register with the same decorator:

    @register("longest", level="baseline", cost="n", deterministic=True)
    @dataclass(frozen=True)
    class Longest(Strategy):
        def select(self, pool, budget, *, features, rng): ...

A plugin is written in one line everywhere: `k-means` or `k-means:clusters=50`.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar, get_type_hints, runtime_checkable

import numpy as np

from suite.errors import BreadthError, ParameterError, UnknownNameError, UsageError
from suite.hashing import canonical_json

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool
    from suite.selection import Selection

Level = Literal["macro", "meso", "micro", "embedding", "model-aware", "baseline"]
Family = Literal["", "lexical", "distance", "distribution", "both", "post-hoc"]
"""What a metric looks at: words, distances between picks, picks within the pool, both, or (M2M) texts afterwards."""
NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


@dataclasses.dataclass(frozen=True)
class PluginInfo:
    """What a reader of a table wants to know about a plugin; kept beside its class."""

    name: str
    level: str = "baseline"
    family: str = ""
    paper: str = ""
    licence: str = "Apache-2.0"
    cost: str = ""
    deterministic: bool = False
    origin: str = ""


class Plugin(ABC):
    """What strategies and metrics share: a name, facts about themselves, parameters as dataclass fields."""

    info: ClassVar[PluginInfo]
    formula: ClassVar[str] = ""
    """Its definition in TeX, for the documentation's pages; no number depends on it."""
    source_sha256: ClassVar[str] = ""
    """The sha256 of what it was made from, where that is no package whose sources can be hashed: a submission."""

    @property
    def name(self) -> str:
        """The registered name."""
        return self.info.name

    @property
    def parameters(self) -> dict[str, Any]:
        """Every parameter with its value, in the order the class declares them."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]

    @property
    def spec(self) -> str:
        """The one-line form that gives this plugin back: its name, then the parameters that differ from default."""
        changed = [
            f"{field.name}={_written(getattr(self, field.name))}"
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
            if getattr(self, field.name) != field.default
        ]
        return self.name + (":" + ",".join(changed) if changed else "")


class Strategy(Plugin):
    """A plugin that picks `budget` rows of a pool.

    `allows_repeats` and `reference` (never ranked) are open to built-in strategies alone.
    """

    allows_repeats: ClassVar[bool] = False
    reference: ClassVar[bool] = False
    degenerate: ClassVar[bool] = False
    """A selection that nobody would make in earnest: extremes alone can make a correlation, so every correlation
    between metrics and performance stands twice, with such selections and without."""
    index_only: ClassVar[bool] = False
    """Whether it draws from ids that were picked elsewhere, by code that is not run here; tables say so."""

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """The features this strategy reads; they are computed before `select` runs and timed apart."""
        return ()

    @abstractmethod
    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Row positions of the picked samples, shape (budget,), dtype int64, in the order picked."""

    def size(self, pool_size: int, budget: int) -> int:
        """How many rows `select` must return; only a reference strategy may differ from the budget."""
        return budget


@dataclasses.dataclass(frozen=True)
class LevelReport:
    """What a level of diversity came to: types in all, the fewest that reach the budget, those kept, those covered.

    `covered_kept_types` counts the kept types that the selection holds, `covered_types` all that it holds.
    """

    all_types: int
    fewest_types: int
    kept_types: int
    covered_kept_types: int
    covered_types: int


@runtime_checkable
class HasLevels(Protocol):
    """A strategy whose `diversity` in [0, 1] sets how many types its selection covers; the levels study reads it."""

    @property
    def diversity(self) -> float:
        """The level."""

    def level_report(self, rows: np.ndarray, *, features: Features) -> LevelReport:
        """The report of a selection that this strategy made, from the features it requires."""


@dataclasses.dataclass(frozen=True)
class Replay:
    """One step of a greedy selection, evaluated anew: the row picked, the row that wins, and their values."""

    step: int
    picked: int
    winner: int
    picked_value: float
    winner_value: float


@runtime_checkable
class CanReplay(Protocol):
    """A strategy any step of which can be certified from scratch; `breadth replay` asks it to."""

    def replay(self, rows: np.ndarray, step: int, *, features: Features) -> Replay:
        """Step `step` (1 and up) of the selection `rows`, from the features the strategy requires."""


@runtime_checkable
class GivesRows(Protocol):
    """A strategy whose picks were made elsewhere, once for every draw: it is asked by a seed, not by chance."""

    def given(self, pool: Pool, budget: int, *, track: str, seed: int) -> np.ndarray:
        """The rows given for this track, budget and draw, in the order given."""

    def spent(self, *, track: str, budget: int, seed: int) -> tuple[float, float] | None:
        """Seconds of picking and of computing features, where they are known; else None."""


class Metric(Plugin):
    """A plugin that measures the diversity of a selection as one number."""

    higher_is_diverse: ClassVar[bool] = True

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """The features this metric reads."""
        return ()

    @abstractmethod
    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """The metric's value for one selection."""


P = TypeVar("P", bound=Plugin)


class Registry(Generic[P]):
    """Names to plugin classes of one kind; filled by decorators, then by entry points on first use."""

    def __init__(self, kind: str, entry_point_group: str):
        self.kind = kind
        self.entry_point_group = entry_point_group
        self.broken: dict[str, str] = {}
        self._classes: dict[str, type[P]] = {}
        self._discovered = False

    def add(self, name: str, cls: type[P], **facts: Any) -> type[P]:
        """Register `cls` under `name`; two classes of one name are an error that names both places."""
        if not NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} is no {self.kind} name: use lower-case words joined by hyphens, such as 'k-center'."
            )
        if not hasattr(cls, "__dataclass_fields__"):
            raise UsageError(f"{cls.__name__} must be a dataclass: put @dataclass(frozen=True) below @register.")
        origin = _origin(cls)
        known = self._classes.get(name)
        if known is not None and known.info.origin != origin:
            raise UsageError(
                f"Two {self.kind} plugins are called {name!r}: {known.info.origin} and {origin}. Rename one."
            )
        cls.info = PluginInfo(name=name, origin=origin, **facts)
        self._classes[name] = cls
        return cls

    def forget(self, name: str) -> None:
        """Take a plugin out again, such as a submission that is loaded anew; a name that is not there is fine."""
        self._classes.pop(name, None)

    def discover(self) -> None:
        """Import every entry point of the group once; one that fails is kept with its exception, not skipped."""
        if self._discovered:
            return
        self._discovered = True
        for entry_point in importlib.metadata.entry_points(group=self.entry_point_group):
            try:
                entry_point.load()
            except Exception as error:  # a stranger's package must not take the others down
                self.broken[f"{entry_point.name} = {entry_point.value}"] = f"{type(error).__name__}: {error}"

    def names(self) -> list[str]:
        """All registered names, sorted."""
        self.discover()
        return sorted(self._classes)

    def __iter__(self) -> Iterator[type[P]]:
        return iter([self._classes[name] for name in self.names()])

    def get(self, name: str) -> type[P]:
        """The class registered under `name`; UnknownNameError lists the near names and all there are."""
        self.discover()
        if name not in self._classes:
            error = UnknownNameError(self.kind, name, self._classes)
            for place, reason in self.broken.items():
                error.args = (f"{error.args[0]} A plugin failed to import: {place} ({reason}).",)
            raise error
        return self._classes[name]

    def parse(self, spec: str) -> P:
        """Build a plugin from its one-line form, such as `k-means:clusters=50`."""
        name, _, written = spec.partition(":")
        cls = self.get(name.strip())
        parameters: dict[str, str] = {}
        for item in filter(None, (part.strip() for part in written.split(","))):
            key, equals, value = item.partition("=")
            if not equals:
                raise ParameterError(
                    f"{item!r} in {spec!r} is no parameter: write {name}:key=value,key=value (a value holds no comma)."
                )
            if key.strip() in parameters:
                raise ParameterError(f"Parameter {key.strip()!r} stands twice in {spec!r}.")
            parameters[key.strip()] = value.strip()
        return self.build(cls, parameters)

    def build(self, cls: type[P], parameters: dict[str, Any]) -> P:
        """Build `cls` from named values (text or typed), checked against the types of its fields."""
        from pydantic import TypeAdapter, ValidationError

        hints = get_type_hints(cls)
        fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        values: dict[str, Any] = {}
        for key, value in parameters.items():
            if key not in fields:
                known = ", ".join(f"{name}={field.default!r}" for name, field in fields.items())
                raise ParameterError(
                    f"{self.kind.capitalize()} {cls.info.name!r} has no parameter {key!r}. It has: {known or 'none'}."
                )
            try:
                values[key] = TypeAdapter(hints[key]).validate_python(value)
            except ValidationError as error:
                reason = error.errors()[0]["msg"]
                raise ParameterError(
                    f"Parameter {key}={value!r} of {self.kind} {cls.info.name!r} is wrong: {reason}."
                ) from error
        try:
            return cls(**values)
        except BreadthError:
            raise
        except ValueError as error:
            raise ParameterError(f"{self.kind.capitalize()} {cls.info.name!r}: {error}") from error


strategies: Registry[Strategy] = Registry("strategy", "breadth.strategies")
metrics: Registry[Metric] = Registry("metric", "breadth.metrics")


def register(
    name: str,
    *,
    level: Level = "baseline",
    family: Family = "",
    paper: str = "",
    licence: str = "Apache-2.0",
    cost: str = "",
    deterministic: bool = False,
) -> Callable[[type[P]], type[P]]:
    """Class decorator that registers a Strategy or a Metric under `name`.

    `level` sorts strategies and `family` metrics; `paper` is a citation or identifier, `cost` the growth in n (pool),
    k (budget) and d (dimensions).
    """
    facts = {
        "level": level,
        "family": family,
        "paper": paper,
        "licence": licence,
        "cost": cost,
        "deterministic": deterministic,
    }

    def decorate(cls: type[P]) -> type[P]:
        if issubclass(cls, Strategy):
            if (cls.allows_repeats or cls.reference) and not cls.__module__.startswith(("strategies.", "suite.")):
                raise UsageError(f"{name!r}: allows_repeats and reference are open to built-in strategies alone.")
            strategies.add(name, cls, **facts)
        elif issubclass(cls, Metric):
            metrics.add(name, cls, **facts)
        else:
            raise UsageError(f"{cls.__name__} is neither a Strategy nor a Metric: inherit from one of them.")
        return cls

    return decorate


def _origin(cls: type) -> str:
    try:
        file = inspect.getsourcefile(cls) or cls.__module__
    except (OSError, TypeError):
        file = cls.__module__
    return f"{cls.__module__}.{cls.__qualname__} ({file})"


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    return canonical_json(value).strip('"')
