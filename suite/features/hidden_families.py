"""The hidden families of an embedded pool: what the microworld's oracle reads, and no ranked strategy may."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from suite.errors import FeatureError
from suite.features.base import Feature, Features, TrackContext
from suite.reporting import Progress

if TYPE_CHECKING:
    from suite.pool import Pool


@dataclass(frozen=True)
class HiddenFamilies(Feature):
    """The skill family of every sample of a microworld pool, shape (n,), int64.

    FeatureError on any other pool: there is nothing hidden to tell.
    """

    world_seed: int | None = None

    kind: ClassVar[str] = "hidden-families"
    reference_only: ClassVar[bool] = True

    def resolve(self, track: TrackContext) -> HiddenFamilies:
        """The seed of the track's world filled in."""
        return replace(self, world_seed=track.world_seed if self.world_seed is None else self.world_seed)

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        """Generate the world again and check that the pool is its pool."""
        from suite.microworld import world
        from suite.pool import pool_from_records

        if self.world_seed is None:
            raise FeatureError("Only the pool of the microworld has hidden families; this track's pool is another.")
        generated = world(self.world_seed)
        if pool_from_records(generated.pool_samples(len(pool))).fingerprint != pool.fingerprint:
            raise FeatureError(
                f"This pool is not the one of world {self.world_seed} with {len(pool)} samples; "
                "its families are not known."
            )
        families = generated.hidden_families(len(pool))
        progress(len(pool), len(pool))
        return {"families": families}
