"""Formulas: TeX to MathML while the site is built, so that no script and no font is needed to read them.

Pages write a formula as GitHub reads it: a block fenced as `math`, or, within a line, between a dollar sign with a
backtick and a backtick with a dollar sign.
"""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert

_BLOCK = re.compile(r"^```math\n(.*?)\n```$", flags=re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"\$`([^`\n]+)`\$")


class FormulaError(ValueError):
    """A formula that cannot be read; the message shows it."""


def mathml(formula: str, *, display: bool = True) -> str:
    """The MathML of a formula in TeX; a reader without MathML sees the TeX. Raises FormulaError."""
    try:
        made = convert(formula, display="block" if display else "inline")
    except Exception as error:  # the library raises a dozen unrelated classes
        raise FormulaError(f"{formula!r} is no formula: {error or type(error).__name__}") from error
    # A command that is not known comes out as its own name, backslash and all.
    if found := re.search(r"\\[A-Za-z]+", html.unescape(made)):
        raise FormulaError(f"{formula!r} has a command that is not known: {found[0]}")
    return made.replace("<math ", f'<math aria-label="{html.escape(formula)}" ', 1)


def block(formula: str) -> str:
    """A formula that stands by itself, one line for each part that a wide space begins."""
    lines = [mathml(part) for part in re.split(r",?\s*\\qquad\s*", formula)]
    return f'<div class="formula">{"".join(lines)}</div>'


def with_formulas(markdown: str) -> str:
    """A page with each of its formulas as MathML."""
    markdown = _BLOCK.sub(lambda found: block(found[1]), markdown)
    return _INLINE.sub(lambda found: mathml(found[1], display=False), markdown)
