"""MADS: pick samples that together make as many neurons of a model stand out as possible."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from suite.errors import SelectionError
from suite.features import NeuronSets, NeuronStates
from suite.features.activations import State
from suite.features.gated_layers import Activation, Aggregate
from suite.registry import Strategy, register

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool

Objective = Literal["rounds", "sqrt", "rarity"]
MANY_WITHOUT_A_STATE = 0.05
"""The share of samples without a state from which a selection speaks of them."""


@register(
    "mads",
    level="model-aware",
    paper="MADS, arXiv 2605.30857",
    cost="one forward pass; n s a round (s neurons a state)",
    deterministic=True,
)
@dataclass(frozen=True)
class Mads(Strategy):
    """Greedy coverage of the neurons that stand out while a selector model reads each sample.

    The abstract fixes activation states during inference of a small instruct model (Llama-3.2-3B-Instruct in the
    paper; `model` names it, the track's base model where empty) and selection by coverage. Our readings, each a
    parameter: activations of MLP gates at response tokens (`activation`), their mean (`aggregate`; a sum or an `any`
    would let length win), z-scores by 4,096 drawn samples (`standardise`; 0 for all), the top 1 % of each layer
    (`density`, `state`); coverage begins anew once the best gain is below 1 % of a state (`round_gain`), ties to the
    larger z-sum over the new neurons, then to the lower row. `objective` is for study: `sqrt` sums the square root of
    each neuron's count, without rounds; `rarity` weighs neurons by one over the samples that hold them.

    A sample without a response token holds no neuron: while `round_gain` is above 0, it is picked after all others.
    Where these are more than a twentieth of the pool a warning counts them; where all are, SelectionError is raised.
    """

    formula: ClassVar[str] = (
        r"s_{t+1} = \underset{x \notin S_t}{\operatorname{argmax}} \; \left| A_x \setminus \bigcup_{j \in R_t} A_j "
        r"\right|, \qquad A_x = \text{per layer, the share } \rho \text{ of neurons with the largest } z_x"
    )

    model: str = ""
    density: float = 0.01
    round_gain: float = 0.01
    activation: Activation = "gate"
    aggregate: Aggregate = "mean"
    standardise: int = 4096
    state: State = "top"
    objective: Objective = "rounds"
    max_length: int = 1024
    template: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= self.round_gain <= 1.0:
            raise ValueError(f"round_gain is a share from 0 to 1, not {self.round_gain}")
        _ = self._states

    @property
    def _states(self) -> NeuronStates:
        return NeuronStates(
            density=self.density,
            activation=self.activation,
            aggregate=self.aggregate,
            standardise=self.standardise,
            state=self.state,
            max_length=self.max_length,
            template=self.template or None,
            model=self.model or None,
        )

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """The neuron states of every sample."""
        return (self._states,)

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Rows in the order picked, shape (budget,), int64."""
        from strategies.kernels import max_coverage, rarity, weighted_coverage

        held: NeuronSets = features[self._states]
        self._check(np.diff(held.offsets))
        states = (held.ids, held.offsets)
        told = features.progress
        if self.objective == "sqrt":
            return weighted_coverage(states, budget, growth="sqrt", progress=told)
        if self.objective == "rarity":
            weights = rarity(states)
            return weighted_coverage(states, budget, weights=weights, round_gain=self.round_gain, progress=told)
        return max_coverage(states, budget, round_gain=self.round_gain, scores=held.scores, progress=told)

    def _check(self, sizes: np.ndarray) -> None:
        """SelectionError when no sample holds a neuron, a warning when many do not; `sizes` (n,) says how many each."""
        without = int(np.count_nonzero(sizes == 0))
        advice = f"Raise max_length={self.max_length}, or take a shorter template"
        if without == len(sizes):
            raise SelectionError(
                f"{self.spec} finds no state among the {len(sizes):,} samples: none has a response token that the "
                f"model reads. {advice}."
            )
        if without > MANY_WITHOUT_A_STATE * len(sizes):
            warnings.warn(
                f"{without:,} of {len(sizes):,} samples have no response token that the model reads, and so no state; "
                f"{advice.lower()}",
                stacklevel=3,
            )
