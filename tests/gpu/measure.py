"""Measures one part (or all) of what only a GPU can show, and writes a table; see run_all.sh."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from findings import Findings, Setting, write_table

PARTS = ("features", "training", "engine", "cost", "memory")


def main() -> int:
    """Measure what was asked for and is not there yet; exits 1 where a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=(*PARTS, "all"))
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="a tiny model: for a processor")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    setting = Setting.of(asked.device, tiny=asked.tiny, folder=asked.state)
    for part in PARTS if asked.part == "all" else (asked.part,):
        findings = Findings(asked.state / f"{part}.json", setting)
        try:
            importlib.import_module(f"part_{part}").measure(setting, findings)
        finally:
            missed = write_table(asked.state, asked.out, PARTS)
    print((asked.out / "table.md").read_text())
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
