"""`breadth select`: let one strategy pick from a track's pool, and save the selection."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.commands.submitted import Trust


def select(
    strategy: Annotated[
        str, typer.Argument(help="A strategy with its parameters (k-means:clusters=50), or a submission (./my-method).")
    ],
    track: Annotated[str, typer.Option(help="The track whose pool and budgets are used.")] = "microworld",
    budget: Annotated[str | None, typer.Option(help="One of the track's budgets (500 or 15%).")] = None,
    base_model: Annotated[
        str | None, typer.Option(help="The target model, whose tokenizer micro strategies read.")
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="A tokenizer (folder, file or Hub name) in place of the target model's.")
    ] = None,
    embedder: Annotated[
        str | None, typer.Option(help="An embedder in place of the track's, such as tfidf-svd.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Selection seed of a randomised strategy.", min=0)] = 0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to save; default STRATEGY.json")] = None,
    trust: Trust = False,
) -> None:
    """Pick samples with one strategy and save their ids, in the order picked.

    Examples:

      breadth select random --track microworld

      breadth select k-center --track alpaca-cpu --budget 2000 -o picks.json

      breadth select micro-response:diversity=0.5 --seed 1

      breadth select ./my-method --track microworld --trust-my-own-code

      breadth select macro-response --track m2m --embedder tfidf-svd --tokenizer tokenizer.model
    """
    from rich.console import Console

    from suite.commands.opening import opened
    from suite.commands.submitted import with_submissions
    from suite.registry import strategies
    from suite.runner.cells import FULL
    from suite.track import load_track

    definition = load_track(track)
    (named,) = with_submissions((strategy,), definition, trust_code=trust)
    chosen = strategies.parse(named)
    size = definition.check_budget(budget) if chosen.name != FULL else 0
    model = definition.base_model(base_model).name
    used_seed = 0 if chosen.info.deterministic else seed
    with opened(definition, embedder=embedder, tokenizer=tokenizer) as experiment:
        picked = experiment.selector_for(model, [chosen]).pick(chosen, size, used_seed)
    target = output or Path(f"{chosen.name}.json")
    picked.selection.save(target)
    console = Console(soft_wrap=True)
    console.print(
        f"[bold]{chosen.spec}[/] picked {len(picked.selection):,} of {len(experiment.pool):,} samples in "
        f"{picked.seconds:.2f} s (features: {picked.feature_seconds:.1f} s, computed once a pool).",
        highlight=False,
    )
    console.print(f"Saved to {target}; measure it with: breadth measure {target} --track {track}", highlight=False)
