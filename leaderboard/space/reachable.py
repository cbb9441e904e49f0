"""Which of our own files a script needs, found without running it: what imports name, and what the code reaches.

A module that is imported runs, so its own imports count. The inside of a function or a method counts only where a
name that leads to it is used by something that counts: that is how imports inside functions are told apart. Names are
followed without asking which object they stand for, so the answer may hold more than is needed and not less. What is
looked up by a name made at run time cannot be seen; a package that imports so is taken whole.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from suite.errors import BreadthError


@dataclass(frozen=True)
class Reached:
    """Our modules by name, with their files, and the other packages that they import."""

    modules: Mapping[str, Path]
    others: Mapping[str, str]
    """Top-level name of every package that is neither ours nor Python's, with one of ours that imports it."""


@dataclass
class _Module:
    name: str
    path: Path
    tree: ast.Module
    bound: dict[str, _Binding] = field(default_factory=dict)
    """What each name of the module's own level stands for."""

    @property
    def package(self) -> str:
        """What relative imports in it are relative to."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]


@dataclass(frozen=True)
class _Import:
    """A name that stands for `module`, or for `attribute` of it."""

    module: str
    attribute: str | None = None


_Binding = _Import | ast.AST


def reached(script: Path, packages: Mapping[str, Path]) -> Reached:
    """What a script needs of our packages (name to folder). Raises BreadthError for an import that leads nowhere."""
    walk = _Walk(packages)
    root = _Module("__main__", script, ast.parse(script.read_text(encoding="utf-8")))
    _bind(root, root.tree.body)
    _Scan(walk, root, deferred=True).visit(root.tree)
    modules = {name: module.path for name, module in sorted(walk.modules.items())}
    return Reached(modules, dict(sorted(walk.others.items())))


class _Walk:
    """What has been reached so far."""

    def __init__(self, packages: Mapping[str, Path]):
        self.packages = packages
        self.modules: dict[str, _Module] = {}
        self.others: dict[str, str] = {}
        self._seen: set[tuple[str, str]] = set()

    def file(self, name: str) -> Path | None:
        """The file of one of our modules."""
        top, *rest = name.split(".")
        if top not in self.packages:
            return None
        place = self.packages[top].joinpath(*rest)
        return next((path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()), None)

    def run(self, name: str, importer: str) -> None:
        """Count a module as imported, with the packages that it lies in."""
        top = name.partition(".")[0]
        if top not in self.packages:
            if top not in sys.stdlib_module_names:
                self.others.setdefault(top, importer)
            return
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            self._run_one(".".join(parts[:depth]), importer)

    def _run_one(self, name: str, importer: str) -> None:
        if name in self.modules:
            return
        path = self.file(name)
        if path is None:
            raise BreadthError(f"{importer} imports {name}, and there is no such file. Install Breadth anew.")
        module = _Module(name, path, ast.parse(path.read_text(encoding="utf-8")))
        self.modules[name] = module
        _bind(module, module.tree.body)
        _Scan(self, module, deferred=False).visit(module.tree)

    def use(self, binding: _Binding, within: _Module) -> None:
        """Count what a name stands for as used."""
        if not isinstance(binding, _Import):
            _Scan(self, within, deferred=True).visit(binding)
        elif binding.attribute is None or self.file(f"{binding.module}.{binding.attribute}"):
            # A module that is handed on as a value: anything in it may be asked for.
            self.use_all(binding.module if binding.attribute is None else f"{binding.module}.{binding.attribute}")
        else:
            self.use_name(binding.module, binding.attribute)

    def use_name(self, module: str, name: str) -> None:
        """Count a name of one of our modules as used."""
        if module not in self.modules or (module, name) in self._seen:
            return
        self._seen.add((module, name))
        found = self.modules[module]
        if name in found.bound:
            self.use(found.bound[name], found)
        elif name != "__getattr__":
            self.use_name(module, "__getattr__")

    def use_all(self, module: str) -> None:
        """Count everything in a module as used."""
        if module in self.modules:
            for name in list(self.modules[module].bound):
                self.use_name(module, name)


class _Scan(ast.NodeVisitor):
    """Follows the names in a piece of code; unless it is `deferred`, bodies of functions are left for later."""

    def __init__(self, walk: _Walk, module: _Module, *, deferred: bool):
        self.walk, self.module, self.deferred = walk, module, deferred
        self.local: dict[str, _Import] = {}

    def visit(self, node: ast.AST) -> None:
        """As everywhere; imports within a function hold for all of it, wherever they stand."""
        if self.deferred and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Import | ast.ImportFrom):
                    self.local |= dict(_imports(inner, self.module))
        super().visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.walk.run(alias.name, self.module.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for _, binding in _imports(node, self.module):
            self.walk.run(binding.module, self.module.name)
            inside = f"{binding.module}.{binding.attribute}"
            if self.walk.file(inside):
                self.walk.run(inside, self.module.name)

    def visit_If(self, node: ast.If) -> None:
        for child in node.orelse if _is_passed_over(node, self.module) else [node.test, *node.body, *node.orelse]:
            self.visit(child)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        defaults = [*node.args.defaults, *(default for default in node.args.kw_defaults if default)]
        self._decorated(node)
        for child in [*defaults, *(node.body if self.deferred else [])]:
            self.visit(child)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._decorated(node)
        for child in [*node.bases, *node.keywords, *node.body]:
            self.visit(child)
        if not any((_chain(_called(decorator)) or [""])[-1] == "dataclass" for decorator in node.decorator_list):
            # Pydantic makes objects of what a field is annotated with, without anybody naming the class.
            for child in node.body:
                if isinstance(child, ast.AnnAssign):
                    self.visit(child.annotation)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def _decorated(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
            called = _called(decorator)
            binding = self._binding(called.id) if isinstance(called, ast.Name) else None
            ours = isinstance(binding, ast.AST) or (binding is not None and self.walk.file(binding.module))
            if ours and not self.deferred:
                # Our own decorator gets hold of it, and may hand it to anybody, as a registry does.
                self.walk.use_name(self.module.name, node.name)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._use(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain = _chain(node)
        binding = self._binding(chain[0]) if chain else None
        if not isinstance(binding, _Import):
            self.generic_visit(node)
            return
        module = binding.module if binding.attribute is None else f"{binding.module}.{binding.attribute}"
        names = chain[1:]
        while names and self.walk.file(f"{module}.{names[0]}"):
            module, names = f"{module}.{names[0]}", names[1:]
        if names and self.walk.file(module):
            self.walk.use_name(module, names[0])
        else:
            self._use(chain[0])

    def visit_Call(self, node: ast.Call) -> None:
        called = (_chain(node.func) or [""])[-1]
        if called in ("files", "import_module") and node.args:
            named = node.args[0]
            if isinstance(named, ast.Constant) and isinstance(named.value, str):
                self.walk.run(named.value, self.module.name)
            elif called == "import_module":
                self._whole_package()
        self.generic_visit(node)

    def _whole_package(self) -> None:
        for path in sorted(self.module.path.parent.rglob("*.py")):
            inside = path.relative_to(self.module.path.parent).with_suffix("").parts
            name = ".".join([self.module.package, *(part for part in inside if part != "__init__")])
            if self.walk.file(name):
                self.walk.run(name, self.module.name)

    def _use(self, name: str) -> None:
        if name in self.local:
            self.walk.use(self.local[name], self.module)
        elif self.module.name == "__main__":
            binding = self.module.bound.get(name)
            if isinstance(binding, _Import):
                self.walk.use(binding, self.module)
        else:
            self.walk.use_name(self.module.name, name)

    def _binding(self, name: str) -> _Binding | None:
        return self.local.get(name) or self.module.bound.get(name)


def _bind(module: _Module, statements: Iterable[ast.stmt]) -> None:
    """Note what the names of a module's own level stand for; a plain value has been looked at when the module ran."""
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            module.bound[statement.name] = statement
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            module.bound |= dict(_imports(statement, module))
        elif isinstance(statement, ast.If):
            _bind(module, [] if _is_passed_over(statement, module) else statement.body)
            _bind(module, statement.orelse)
        elif isinstance(statement, ast.Try):
            handlers = [inner for handler in statement.handlers for inner in handler.body]
            _bind(module, [*statement.body, *handlers, *statement.orelse, *statement.finalbody])
        elif isinstance(statement, ast.With | ast.For | ast.While):
            _bind(module, statement.body)


