"""Pages of tracks, from their files: all that each of them fixes, in words and as it is written."""

from __future__ import annotations

from collections.abc import Iterator

from handbook.links import REPOSITORY, ROOT
from handbook.markdown import code, commands, paper, table
from suite.track import Track, load_track, track_names


def pages() -> Iterator[tuple[str, str]]:
    """Path and Markdown of every page of tracks."""
    tracks = [load_track(name) for name in track_names()]
    tracks.sort(key=lambda track: (track.gpu_hours, track.name != "microworld", track.name))
    yield "tracks/index.md", _index(tracks)
    for track in tracks:
        yield f"tracks/{track.name}.md", track_page(track)


def _index(tracks: list[Track]) -> str:
    rows = [
        (
            f"[`{track.name}`]({track.name}.md)",
            track.title,
            f"{track.pool.size:,}",
            ", ".join(f"{size:,}" for size in track.budget_sizes),
            ", ".join(model.name for model in track.base_models),
            f"{track.gpu_hours:g} GPU-hours" if track.gpu_hours else "a CPU",
        )
        for track in tracks
    ]
    return "\n\n".join(
        [
            "# Tracks",
            "A track is a frozen experiment: pool, budgets, base models, recipe, evaluation and registered seeds. "
            "Results of different tracks are never mixed, and a track that changes is a new one.",
            table(("track", "what it is", "samples", "budgets", "base models", "runs on"), rows),
            "A track of your own is one TOML file; every command takes its path in place of a name: "
            "[how](../contributing.md#a-track).",
        ]
    )


def track_page(track: Track) -> str:
    """All that one track fixes."""
    file = f"suite/tracks/{track.name}.toml"
    return "\n\n".join(
        [
            f"# {track.name}",
            f"**{track.title}.** {' '.join(track.description.split())}",
            table(("", ""), _facts(track)),
            "## Base models",
            table(("name", "what it is", "pinned at"), _models(track)),
            "## Recipe",
            table(("key", "value"), _recipe(track)),
            _borrowed(track),
            "## Tasks",
            table(("task", "kind", "chance", "what it is"), _tasks(track)),
            f"How the source combines them: {track.evaluation.source_score}" if track.evaluation.source_score else "",
            "## Run it",
            commands(f"breadth tracks {track.name}", f"breadth run --track {track.name} --dry-run"),
            "## The file",
            f"[`{file}`]({REPOSITORY}{file}), whole:",
            f"```toml\n{(ROOT / file).read_text().strip()}\n```",
        ]
    )


def _facts(track: Track) -> list[tuple[str, str]]:
    pool = track.pool
    origin = (
        "generated, no download"
        if pool.kind == "microworld"
        else f"[{pool.hub}](https://huggingface.co/datasets/{pool.hub})"
    )
    if pool.kind == "dataset" and not pool.hub:
        origin = f"`{pool.local}` under `BREADTH_DATA`"
    hours = f"{track.gpu_hours:g} GPU-hours" if track.gpu_hours else "a CPU"
    sizes = [f"{size:,}{' (default)' if size == track.default_budget else ''}" for size in track.budget_sizes]
    seeds = ", ".join(map(str, track.seeds.training))
    rows = [
        ("pool", f"{pool.size:,} samples, {origin}"),
        ("fingerprint", code(pool.fingerprint or "") or "not pinned"),
        ("budgets", ", ".join(sizes)),
        ("seeds", f"training {seeds}; `random` is drawn {track.seeds.random_draws} times for each"),
        ("embedder", code(track.features.embedder)),
        ("needs", f"{hours}. {track.gpu_hours_note}".strip()),
        ("strategies of its table", ", ".join(map(code, track.strategies))),
        ("reference rows", ", ".join(map(code, track.reference_rows))),
        ("levels of the ladder", ", ".join(f"{level:g}" for level in track.diversity_levels)),
        ("licence", track.licence),
        ("citation", paper(" ".join(track.citation.split()))),
        ("identity", code(track.identity)),
    ]
    return [(name, value) for name, value in rows if value]


def _models(track: Track) -> list[tuple[str, str, str]]:
    rows = []
    for model in track.base_models:
        if model.kind == "hub":
            rows.append((code(model.name), f"[{model.hub}](https://huggingface.co/{model.hub})", code(model.revision)))
        else:
            shape = f"{model.layers} layers of {model.hidden}, vocabulary {model.vocabulary:,}"
            rows.append((code(model.name), f"a Llama built and pretrained in place: {shape}", f"seed {model.seed}"))
    return rows


def _recipe(track: Track) -> list[tuple[str, str]]:
    written = track.recipe.model_dump(exclude={"borrowed", "lora"}, exclude_none=True)
    rows = [(code(key), code(f"{value}")) for key, value in written.items()]
    if track.recipe.lora:
        rows += [(code(f"lora.{key}"), code(f"{value}")) for key, value in track.recipe.lora.model_dump().items()]
    return rows


def _borrowed(track: Track) -> str:
    if not track.recipe.borrowed:
        return "The source states every key."
    keys = ", ".join(map(code, track.recipe.borrowed))
    return f"Not stated by the source, taken from the field's common recipe: {keys}."


def _tasks(track: Track) -> list[tuple[str, str, str, str]]:
    return [
        (code(task.name), task.kind, f"{task.chance:g}", " ".join(filter(None, (task.title, task.note))))
        for task in track.evaluation.tasks
    ]
