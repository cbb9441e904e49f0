"""Everything a run stands on: track, pool, base models, tasks, features, folders and the store."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from suite.features.base import TrackContext
from suite.home import cache_folder
from suite.reporting import Notify, Progress
from suite.runner.cells import Cell
from suite.runner.selecting import Picked, Selector, reads_base_model
from suite.runner.stages import StageFolders, training_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from suite.base_models.resolve import ResolvedBase
    from suite.engines import EngineFacts, EngineName
    from suite.evaluation.protocol import Task
    from suite.pool import Pool
    from suite.registry import Metric, Strategy
    from suite.results import Result
    from suite.stores.protocol import Store
    from suite.track import Track


@dataclass
class Experiment:
    """A track made ready to run; its parts are loaded when they are first needed."""

    track: Track
    store: Store
    notify: Notify
    progress: Callable[[str], Progress]
    """Gives a progress callback for a piece of work with that title."""
    discard_models: bool = False
    embedder: str | None = None
    """In place of the track's embedder, to select or measure without it; results of a run are never made so."""
    tokenizer: str | None = None
    """In place of the base model's tokenizer, likewise; with it the base model itself is not looked for."""
    engine_asked: EngineName | None = None
    """In place of the track's engine. Results of different engines are never paired."""
    training_code: str = ""
    """Where it is given, cached fine-tunes of other code are not taken (`suite.runner.stages.training_key`)."""

    @cached_property
    def engine(self) -> EngineFacts:
        """What evaluates on this machine. Raises EngineError where it is not installed."""
        from suite.engines import EngineFacts

        return EngineFacts.of(self.engine_asked or self.track.evaluation.engine)

    @cached_property
    def folders(self) -> StageFolders:
        """Where stage outputs live."""
        return StageFolders(cache_folder())

    @cached_property
    def pool(self) -> Pool:
        """The track's pool, its fingerprint checked."""
        from suite.pool.loading import load_pool

        return load_pool(self.track, progress=self.progress("pool"), notify=self.notify)

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """The track's tasks with their items."""
        from suite.evaluation.loading import load_tasks

        return load_tasks(self.track, engine=self.engine_asked, notify=self.notify)

    @cached_property
    def _bases(self) -> dict[str, ResolvedBase]:
        return {}

    def base(self, name: str) -> ResolvedBase:
        """A base model on this disk, downloaded or built in place on first use."""
        if name not in self._bases:
            from suite.base_models.resolve import resolve_base

            self._bases[name] = resolve_base(
                self.track.base_model(name),
                self.track,
                cache=self.folders.cache,
                progress=self.progress(f"base model {name}"),
                notify=self.notify,
            )
        return self._bases[name]

    def base_ready(self, name: str) -> bool:
        """Whether a base model can be had without downloading or pretraining anything."""
        from suite.base_models.resolve import is_ready

        return name in self._bases or is_ready(self.track.base_model(name), self.track, cache=self.folders.cache)

    @cached_property
    def _selectors(self) -> dict[str, Selector]:
        return {}

    def selector(self, base_model: str) -> Selector:
        """The select stage for one base model (the micro strategies read the target model's own tokenizer)."""
        if base_model not in self._selectors:
            self._selectors[base_model] = self._make_selector(self.context(base_model))
        return self._selectors[base_model]

    def selector_for(self, base_model: str, wanted: Sequence[Strategy | Metric]) -> Selector:
        """The select stage for these plugins alone: where none reads the base model, it need not be there yet.

        What they select or measure is the same either way, and so are the keys it is cached under.
        """
        without = self._context("")
        if self.base_ready(base_model) or any(reads_base_model(plugin, without) for plugin in wanted):
            return self.selector(base_model)
        return self._make_selector(without)

    def context(self, base_model: str) -> TrackContext:
        """What strategies and metrics may know of the track."""
        return self._context("" if self.tokenizer else str(self.base(base_model).folder))

    def _context(self, folder: str) -> TrackContext:
        return TrackContext(
            track=self.track.name,
            pool_size=len(self.pool),
            embedder=self.embedder or self.track.features.embedder,
            tokenizer=self.tokenizer or folder,
            base_model=folder,
            rare_token_count=self.track.features.rare_token_count,
            common_token_count=self.track.features.common_token_count,
            world_seed=self.track.pool.world_seed if self.track.pool.kind == "microworld" else None,
        )

    def _make_selector(self, context: TrackContext) -> Selector:
        from suite.features.store import FeatureStore

        return Selector(
            pool=self.pool,
            context=context,
            features=FeatureStore(self.folders.cache / "features", notify=self.notify),
            folders=self.folders,
            notify=self.notify,
            progress=self.progress,
        )

    def pick(self, cell: Cell) -> Picked | None:
        """The cell's selection; None for the untuned base model."""
        if cell.strategy is None:
            return None
        return self.selector(cell.base_model).pick(cell.strategy, cell.budget, cell.selection_seed)

    @cached_property
    def recorded(self) -> dict[str, list[Result]]:
        """Results of this track in the store when the run began, by cell id."""
        found: dict[str, list[Result]] = {}
        for result in self.store.results(self.track.name):
            found.setdefault(result.cell.id, []).append(result)
        return found

    def training_key(self, cell: Cell, picked: Picked | None) -> str:
        """The key under which the cell's fine-tune is cached."""
        picks = picked.selection.sha256 if picked else "none"
        base = self.base(cell.base_model)
        recipe = cell.track.recipe_for(base.name)
        return training_key(picks, base.weights_sha256, recipe, cell.training_seed, code=self.training_code)

    def finished(self, cell: Cell, picked: Picked | None, *, by_now: bool = False) -> bool:
        """Whether the store held this cell's result for the same picks, base weights and items when the run began.

        It must be of the engine that runs now, since no other is ever paired with what this run makes. `by_now` asks
        the store again: another runner may have recorded the cell meanwhile.
        """
        return bool(self.results_of_now(cell, picked, by_now=by_now))

    def results_of_now(self, cell: Cell, picked: Picked | None, *, by_now: bool = False) -> list[Result]:
        """Those of `results` that the engine gave that runs now, in its versions of now."""
        return [
            result
            for result in self.results(cell, picked, by_now=by_now)
            if result.engine_name == self.engine.name and result.versions == self.engine.versions
        ]

    def results(self, cell: Cell, picked: Picked | None, *, by_now: bool = False) -> list[Result]:
        """The store's results of this cell for the same picks, base weights and items; see `finished`."""
        name = cell.identity.id
        records = self.store.of_cell(name) if by_now else self.recorded.get(name, ())
        picks = picked.selection.sha256 if picked else None
        base = self.base(cell.base_model).weights_sha256
        items = {task.name: task.items_sha256 for task in self.tasks}
        return [
            result
            for result in records
            if result.hashes.selection == picks
            and result.hashes.base_weights == base
            and {task.name: task.items_sha256 for task in result.tasks} == items
        ]