def _imports(node: ast.Import | ast.ImportFrom, module: _Module) -> Iterator[tuple[str, _Import]]:
    """The names that an import binds."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield (
                alias.asname or alias.name.partition(".")[0],
                _Import(alias.name if alias.asname else alias.name.partition(".")[0]),
            )
        return
    source = node.module or ""
    if node.level:
        above = module.package.split(".")
        source = ".".join([*above[: len(above) - node.level + 1], *([source] if source else [])])
    for alias in node.names:
        if alias.name == "*":
            raise BreadthError(f"{module.path} imports * from {source}, so that nobody can tell what it needs.")
        yield alias.asname or alias.name, _Import(source, alias.name)


def _is_passed_over(node: ast.If, module: _Module) -> bool:
    """Whether the block is not run: it is for a type checker, or for a module that is started as a program."""
    test = ast.unparse(node.test)
    return test in ("TYPE_CHECKING", "typing.TYPE_CHECKING") or (
        test == "__name__ == '__main__'" and module.name != "__main__"
    )


def _called(decorator: ast.expr) -> ast.expr:
    return decorator.func if isinstance(decorator, ast.Call) else decorator


def _chain(node: ast.AST) -> list[str]:
    """`a.b.c` as its parts; empty for anything else."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        before = _chain(node.value)
        return [*before, node.attr] if before else []
    return []
