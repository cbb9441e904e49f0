"""What the Space installs: the versions that are installed here, unless the Space's own builder cannot take them."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Iterator, Mapping

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from suite.errors import BreadthError
from suite.extras import hint

PAGE_FRAMEWORK = "gradio"
BUILDER_EXTRAS = ("oauth", "mcp")
"""Spaces install `gradio[oauth,mcp]` of the version in their README, together with requirements.txt."""
TOO_HEAVY = frozenset(
    {"accelerate", "datasets", "numba", "peft", "sentence_transformers", "sklearn", "torch", "transformers", "trl"}
)
"""Packages that would take a small machine minutes to install and seconds to import; the page works without them."""


def requirements(imported: Mapping[str, str]) -> list[str]:
    """The lines of requirements.txt for packages by the names they are imported under (with who imports each).

    A version that the builder's own requirements rule out is replaced by the range that Breadth supports. Raises
    BreadthError when a package is too heavy for a Space, or not installed.
    """
    for name in sorted(TOO_HEAVY & imported.keys()):
        raise BreadthError(f"The page reaches {name} (by {imported[name]}), which is too heavy for a Space.")
    names = _distributions({*imported, PAGE_FRAMEWORK}, imported)
    loose = _loosened(names)
    supported = {str(canonicalize_name(need.name)): need for need in _needs("breadth", ())}
    lines = []
    for name in names:
        if name in loose:
            lines.append(f"# not {installed(name)}: {loose[name]}")
            lines.append(f"{name}{supported[name].specifier if name in supported else ''}")
        else:
            lines.append(f"{name}=={installed(name)}")
    return lines


def installed(name: str) -> Version:
    """The version of a package here, without what marks a local build. Raises BreadthError when there is none."""
    try:
        return Version(Version(importlib.metadata.version(name)).public)
    except importlib.metadata.PackageNotFoundError:
        raise BreadthError(f"{name} is not installed, and the page needs it: {hint('board')}.") from None


def _distributions(names: Iterable[str], imported: Mapping[str, str]) -> list[str]:
    """The sorted names under which packages are installed."""
    known = importlib.metadata.packages_distributions()
    found = set()
    for name in names:
        if name not in known:
            by = imported.get(name, "the page")
            raise BreadthError(f"{by} imports {name}, which is not installed: {hint('board')}.")
        # Of a namespace that several packages share, each may be the one that is meant.
        found |= {str(canonicalize_name(distribution)) for distribution in known[name]}
    return sorted(found)


def _loosened(names: Iterable[str]) -> dict[str, str]:
    """The packages whose installed versions the builder cannot take, or that are bound to one of those; and why."""
    wanted, loose = set(names), {}
    for need in _needs(PAGE_FRAMEWORK, BUILDER_EXTRAS):
        name = str(canonicalize_name(need.name))
        if name in wanted and installed(name) not in need.specifier:
            loose[name] = f"the builder of a Space wants {need.name}{need.specifier}"
    waiting = list(loose)
    while waiting:
        above = waiting.pop()
        for need in _needs(above, ()):
            name = str(canonicalize_name(need.name))
            if name in wanted and name not in loose:
                loose[name] = f"it has to fit {above}"
                waiting.append(name)
    return loose


def _needs(name: str, extras: Iterable[str]) -> Iterator[Requirement]:
    """What a package that is installed here requires, with the given extras."""
    installed(name)
    for written in importlib.metadata.requires(name) or []:
        need = Requirement(written)
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield need


def python_version() -> str:
    """`3.11` or the like: what this Breadth runs under, and so what the Space shall run under."""
    import platform

    found = re.match(r"\d+\.\d+", platform.python_version())
    assert found is not None
    return found[0]
