"""The rules of `strategy.py`, read without running it: what it imports, and the one strategy it registers.

What a file does when it runs is the sandbox's business; these checks are for its author, who learns in a second what
would fail there, and for the board, which must know the name before it runs anything.
"""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator

from suite.intake.rules import Problems
from suite.intake.submission import CODE, Manifest
from suite.intake.texts import read_text

LIBRARIES = {"numpy", "scipy", "sklearn", "numba", "torch"}
OURS = (
    "strategies.kernels",
    "suite.errors",
    "suite.features",
    "suite.pool",
    "suite.registry",
    "suite.selection",
)
RESERVED_FLAGS = {"allows_repeats", "reference", "degenerate", "index_only", "source_sha256"}
FACTS = {"level", "family", "paper", "licence", "cost", "deterministic"}
PICKING = ("pool", "budget", "features", "rng")


def check_code(content: bytes, manifest: Manifest, problems: Problems) -> None:
    """Note every rule that the file breaks; name and level are compared with submission.toml."""
    text = read_text(CODE, content, problems)
    if text is None:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in a text is no problem of ours
            tree = ast.parse(text)
    except SyntaxError as error:
        problems.add("python", CODE, error.lineno, error.msg)
        return
    except (MemoryError, RecursionError, ValueError) as error:
        # What the parser says of nesting that nobody writes by hand.
        problems.add("python", CODE, None, f"cannot be parsed ({type(error).__name__})", "Nest less deeply.")
        return
    _check_imports(tree, problems)
    _check_flags(tree, problems)
    try:
        _check_strategy(tree, manifest, problems)
    except RecursionError:
        problems.add("python", CODE, None, "nested too deeply", "Nest less deeply.")


def _check_imports(tree: ast.Module, problems: Problems) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for module in _modules(node):
                if not _may_import(module):
                    problems.add("imports", CODE, node.lineno, module)


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    module = "." * node.level + (node.module or "")
    # `from suite import registry` names a module only together with what it takes.
    return [f"{module}.{alias.name}" for alias in node.names] if module in ("suite", "strategies") else [module]


def _may_import(module: str) -> bool:
    top = module.partition(".")[0]
    if any(module == ours or module.startswith(f"{ours}.") for ours in OURS):
        return True
    return top in LIBRARIES or top in sys.stdlib_module_names


def _check_flags(tree: ast.Module, problems: Problems) -> None:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            continue
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            for part in ast.walk(target):
                name = part.id if isinstance(part, ast.Name) else part.attr if isinstance(part, ast.Attribute) else ""
                if name in RESERVED_FLAGS:
                    problems.add("flags", CODE, node.lineno, name)


def _check_strategy(tree: ast.Module, manifest: Manifest, problems: Problems) -> None:
    registered = [(cls, call) for cls in _classes(tree) for call in _registrations(cls)]
    top = [(cls, call) for cls, call in registered if cls in tree.body]
    for cls, call in registered:
        if cls not in tree.body:
            problems.add("one-strategy", CODE, call.lineno, cls.name, "Move the class to the top level of the file.")
    for cls, call in top[1:]:
        problems.add("one-strategy", CODE, call.lineno, cls.name, "Register one class only; drop this decorator.")
    if not registered:
        problems.add("one-strategy", CODE, None, "nothing is registered")
    if top:
        cls, call = top[0]
        _check_registration(call, manifest, problems)
        _check_class(cls, tree, problems)


def _classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def _registrations(cls: ast.ClassDef) -> list[ast.expr]:
    return [decorator for decorator in cls.decorator_list if _last_name(decorator) == "register"]


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _check_registration(call: ast.expr, manifest: Manifest, problems: Problems) -> None:
    draft, broken = manifest.draft, manifest.broken
    given = call.args if isinstance(call, ast.Call) else []
    keywords = call.keywords if isinstance(call, ast.Call) else []
    name = _literal(given[0]) if len(given) == 1 else None
    if not isinstance(name, str):
        problems.add("one-strategy", CODE, call.lineno, "@register without one written name")
    elif draft is not None and "name" not in broken and name != draft.name:
        remedy = f"Write @register({draft.name!r}, ...), or change the name in submission.toml."
        problems.add("one-strategy", CODE, call.lineno, name, remedy)
    for keyword in keywords:
        value = _literal(keyword.value)
        if keyword.arg not in FACTS or value is None:
            problems.add("register", CODE, keyword.value.lineno, keyword.arg or "**")
        elif isinstance(value, bool) is not (keyword.arg == "deterministic"):
            problems.add("register", CODE, keyword.value.lineno, f"{keyword.arg}={value!r}")
        elif keyword.arg == "level" and draft is not None and "level" not in broken and value != draft.level:
            remedy = f"Write level={draft.level!r}, or change the level in submission.toml."
            problems.add("register", CODE, keyword.value.lineno, f"level={value!r}", remedy)


def _literal(node: ast.expr) -> str | bool | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bool):
        return node.value
    return None


def _check_class(cls: ast.ClassDef, tree: ast.Module, problems: Problems) -> None:
    frozen = [
        decorator
        for decorator in cls.decorator_list
        if _last_name(decorator) == "dataclass"
        and isinstance(decorator, ast.Call)
        and any(keyword.arg == "frozen" and _literal(keyword.value) is True for keyword in decorator.keywords)
    ]
    if not frozen:
        problems.add("strategy-class", CODE, cls.lineno, f"{cls.name} is no frozen dataclass")
    if not cls.bases:
        problems.add("strategy-class", CODE, cls.lineno, f"{cls.name} inherits from nothing")
    for node in cls.body:
        if isinstance(node, ast.AnnAssign) and node.value is None and "ClassVar" not in ast.unparse(node.annotation):
            name = ast.unparse(node.target)
            problems.add("strategy-class", CODE, node.lineno, name, "Give it a default: the board runs that.")
    bases = {_last_name(base) for base in cls.bases}
    # A base of the same file may bring `select`; one from elsewhere than Strategy cannot be looked into.
    places = [cls, *(other for other in _classes(tree) if other.name in bases)]
    methods = [node for place in places for node in place.body if isinstance(node, ast.FunctionDef)]
    select = next((method for method in methods if method.name == "select"), None)
    if select is None:
        problems.add("select", CODE, cls.lineno, f"{cls.name} has no select")
    elif not _takes(select.args, PICKING):
        problems.add("select", CODE, select.lineno, f"select({ast.unparse(select.args)})")


def _takes(arguments: ast.arguments, wanted: tuple[str, str, str, str]) -> bool:
    """Whether a method can be called as select(pool, budget, features=..., rng=...)."""
    pool, budget, features, rng = wanted
    places = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    if places[1:3] != [pool, budget]:
        return False
    named = {argument.arg for argument in arguments.kwonlyargs} | set(places[3:])
    extra = [name for name in places[3 : len(places) - len(arguments.defaults)] if name not in (features, rng)]
    extra += [
        argument.arg
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None and argument.arg not in (features, rng)
    ]
    return not extra and (arguments.kwarg is not None or {features, rng} <= named)
