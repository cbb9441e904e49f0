"""The files of the Space: what the page needs of this installation, and what the Hub asks for beside it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path

from leaderboard.space.reachable import Reached, reached
from leaderboard.space.requirements import requirements
from suite import __version__
from suite.errors import BreadthError
from suite.stores.hub.repository import git_oid

APP = "app.py"
MANIFEST = "breadth-space.json"
"""Says which files of the Space are ours, and what we wrote there."""
OURS = ("leaderboard", "suite")
MANIFEST_VERSION = 1


def page_files() -> dict[str, bytes]:
    """Every file of the Space but its README, by its path: the code with its data, app.py, requirements, manifest."""
    script = Path(str(files("leaderboard.space").joinpath(APP)))
    found = reached(script, {name: _folder(name) for name in OURS})
    made = {APP: script.read_bytes(), "LICENSE": _licence(), "requirements.txt": _requirements(found)}
    for name, path in found.modules.items():
        top = _folder(name.partition(".")[0])
        made[_place(path, top)] = path.read_bytes()
        if path.name == "__init__.py":
            made |= {_place(data, top): data.read_bytes() for data in _data(path.parent)}
    return with_manifest(made)


def with_manifest(made: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with the manifest that names them."""
    return dict(sorted({**made, MANIFEST: _manifest(made)}.items()))


def known_files(manifest: bytes) -> dict[str, str]:
    """The files that a manifest names, with the git object ids of what was written; none where it cannot be read."""
    try:
        return {str(path): str(oid) for path, oid in json.loads(manifest)["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _manifest(made: Mapping[str, bytes]) -> bytes:
    written = {
        "schema_version": MANIFEST_VERSION,
        "breadth": __version__,
        "files": {path: git_oid(content) for path, content in sorted(made.items())},
    }
    return (json.dumps(written, indent=1) + "\n").encode()


def _requirements(found: Reached) -> bytes:
    lines = ["# What the page imports. Written by `breadth publish-space`.", *requirements(found.others)]
    return ("\n".join(lines) + "\n").encode()


def _folder(name: str) -> Path:
    """Where one of our packages lies."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise BreadthError(f"The package {name} is not installed whole. Install Breadth anew.")
    return Path(next(iter(spec.submodule_search_locations)))


def _place(path: Path, top: Path) -> str:
    return path.relative_to(top.parent).as_posix()


def _data(package: Path) -> Iterator[Path]:
    """The files of a package that are no modules, in it and in its folders that are no packages."""
    for path in sorted(package.iterdir()):
        # Hidden files and editors' copies are nobody's to publish.
        if path.name.startswith((".", "__pycache__")) or path.name.endswith("~"):
            continue
        if path.is_dir():
            if not (path / "__init__.py").exists():
                yield from _data(path)
        elif path.suffix not in (".py", ".pyc"):
            yield path


def _licence() -> bytes:
    for file in importlib.metadata.files("breadth") or []:
        if file.name == "LICENSE":
            return file.read_binary()
    raise BreadthError("The licence of Breadth is missing from this installation. Install Breadth anew.")
