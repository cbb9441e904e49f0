"""The ladder: fine-tunes on every level of every diversity-controlled strategy, and how the score goes with the level.

    plan = plan_ladder(track, ...)
    study = LadderStudy(experiment, plan)
    study.select()                         # every selection, or why there is none
    outcome = Runner(experiment, jobs=2).run(study.cells)
    table = study.table()

Cells are those of `breadth run`: keyed by content, cached, resumable, their results in the store like any others.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from suite.studies.ladder_table import LadderTable, ladder_table
from suite.studies.levels import LevelRow, LevelsStudy
from suite.studies.scored import Gathered, gather

if TYPE_CHECKING:
    from suite.runner.cells import Cell
    from suite.runner.experiment import Experiment
    from suite.studies.ladder_plan import LadderPlan


class LadderStudy:
    """Selects a plan's points, says which cells can run, and makes the table from what the store holds."""

    def __init__(self, experiment: Experiment, plan: LadderPlan):
        self.experiment = experiment
        self.plan = plan

    @cached_property
    def selected(self) -> dict[tuple[str, int], LevelRow]:
        """What came of every (spec, selection draw): a selection with its report, or the problem."""
        study = LevelsStudy(self.experiment, self.plan.selections, self.plan.base_model, None)
        return {(row.point.strategy.spec, row.point.seed): row for row in study.run().rows}

    @property
    def cells(self) -> list[Cell]:
        """The cells that can run: reference cells, and those of every level in reach."""
        return [cell for cell in self.plan.cells if not self._out_of_reach(cell)]

    @cached_property
    def gathered(self) -> Gathered:
        """The store's results of the cells, as they are when this is first asked for: after the cells have run."""
        return gather(self.experiment, self.cells)

    def table(self) -> LadderTable:
        """The table of what the store holds by now. Raises StoreError when it holds nothing of use."""
        gathered = self.gathered
        return ladder_table(self.plan, self.selected, gathered.results, gathered.missing)

    def _out_of_reach(self, cell: Cell) -> bool:
        if cell.strategy is None:
            return False
        row = self.selected.get((cell.strategy.spec, cell.selection_seed))
        return row is not None and bool(row.problem)
