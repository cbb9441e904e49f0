"""`breadth judge`: whether a judge model can be believed, measured on published judgements."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from suite.evaluation.judging.agreement import Agreement, Study


def judge(
    model: Annotated[str, typer.Argument(help="The judge: a folder, or a model of the Hub as NAME@COMMIT.")],
    of: Annotated[str, typer.Option(help="Models whose published judgements are judged again; comma-separated.")] = "",
    limit: Annotated[int | None, typer.Option(help="Only N pairs of each model, always the same ones.", min=1)] = 50,
    engine: Annotated[str, typer.Option(help="auto, transformers or vllm.")] = "auto",
    batch_size: Annotated[
        int | None, typer.Option(help="Rows at a time; default 128 with vllm, else 16.", min=1)
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Keep the figures in a JSON file.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many prompts would be put to it.")] = False,
) -> None:
    """Check a judge against AlpacaEval's published judgements: agreement, kappa, and whether it looks at places.

    The same pairs of answers that GPT-4 judged are put to MODEL in both orders. Agreement counts ties; kappa takes off
    what chance gives; consistency says how often both orders got the same verdict. Verdicts are kept: what was judged
    once is not judged again. Judgements come from BREADTH_DATA, else from AlpacaEval's repository.

    Examples:

      breadth judge meta-llama/Llama-3.3-70B-Instruct@6f6073b423013f6a7d4d9f39144961bfbfbc386b --limit 200

      breadth judge ./my-judge --of alpaca-7b,claude-2 --limit 20

      breadth judge ./my-judge --dry-run
    """
    from rich.console import Console

    from suite.commands.display import Display
    from suite.engines import chosen_engine
    from suite.errors import UsageError
    from suite.evaluation.judging.agreement import study
    from suite.evaluation.judging.judge import Judge, JudgeModel
    from suite.evaluation.judging.published import load_published, published_models
    from suite.runner.preflight import check_judge

    if engine not in ("auto", "transformers", "vllm"):
        raise UsageError(f"--engine is auto, transformers or vllm, not {engine!r}.")
    name, _, commit = model.partition("@")
    asked = JudgeModel(name, commit or "not pinned", chosen_engine(engine), rows=batch_size)  # type: ignore[arg-type]
    asked.check("agreement")
    chosen = [part.strip() for part in of.split(",") if part.strip()] or list(published_models())
    if not dry_run:
        check_judge(asked)
    console = Console(soft_wrap=True)
    with Display(Console(stderr=True, soft_wrap=True)) as display:
        judged = [load_published(one, notify=display.say) for one in dict.fromkeys(chosen)]
        pairs = sum(min(limit or len(one.items), len(one.items)) for one in judged)
        if dry_run:
            console.print(f"{pairs:,} pairs of {len(judged)} models, {2 * pairs:,} prompts. Nothing was run.")
            return
        with Judge(asked) as opened:
            found = study(opened, judged, limit, display.work("models"))
    _print(console, found)
    console.print(f"{opened.asked:,} verdicts are new; all are kept in {opened.store.path}.", highlight=False)
    if output is not None:
        _keep(output, model, found)


def _print(console: Console, found: Study) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    headings = (
        "model",
        "pairs",
        "win rate",
        "published",
        "agreement",
        "decided alike",
        "kappa",
        "consistent",
        "unread",
    )
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "model" else "right", no_wrap=heading == "model")
    for row in found.models:
        table.add_row(row.model, *_cells(row.agreement, _percent(row.judged), _percent(row.published)))
    table.add_row("[bold]all[/]", *_cells(found.overall, "", ""))
    console.print(table)
    overall = found.overall
    console.print(
        f"Agreement has a standard error of {_percent(overall.standard_error)}. Shown first, an answer was preferred "
        f"in {_percent(overall.first_place)} of the decided verdicts (no bias: 50 %).",
        highlight=False,
    )
    if found.spearman == found.spearman:
        console.print(f"Win rates of the models: Spearman {found.spearman:.2f} with the published.", highlight=False)


def _cells(of: Agreement, judged: str, published: str) -> tuple[str, ...]:
    alike = f"{_percent(of.decided_agreement)} of {of.decided}" if of.decided else "-"
    return (
        f"{of.pairs:,}",
        judged,
        published,
        _percent(of.agreement),
        alike,
        f"{of.kappa:.2f}",
        _percent(of.consistency),
        _percent(of.unreadable),
    )


def _percent(share: float) -> str:
    return "-" if share != share else f"{100 * share:.1f} %"


def _keep(path: Path, model: str, found: Study) -> None:
    import dataclasses
    import json
    import math

    from suite.atomic import write_text

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return None if isinstance(value, float) and math.isnan(value) else value

    document = {"judge": model, **dataclasses.asdict(found)}
    write_text(path, json.dumps(plain(document), indent=1) + "\n")
