"""The correlation study: which diversity metric says beforehand how well a model does (NovelSum's protocol).

    plan = plan_panel(track, default_panel(track))
    study = CorrelateStudy(experiment, plan, metrics)
    outcome = Runner(experiment, jobs=2).run(study.cells)
    table = study.table()

Cells are those of `breadth run` and of the ladder; values of metrics are cached by what they depend on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from suite.errors import BreadthError, FeatureError, SelectionError, StorageError
from suite.studies.correlate_table import CorrelateTable, MeasuredEntry, correlate_table
from suite.studies.measured import Measurer
from suite.studies.panel import Entry, LeftOut
from suite.studies.scored import Gathered, gather

if TYPE_CHECKING:
    from suite.registry import Metric
    from suite.runner.cells import Cell
    from suite.runner.experiment import Experiment
    from suite.selection import Selection
    from suite.studies.panel import PanelPlan


@dataclass(frozen=True)
class Chosen:
    """The panel's entries that could be selected, with their different selections, and those that could not."""

    entries: dict[Entry, tuple[Selection, ...]]
    left_out: tuple[LeftOut, ...]


class CorrelateStudy:
    """Selects a panel, measures it, and makes the table from what the store holds."""

    def __init__(self, experiment: Experiment, plan: PanelPlan, metrics: Sequence[Metric]):
        self.experiment = experiment
        self.plan = plan
        self.metrics = tuple(metrics)

    @cached_property
    def chosen(self) -> Chosen:
        """Every entry's selections; one that picks what an earlier one picks is no second observation."""
        found: dict[Entry, tuple[Selection, ...]] = {}
        left_out = list(self.plan.panel.left_out)
        seen: dict[tuple[str, ...], str] = {}
        progress = self.experiment.progress("selections")
        entries = self.plan.panel.entries
        for number, entry in enumerate(entries):
            progress(number, len(entries))
            try:
                picked = [self.experiment.pick(cell) for cell in self.plan.cells_of(entry)]
            except StorageError:
                raise
            except BreadthError as error:
                left_out.append(LeftOut(entry.name, str(error)))
                self.experiment.notify(f"{entry.name} is left out: {error}")
                continue
            selections = {one.selection.sha256: one.selection for one in picked if one is not None}
            twin = seen.setdefault(tuple(selections), entry.name)
            if twin != entry.name:
                left_out.append(LeftOut(entry.name, f"it picks what {twin} picks"))
                continue
            found[entry] = tuple(selections.values())
        progress(len(entries), len(entries))
        return Chosen(found, tuple(left_out))

    @property
    def cells(self) -> list[Cell]:
        """The reference cells and those of every entry that could be selected."""
        entries = self.chosen.entries
        wanted = {cell.identity.id for entry in entries for cell in self.plan.cells_of(entry)}
        return [cell for cell in self.plan.cells if cell.budget == 0 or cell.identity.id in wanted]

    @cached_property
    def measured(self) -> tuple[MeasuredEntry, ...]:
        """Every metric of every entry: its mean over the entry's selections, or what kept it from a value."""
        measurer = Measurer(self.experiment.selector(self.plan.base_model))
        progress = self.experiment.progress("metrics")
        values: dict[Entry, dict[str, float]] = {entry: {} for entry in self.chosen.entries}
        failures: dict[Entry, dict[str, str]] = {entry: {} for entry in self.chosen.entries}
        done, total = 0, len(self.metrics) * len(values)
        for metric in self.metrics:
            for entry, selections in self.chosen.entries.items():
                progress(done, total)
                done += 1
                try:
                    each = [measurer.value(metric, selection) for selection in selections]
                except (SelectionError, FeatureError) as error:
                    failures[entry][metric.spec] = str(error)
                    continue
                values[entry][metric.spec] = float(np.mean(each))
        progress(total, total)
        return tuple(MeasuredEntry(entry, values[entry], failures[entry]) for entry in values)

    @cached_property
    def gathered(self) -> Gathered:
        """The store's results of the cells, as they are when this is first asked for: after the cells have run."""
        return gather(self.experiment, self.cells)

    def table(self) -> CorrelateTable:
        """The table of what the store holds by now. Raises StoreError when it holds nothing of use."""
        gathered = self.gathered
        return correlate_table(
            self.plan, self.measured, self.metrics, gathered.results, gathered.missing, self.chosen.left_out
        )
