"""What was measured, kept one by one so that a stopped part goes on, and the table made of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from suite.atomic import write_text
from suite.hashing import library_versions
from suite.machine import hardware


@dataclass(frozen=True)
class Setting:
    """Where and how large: `cuda` with a model of a billion parameters, or tiny on a processor."""

    device: str
    tiny: bool
    folder: Path

    @classmethod
    def of(cls, device: str, *, tiny: bool, folder: Path) -> Setting:
        """Checked: a GPU that is asked for must be there."""
        import torch

        if device == "cuda" and not torch.cuda.is_available():
            raise SystemExit("No GPU: run this where nvidia-smi shows one, or with --device cpu --tiny.")
        return cls(device, tiny, folder)

    @property
    def dtype(self) -> str:
        """The precision that is measured."""
        return "bfloat16" if self.device == "cuda" else "float32"


class Findings:
    """The measurements of one part; each is made once and then read from its file."""

    def __init__(self, path: Path, setting: Setting):
        self.path = path
        self._where = {
            "hardware": hardware(),
            "tiny": setting.tiny,
            "versions": library_versions(("peft", "torch", "transformers", "trl")),
        }
        found = json.loads(path.read_text()) if path.is_file() else {}
        # Figures of another machine or size do not stand beside ours.
        self.measured: dict[str, Any] = found.get("measured", {}) if found.get("where") == self._where else {}

    def once(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The measurement of that name, made now unless it was."""
        if name not in self.measured:
            started = time.perf_counter()
            made = make()
            made["took_seconds"] = round(time.perf_counter() - started, 1)
            made["at"] = datetime.now(UTC).isoformat(timespec="seconds")
            self.measured[name] = made
            write_text(self.path, json.dumps({"where": self._where, "measured": self.measured}, indent=1) + "\n")
        return dict(self.measured[name])


@dataclass(frozen=True)
class Row:
    """A figure, with its target where there is one (`>=0.85`, `<=0.25`) and whether it was met."""

    part: str
    what: str
    value: float | str
    unit: str
    target: str = ""

    @property
    def met(self) -> bool | None:
        """None where there is no target."""
        if not self.target or isinstance(self.value, str):
            return None
        bound = float(self.target[2:])
        return self.value >= bound if self.target.startswith(">=") else self.value <= bound


def write_table(state: Path, out: Path, parts: Sequence[str]) -> list[Row]:
    """Write table.md and table.json of every part measured so far; the rows that missed their target."""
    rows: list[Row] = []
    where: dict[str, Any] = {}
    for part in parts:
        path = state / f"{part}.json"
        if path.is_file():
            found = json.loads(path.read_text())
            where = found["where"]
            for measured in found["measured"].values():
                rows += [Row(part, *figure) for figure in measured.get("rows", ())]
    lines = [
        f"Measured on {where.get('hardware', 'nothing')}"
        + (" with a tiny model: the figures say nothing." if where.get("tiny") else "."),
        "",
        "| part | what | value | unit | target | met |",
        "| --- | --- | ---: | --- | ---: | --- |",
    ]
    for row in rows:
        value = row.value if isinstance(row.value, str) else f"{row.value:,.4g}"
        met = "" if row.met is None else "yes" if row.met else "**no**"
        lines.append(f"| {row.part} | {row.what} | {value} | {row.unit} | {row.target} | {met} |")
    write_text(out / "table.md", "\n".join(lines) + "\n")
    document = {"where": where, "rows": [asdict(row) | {"met": row.met} for row in rows]}
    write_text(out / "table.json", json.dumps(document, indent=1) + "\n")
    return [row for row in rows if row.met is False and not where.get("tiny")]
