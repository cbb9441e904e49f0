"""`breadth doctor`: what this machine can run, what is missing, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from suite.extras import Extra, hint

Status = Literal["ok", "limited", "missing"]
REQUIRED = ("numpy", "scipy", "scikit-learn", "numba", "datasets", "transformers")
OPTIONAL: dict[str, tuple[Extra, str]] = {
    "torch": ("train", "fine-tuning and evaluating"),
    "trl": ("train", "fine-tuning"),
    "peft": ("train", "fine-tuning"),
    "gradio": ("board", "the page"),
    "sentence-transformers": ("embeddings", "sentence-transformers embedders"),
    "vllm": ("gpu", "the engine for large models on a GPU"),
    "lm-eval": ("eval", "tasks of lm-evaluation-harness"),
    "ray": ("ray", "runs over several machines"),
}
ROOMY_DISK_BYTES = 2 * 1024**3
ROOMY_MEMORY_BYTES = 4 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    status: Status
    found: str
    advice: str = ""


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False) -> None:
    """Say what this machine can run, what is missing, and what to do about it. Exits 1 where nothing can work.

    Examples:

      breadth doctor

      breadth doctor --json
    """
    findings = [*_machine(), *_sandbox(), *_libraries(), *_vllm(), *_folders(), *_tracks()]
    if as_json:
        import dataclasses
        import json

        typer.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=1))
    else:
        _print(findings)
    if any(finding.status == "missing" for finding in findings):
        raise typer.Exit(1)


def _machine() -> Iterator[Finding]:
    from suite import machine

    version = ".".join(map(str, sys.version_info[:3]))
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding("python", "ok" if supported else "limited", version, "" if supported else "tested on 3.11 to 3.13")
    yield Finding("processor", "ok", f"{machine.processor()}, {machine.cores()} cores")
    memory = machine.memory_bytes()
    enough = memory >= ROOMY_MEMORY_BYTES
    advice = "" if enough else "the embedded track wants about 4 GB: use --jobs 1"
    yield Finding("memory", "ok" if enough else "limited", _size(memory), advice)
    gpus = machine.gpus()
    yield Finding(
        "GPU",
        "ok" if gpus else "limited",
        "; ".join(gpus) or "none",
        "" if gpus else "tracks microworld and alpaca-cpu run without one; the papers' tracks do not",
    )


def _sandbox() -> Iterator[Finding]:
    from suite.intake.sandbox.isolation import SandboxMissing, find_isolation

    try:
        yield Finding("sandbox", "ok", find_isolation().words)
    except SandboxMissing as error:
        yield Finding(
            "sandbox",
            "limited",
            "none: a worker leaves code submissions to others",
            str(error),
        )


def _libraries() -> Iterator[Finding]:
    for name in REQUIRED:
        version = _version(name)
        advice = "" if version else "install Breadth again: pip install --force-reinstall breadth"
        yield Finding(name, "ok" if version else "missing", version or "not installed", advice)
    for name, (extra, use) in OPTIONAL.items():
        version = _version(name)
        advice = "" if version else f"for {use}: {hint(extra)}"
        yield Finding(name, "ok" if version else "limited", version or "not installed", advice)


def _vllm() -> Iterator[Finding]:
    from suite.engines.vllm.finding import find_vllm
    from suite.errors import EngineError

    try:
        found = find_vllm()
        found.check_device()
        yield Finding("vllm", "ok", f"{found.versions['vllm']}, run by {found.python}")
    except EngineError as error:
        yield Finding("vllm", "limited", "none: models are evaluated by transformers", str(error))


def _folders() -> Iterator[Finding]:
    from suite.home import data_folder, home

    place = home()
    if _writable(place):
        free = shutil.disk_usage(_nearest(place)).free
        roomy = free >= ROOMY_DISK_BYTES
        advice = "" if roomy else "set BREADTH_HOME to a larger disk"
        yield Finding("BREADTH_HOME", "ok" if roomy else "limited", f"{place}, {_size(free)} free", advice)
    else:
        yield Finding("BREADTH_HOME", "missing", f"{place} cannot be written", "set BREADTH_HOME to a folder of yours")
    data = data_folder()
    if data is None:
        found, status, advice = "not set", "limited", "pools and evaluation sets come from the Hub and public sources"
    elif data.is_dir():
        found, status, advice = str(data), "ok", ""
    else:
        found, status, advice = f"{data} does not exist", "missing", "correct the variable, or unset it"
    yield Finding("BREADTH_DATA", status, found, advice)  # type: ignore[arg-type]


def _tracks() -> Iterator[Finding]:
    from suite import machine
    from suite.runner.lacking import lacking
    from suite.track import load_track, track_names

    hardware = machine.hardware()
    for name in track_names():
        track = load_track(name)
        hours = f"{track.gpu_hours:g} GPU-hours" if track.gpu_hours else "runs on a CPU"
        if reasons := lacking(track, hardware):
            yield Finding(f"track {name}", "limited", f"cannot run here ({hours})", " ".join(reasons))
        elif track.gpu_hours and not machine.gpus():
            yield Finding(f"track {name}", "limited", f"can run, slowly ({hours})", "take a machine with a GPU")
        else:
            yield Finding(f"track {name}", "ok", f"can run ({hours})")


def _print(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    marks = {"ok": "[green]ok[/]", "limited": "[yellow]limited[/]", "missing": "[red]missing[/]"}
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("what", "status", "found", "what to do"):
        table.add_column(heading)
    for finding in findings:
        table.add_row(finding.what, marks[finding.status], escape(finding.found), escape(finding.advice))
    Console().print(table)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _nearest(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))


def _size(count: int) -> str:
    return f"{count / 1024**3:.1f} GiB"
