"""`breadth evaluate`: the suites of the field on any model and its adapters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from suite.errors import EvaluationError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from suite.commands.display import Display
    from suite.evaluation.protocol import Task
    from suite.evaluation.suite_run import Setting, SuiteRun, SuiteScore
    from suite.track import TaskSpec


def evaluate(
    model: Annotated[str | None, typer.Argument(help="A folder, or a model of the Hub (NAME or NAME@COMMIT).")] = None,
    suite: Annotated[str, typer.Option(help="Suites, comma-separated; --list shows them.")] = "",
    adapter: Annotated[list[Path] | None, typer.Option(help="A LoRA adapter's folder; repeatable.")] = None,
    limit: Annotated[int | None, typer.Option(help="Only N items of each suite, always the same ones.", min=1)] = None,
    template: Annotated[
        str, typer.Option(help="How instructions are put: alpaca, vicuna, chatml or plain.")
    ] = "alpaca",
    max_length: Annotated[int, typer.Option(help="Tokens of prompt and answer together.", min=8)] = 2048,
    max_new_tokens: Annotated[int | None, typer.Option(help="Tokens of an answer; default the suite's.", min=1)] = None,
    judge: Annotated[str | None, typer.Option(help="The judge: a folder, or NAME@COMMIT; default the suite's.")] = None,
    engine: Annotated[str, typer.Option(help="auto, transformers or vllm.")] = "auto",
    dtype: Annotated[str, typer.Option(help="float32 or bfloat16; default bfloat16 on a GPU.")] = "",
    batch_size: Annotated[
        int | None, typer.Option(help="Rows at a time, a judge's too; default 128 with vllm, else 16.", min=1)
    ] = None,
    gpus: Annotated[int, typer.Option(help="GPUs that vllm splits the model over.", min=1)] = 1,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Keep every item's value in a JSON file.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the suites.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Load the items and say what would be asked.")] = False,
) -> None:
    """Evaluate a model, or several adapters of it in one engine, on the suites of the field.

    Standard tasks (mmlu, gsm8k, bbh, tydiqa, arc, hellaswag, truthfulqa, ifeval) have the prompts and metrics of
    lm-evaluation-harness. alpaca-eval, alpaca-eval-2 and arena-hard are compared with a baseline's answers by a judge
    model, in both orders; mt-bench is graded by it. Data come from BREADTH_DATA where it is set, else from the Hub.

    Examples:

      breadth evaluate --list

      breadth evaluate Qwen/Qwen2.5-0.5B --suite arc-easy,gsm8k --limit 100

      breadth evaluate ./base --adapter runs/a --adapter runs/b --suite mmlu -o scores.json

      breadth evaluate ./base --adapter runs/a --suite alpaca-eval --judge ./judge-model

      breadth evaluate ./base --suite mmlu,bbh --dry-run
    """
    from rich.console import Console

    from suite.commands.display import Display
    from suite.evaluation.suite_run import named_adapters
    from suite.runner.preflight import check_suites

    console = Console(soft_wrap=True)
    if listed:
        _list(console)
        return
    specs = _specs(suite, limit=limit, max_new_tokens=max_new_tokens, judge=judge)
    if model is None:
        raise UsageError("Name the model to evaluate: a folder, or a model of the Hub. Or --list the suites.")
    adapters = named_adapters(adapter or [])
    setting = _setting(template, max_length, engine, dtype, batch_size, gpus)
    with Display(Console(stderr=True, soft_wrap=True)) as display:
        if not dry_run:
            check_suites(model, specs, engine=setting.engine, dtype=setting.dtype, gpus=setting.gpus)
        tasks = _tasks(specs, setting, display)
        if dry_run:
            _print_plan(console, specs, tasks, [*adapters] or [model])
            return
        run = _run(model, adapters, tasks, setting, display)
    _print_scores(console, run.scores)
    if output is not None:
        _keep(output, model, setting, run)
        console.print(f"Every item's value is in {output}.", highlight=False)
    if run.failures:
        raise EvaluationError(" ".join(f"{what} failed: {why}" for what, why in run.failures.items()))


def _specs(written: str, *, limit: int | None, max_new_tokens: int | None, judge: str | None) -> list[TaskSpec]:
    from suite.evaluation.suites import suite, suites

    names = [name.strip() for name in written.split(",") if name.strip()]
    if not names:
        raise UsageError(f"Name suites with --suite: {', '.join(suites())}.")
    specs = []
    for name in dict.fromkeys(names):
        changes: dict[str, Any] = {"limit": limit} if limit else {}
        if max_new_tokens:
            changes["max_new_tokens"] = max_new_tokens
        if judge and suite(name).kind.endswith("-judge"):
            called, _, commit = judge.partition("@")
            changes |= {"judge": called, "judge_revision": commit or "not pinned"}
        specs.append(suite(name, **changes))
    return specs


def _setting(template: str, max_length: int, engine: str, dtype: str, batch_size: int | None, gpus: int) -> Setting:
    from suite.evaluation.suite_run import Setting
    from suite.machine import gpus as cards
    from suite.machine import visible_gpus

    if engine not in ("auto", "transformers", "vllm"):
        raise UsageError(f"--engine is auto, transformers or vllm, not {engine!r}.")
    chosen = dtype or ("bfloat16" if cards() else "float32")
    if chosen not in ("float32", "bfloat16"):
        raise UsageError(f"--dtype is float32 or bfloat16, not {dtype!r}.")
    if gpus > max(1, len(visible_gpus())):
        raise UsageError(f"--gpus is {gpus}, and {len(visible_gpus())} are visible here (CUDA_VISIBLE_DEVICES).")
    return Setting(template, max_length, engine, chosen, batch_size, gpus)  # type: ignore[arg-type]


def _tasks(specs: list[TaskSpec], setting: Setting, display: Display) -> list[Task]:
    from suite.evaluation.loading import load_suite

    tasks = []
    for spec in specs:
        display.say(f"Items of {spec.name} ...")
        tasks.append(
            load_suite(spec, engine=setting.engine, dtype=setting.dtype, rows=setting.batch_size, notify=display.say)
        )
    return tasks


def _run(model: str, adapters: dict[str, Path], tasks: list[Task], setting: Setting, display: Display) -> SuiteRun:
    from suite.base_models.resolve import download
    from suite.evaluation.suite_run import run_suites

    folder = Path(model)
    if not folder.is_dir():
        name, _, commit = model.partition("@")
        if name.startswith((".", "/", "~")):
            raise UsageError(f"There is no folder {model}.")
        folder = download(name, commit or "not pinned")
    return run_suites(folder, adapters, tasks, setting, progress=display.work)


def _keep(path: Path, model: str, setting: Setting, run: SuiteRun) -> None:
    import dataclasses
    import json

    from suite.atomic import write_text

    document = {
        "model": model,
        "setting": dataclasses.asdict(setting),
        "versions": run.versions,
        "scores": [score.to_json() for score in run.scores],
        "failures": run.failures,
    }
    write_text(path, json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def _list(console: Console) -> None:
    from rich.table import Table

    from suite.evaluation.suites import suites

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("suite", "kind", "what it is"):
        table.add_column(heading)
    for name, spec in suites().items():
        table.add_row(f"[bold]{name}[/]", spec.kind, spec.title)
    console.print(table)


def _print_plan(console: Console, specs: list[TaskSpec], tasks: list[Task], models: list[str]) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("suite", "kind", "items", "models", "judge"):
        table.add_column(heading, justify="right" if heading in ("items", "models") else "left")
    for spec, task in zip(specs, tasks, strict=True):
        judge = f"{spec.judge} at {spec.judge_revision}" if spec.judge else "-"
        table.add_row(spec.name, spec.kind, f"{len(task.items):,}", str(len(models)), judge)
    console.print(table)
    console.print("Nothing was run.")


def _print_scores(console: Console, scores: list[SuiteScore]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from suite.evaluation.suite_run import pairwise_strengths

    if not scores:
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("suite", "model", "score", "± s.e.", "items", "cut"):
        table.add_column(heading, justify="left" if heading in ("suite", "model") else "right")
    for score in scores:
        table.add_row(
            score.task.name,
            escape(score.model),
            f"{100 * score.mean:.1f} %",
            f"{100 * score.standard_error:.1f}",
            f"{len(score.task.items):,}",
            f"{score.outcome.truncated:,}",
        )
    console.print(table)
    for score in scores:
        if facts := ", ".join(f"{key} {_written(value)}" for key, value in score.outcome.summary.items()):
            console.print(f"{score.task.name}, {score.model}: {facts}.", highlight=False, markup=False)
    for suite, found in pairwise_strengths(scores).items():
        if isinstance(found, str):
            console.print(f"{suite}: no Bradley-Terry strengths, because {found}.", highlight=False, markup=False)
            continue
        shown = ", ".join(
            f"{name} {value:+.2f} ({low:+.2f} to {high:+.2f})"
            for name, value, low, high in zip(found.names, found.strength, found.low, found.high, strict=True)
        )
        console.print(f"{suite}: Bradley-Terry strengths in log-odds: {shown}.", highlight=False, markup=False)


def _written(value: float | int | str) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
