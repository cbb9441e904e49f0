"""How every number on the page is computed, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.report.blocks import Listing, Paragraph, Section
from suite.report.material import Material

if TYPE_CHECKING:
    from suite.track import Recipe

WORDS = (
    "Every strategy picks the same number of samples from the same pool. The same base model is fine-tuned on each "
    "selection with the same recipe and the same registered training seeds, and answers the same held-out items."
)
RULES = (
    "Score. Each task's items are normalised: accuracy to (a - chance) / (1 - chance), bits per byte to (untuned - x) "
    "/ (untuned - full). The score is the mean over tasks; 0 is chance or the untuned model, 100 points are perfect "
    "or as good as a fine-tune on the whole pool. A task enters only where the fine-tune on the whole pool beats "
    "chance (or untuned) by three standard errors.",
    "Difference to random. A strategy and random are compared on the same items under the same seeds, item by item, "
    "which takes the items' difficulty out of the comparison. Random is the mean of its registered selection draws.",
    "Interval. Student t. Seeds and items are crossed (every seed meets every item), so the variance has a part of the "
    "seeds, a part of the items and a rest; a finite number of random draws adds one more. Tasks are taken as fixed: "
    "the intervals speak of these tasks, not of others. Degrees of freedom are Satterthwaite's, at least seeds - 1.",
    "Beats random. The p value of that t test, adjusted by Holm's method over all ranked rows of the table, is below "
    "0.05. Holm's method keeps the chance of even one false claim in the whole table at 5 %.",
    "Random band. A picture, not the test: where single random draws (mean over seeds) fall.",
    "Ranks. By the score among complete rows. Rank intervals and the chance of being first come from a crossed "
    "bootstrap in which each draw takes seeds once and items once, alike for all strategies; where a board carries "
    "none, none are shown.",
    "Registered seeds only. A row that lacks a cell is listed, never ranked, so that nobody can publish the best of "
    "many runs; of two records of one cell the earlier counts.",
    "Reference rows (full, untuned, oracle) are never ranked and enter no correction.",
    "Cost. Features, selection, training and evaluation are timed apart; figures are medians over a row's cells.",
)


def methods_section(material: Material) -> Section:
    """The rules, and this track's recipe and score version."""
    facts = (
        f"Track {material.track.name}, version {material.track.version}: {material.track.description.strip()}",
        f"Recipe: {recipe_in_words(material.track.recipe)}.",
        f"Score version {material.board.score_version}; training seeds "
        f"{', '.join(map(str, material.board.registration.training_seeds))}; "
        f"{material.board.registration.random_draws} random draws.",
    )
    return Section("methods", "How it is computed", (Paragraph(WORDS), Listing(RULES), Listing(facts)))


def recipe_in_words(recipe: Recipe) -> str:
    """How a track fine-tunes, in a line."""
    return (
        f"{recipe.method} fine-tuning, {recipe.epochs:g} epochs, learning rate {recipe.learning_rate:g}, batch of "
        f"{recipe.batch_size}, at most {recipe.max_length} tokens a sample, {recipe.dtype}"
    )
