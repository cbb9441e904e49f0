"""What a skill family is: a way to draw problems, and several ways to ask for and to write about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from suite.microworld.draw import Draw
from suite.microworld.lexicon import Lexicon

Group = Literal["words", "numbers", "lists", "records"]


@dataclass(frozen=True)
class Problem:
    """One question of a family: the texts that fill its phrasings, and the right answer."""

    fields: tuple[tuple[str, str], ...]
    answer: str

    def fill(self, form: str) -> str:
        """`form` with its {places} filled, {answer} among them."""
        return form.format_map({**dict(self.fields), "answer": self.answer})


@dataclass(frozen=True)
class Family:
    """A skill.

    `phrasings` are pairs (instruction, input), `prose` sentences of running text and `note` one entry of a
    notebook; all hold the places that `draw` fills. Prose and notes are what the base model is pretrained on;
    they never have the form of a phrasing. `practice` is the family's weight in that text: skills that work on
    the words at hand take longer to learn than facts.
    """

    name: str
    group: Group
    draw: Callable[[Lexicon, Draw], Problem]
    phrasings: tuple[tuple[str, str], ...]
    prose: tuple[str, ...]
    note: str = "{x} = {answer}"
    practice: int = 1


def problem(answer: str, **fields: str) -> Problem:
    """A problem from its answer and its named fields."""
    return Problem(tuple(fields.items()), answer)


def word_by_word(
    operands: Callable[[Lexicon], Sequence[str]], answer: Callable[[Lexicon, str], str]
) -> Callable[[Lexicon, Draw], Problem]:
    """The draw of a family that maps words one by one; a problem holds one word (mostly), two or three."""

    def draw_problem(lexicon: Lexicon, draw: Draw) -> Problem:
        words = draw.several(operands(lexicon), draw.even((1, 1, 1, 1, 1, 1, 1, 2, 2, 3)))
        return problem(" ".join(answer(lexicon, word) for word in words), x=" ".join(words))

    return draw_problem
