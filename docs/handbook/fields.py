"""Tables of the fields of records, from the classes that check them: a page says where with a comment.

    <!-- fields suite.results:Result -->

becomes the class's documentation and one row a field: name, type, default, rules, and what stands below the field in
the source.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from handbook.markdown import code, signature, table

_PLACE = re.compile(r"^<!-- fields ([\w.]+):(\w+) -->$", flags=re.MULTILINE)
ALIASES = {
    "Hash": "str of 64 hex digits",
    "Sha256": "str of 64 hex digits",
    "RequestId": "str of 16 hex digits",
    "Revision": "str: a commit, or not pinned",
    "Slug": "str: lower-case words and numbers, hyphens between",
    "Name": "str: lower-case words and numbers, hyphens between",
    "Person": "str: a user name of the Hub",
    "Version": "str",
    "Sentence": "str of 2,000 characters at most",
    "Remarks": "list of str: lines of visible text",
    "Versions": "dict[str, str]",
    "AwareDatetime": "time with its zone",
    "Budgets": "list of int, each above 0",
}
"""Types that the records name, in words."""
RULES = {"gt": "> {}", "ge": "≥ {}", "lt": "< {}", "le": "≤ {}", "min_length": "{} or more", "max_length": "{} at most"}


@dataclass(frozen=True)
class FieldRow:
    """One field of a record as its table shows it."""

    name: str
    type: str
    default: str
    note: str


def with_fields(markdown: str) -> str:
    """A page with every placeholder replaced. Raises ImportError or AttributeError for a class that is not there."""
    return _PLACE.sub(lambda found: _section(found[1], found[2]), markdown)


def _section(module: str, name: str) -> str:
    cls = getattr(importlib.import_module(module), name)
    rows = [(code(row.name), row.type, row.default, row.note) for row in fields_of(cls)]
    words = re.sub(r"[;:,]? see the module's docstring", "", inspect.getdoc(cls) or "")
    return f"{words}\n\n{table(('field', 'type', 'default', 'note'), rows)}"


def fields_of(cls: type) -> list[FieldRow]:
    """The fields of a pydantic model or a dataclass, those of its bases first."""
    rows: dict[str, FieldRow] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith(("suite.", "leaderboard.", "strategies.")):
            rows |= {row.name: row for row in _own_fields(base)}
    return [row for name, row in rows.items() if name != "model_config"]


def _own_fields(cls: type) -> Iterator[FieldRow]:
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(tree, ast.ClassDef)
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        if ast.unparse(node.annotation).startswith("ClassVar"):
            continue
        note = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            note = after.value.value
        type_name, rules = _type(node.annotation)
        default, more = _default(node.value)
        rules += more
        yield FieldRow(
            node.target.id, type_name, default, "; ".join([*rules, *([" ".join(note.split())] if note else [])])
        )


def _type(annotation: ast.expr) -> tuple[str, list[str]]:
    """A type in words, and the rules that stand in it."""
    rules: list[str] = []
    for node in ast.walk(annotation):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Field":
            rules += _rules(node)
    written = signature(ast.unparse(_Bare().visit(annotation)))
    written = ALIASES.get(written.removesuffix(" | None"), written) + (
        " or null" if written.removesuffix(" | None") in ALIASES and written.endswith(" | None") else ""
    )
    return written.replace(" | None", " or null").replace(" | ", " or "), rules


class _Bare(ast.NodeTransformer):
    """Types without what is annotated to them."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        if ast.unparse(node.value) == "Annotated" and isinstance(node.slice, ast.Tuple):
            return node.slice.elts[0]
        return node


def _default(value: ast.expr | None) -> tuple[str, list[str]]:
    if value is None:
        return "required", []
    if isinstance(value, ast.Call) and ast.unparse(value.func) in ("Field", "field"):
        given = {word.arg: word.value for word in value.keywords}
        factory = given.get("default_factory")
        if factory is not None:
            return code(f"{ast.unparse(factory)}()"), _rules(value)
        return (code(ast.unparse(given["default"])) if "default" in given else "required"), _rules(value)
    return code(ast.unparse(value)), []


def _rules(call: ast.Call) -> list[str]:
    return [RULES[word.arg].format(ast.unparse(word.value)) for word in call.keywords if word.arg in RULES]
