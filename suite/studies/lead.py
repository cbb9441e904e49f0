"""Whether one metric leads the others: a rule in words, stated with its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from suite.studies.kept import KeptPart, Number

Standing = Literal["leads clearly", "leads within noise", "does not lead", "unknown"]
Apart = tuple[float | None, float | None, float | None]


class Lead(KeptPart):
    """How `hero` stands: its value, the best of the others, and the paired difference to that one (95 %).

    `within_noise` lists the metrics whose paired difference to the hero has an interval that holds zero, or none.
    """

    hero: str
    standing: Standing
    value: Number
    next: str
    next_value: Number
    difference: Number
    low: Number
    high: Number
    within_noise: tuple[str, ...]
    why: str

    @property
    def words(self) -> str:
        """The verdict as a sentence."""
        if self.standing == "unknown" or self.value is None or self.next_value is None:
            return f"Whether {self.hero} leads is not known: {self.why}."
        begin = f"{self.hero} {self.standing}: the mean of its Pearson and Spearman is {self.value:+.2f}"
        rival = (
            f"that of the {'next' if self.standing != 'does not lead' else 'best'}, {self.next}, {self.next_value:+.2f}"
        )
        return f"{begin}, {rival}; {self._apart()}."

    def _apart(self) -> str:
        difference = self.difference or 0.0
        if self.low is None or self.high is None:
            return f"their paired difference is {difference:+.2f}, without an interval"
        holds = "which holds zero" if self.low <= 0 <= self.high else "which leaves zero out"
        return f"their paired difference is {difference:+.2f}, 95 % {self.low:+.2f} to {self.high:+.2f}, {holds}"


def lead_of(hero: str, values: Mapping[str, float], apart: Mapping[str, Apart], why_not: str) -> Lead:
    """The standing of `hero` by `values` (metric -> coefficient, more is better).

    `apart` holds hero minus metric with its 95 % interval. The rule: *leads clearly* when the hero's value is the
    highest and the interval of its difference to the next lies above zero; *leads within noise* when it is the
    highest and that interval does not; *does not lead* otherwise. `why_not` says why the hero has no value, if so.
    """
    rivals = {name: value for name, value in values.items() if name != hero}
    if hero not in values or not rivals:
        why = why_not if hero not in values else "there is no other metric to lead"
        return unknown_lead(hero, values.get(hero), why)
    best = max(rivals, key=lambda name: (rivals[name], name))
    difference, low, high = apart.get(best, (values[hero] - rivals[best], None, None))
    standing: Standing = "does not lead"
    if values[hero] > rivals[best]:
        standing = "leads clearly" if low is not None and low > 0 else "leads within noise"
    close = [name for name, (_, least, most) in apart.items() if least is None or most is None or least <= 0 <= most]
    return Lead(
        hero=hero,
        standing=standing,
        value=values[hero],
        next=best,
        next_value=rivals[best],
        difference=difference,
        low=low,
        high=high,
        within_noise=tuple(sorted(close)),
        why="",
    )


def unknown_lead(hero: str, value: float | None, why: str) -> Lead:
    """No standing, and why."""
    return Lead(
        hero=hero,
        standing="unknown",
        value=value,
        next="",
        next_value=None,
        difference=None,
        low=None,
        high=None,
        within_noise=(),
        why=why,
    )
