"""Runs a Space's app.py as the Space would: with its own files and light packages, and nothing else of Breadth.

    python alone.py        in the folder of the Space, which must be all of PYTHONPATH

When it is interrupted it prints what of ours it has loaded, as JSON: module to file.
"""

from __future__ import annotations

import json
import runpy
import sys

BLOCKED = {
    *("accelerate", "datasets", "numba", "peft", "sklearn", "sentence_transformers", "torch", "transformers", "trl"),
    *("strategies", "tokenizers", "yake", "snowballstemmer"),
}


class Blocking:
    """An import hook that lets nothing heavy in."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in BLOCKED:
            raise ImportError(f"{name} is not on a Space")


def main() -> None:
    """Run app.py until Ctrl-C."""
    # An editable install finds any module of ours wherever it lies; a Space has none.
    sys.meta_path[:] = [finder for finder in sys.meta_path if "Editable" not in str(finder)]
    sys.meta_path.insert(0, Blocking())  # type: ignore[arg-type]
    sys.path[:] = [place for place in sys.path if place != sys.path[0]]
    runpy.run_path("app.py", run_name="__main__")
    ours = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in ("suite", "leaderboard")}
    print(json.dumps({name: module.__file__ for name, module in ours.items()}))


if __name__ == "__main__":
    main()
