"""The libraries that submitted code may import, and what they need: of all installed packages these alone are shown."""

from __future__ import annotations

import functools
import importlib.metadata
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

ALLOWED = ("numpy", "scipy", "scikit-learn", "numba", "torch")
OWN = ("pyarrow",)
"""What Breadth's own modules inside read the pool with."""


@functools.cache
def library_places() -> dict[str, Path]:
    """Every file and folder at the top of these packages, by its name; what is not installed is left out."""
    places: dict[str, Path] = {}
    for distribution in _with_needed((*ALLOWED, *OWN)):
        for file in distribution.files or ():
            top = file.parts[0]
            # Scripts lie outside; pth files would run code at every start.
            if top == ".." or top.endswith(".pth") or top in places or top == "__pycache__":
                continue
            place = Path(str(distribution.locate_file(top)))
            if place.exists():
                places[top] = place
    return places


def standard_folders() -> list[Path]:
    """Where the standard library lies, of the interpreter beneath any virtual environment."""
    bases = {"base": sys.base_prefix, "installed_base": sys.base_prefix, "platbase": sys.base_exec_prefix}
    return sorted({Path(sysconfig.get_path(name, vars=bases)) for name in ("stdlib", "platstdlib")})


def hidden_folders() -> list[Path]:
    """Folders of packages within the interpreter's own places, to be covered: nothing is imported from them."""
    folders = [place / name for place in standard_folders() for name in ("site-packages", "dist-packages")]
    folders += [Path("/usr/lib/python3/dist-packages")]
    folders += [
        found
        for name in ("site-packages", "dist-packages")
        for found in Path("/usr/local/lib").glob(f"python3*/{name}")
    ]
    return sorted({folder for folder in folders if folder.is_dir()})


def _with_needed(names: tuple[str, ...]) -> Iterator[importlib.metadata.Distribution]:
    """The distributions and all they require, each once."""
    waiting, seen = list(names), set()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        yield found
        waiting += _required(found)


def _required(distribution: importlib.metadata.Distribution) -> list[str]:
    needed = []
    for written in distribution.requires or ():
        try:
            requirement = Requirement(written)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            needed.append(requirement.name)
    return needed
