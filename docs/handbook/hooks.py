"""What mkdocs calls while it builds the site: it adds pages that are made, fills the nav, and finishes every page."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
for _place in (str(HERE.parent), str(ROOT)):
    if _place not in sys.path:
        sys.path.insert(0, _place)

from mkdocs.structure.files import File, Files  # noqa: E402 - after the path
from mkdocs.structure.pages import Page  # noqa: E402

from handbook import command_pages, plugins, track_pages  # noqa: E402
from handbook.fields import with_fields  # noqa: E402
from handbook.links import MOVED, relinked  # noqa: E402
from handbook.mathml import with_formulas  # noqa: E402

RESULTS = (
    "microworld",
    "ladder-microworld",
    "correlate-microworld",
    "alpaca-cpu",
    "ladder-alpaca-cpu",
    "correlate-alpaca-cpu",
    "alpaca-10m",
    "levels",
    "overlap",
    "contamination",
    "simulated-worlds",
    "queue",
    "speed",
)
"""Pages of results in the order somebody reads them; one that is not listed comes last."""
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]*)-light\.svg\)")
WRITTEN_AT = {page: place for place, page in MOVED.items() if page != "index.md"}


def generated() -> dict[str, str]:
    """Every page that has no file of its own in `docs`: its path and its Markdown."""
    made = {**dict(plugins.pages()), **dict(track_pages.pages()), "commands.md": command_pages.page()}
    return made | {page: (ROOT / place).read_text(encoding="utf-8") for page, place in WRITTEN_AT.items()}


def on_config(config: Any) -> Any:
    """Fill the entries of the nav that end in a slash with the pages there are."""
    groups = _nav(sorted(generated()))
    config["nav"] = [_filled(entry, groups) for entry in config["nav"]]
    return config


def _filled(entry: Any, groups: dict[str, list[Any]]) -> Any:
    if isinstance(entry, dict):
        ((title, value),) = entry.items()
        if isinstance(value, str) and value.endswith("/"):
            return {title: groups[value]}
        if isinstance(value, list):
            return {title: [one for part in value for one in (groups[part] if isinstance(part, str) else [part])]}
    return entry


def _nav(made: list[str]) -> dict[str, list[Any]]:
    """What stands for each entry: pages that are made, pages of results, and guides that no other entry names."""
    groups: dict[str, list[Any]] = {}
    for folder in ("strategies/", "metrics/", "tracks/"):
        inside = [page for page in made if page.startswith(folder) and page != f"{folder}index.md"]
        groups[folder] = [f"{folder}index.md", *({Path(page).stem: page} for page in inside)]
    found = {path.stem for path in (HERE.parent / "results").glob("*.md")}
    ordered = [name for name in RESULTS if name in found] + sorted(found - set(RESULTS))
    groups["results/"] = [*(f"results/{name}.md" for name in ordered), "results/gpu/gpu-checks.md"]
    named = set(re.findall(r": ([\w-]+\.md)$", (HERE / "mkdocs.yml").read_text(), flags=re.MULTILINE))
    groups["guides/"] = sorted(path.name for path in HERE.parent.glob("*.md") if path.name not in named)
    return groups


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made."""
    for path, content in generated().items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: Any, files: Files) -> str:
    """Field tables, links out of the site and formulas of one page; links of made pages are right already."""
    path = page.file.src_uri
    markdown = with_fields(markdown)
    if path in WRITTEN_AT or page.file.generated_by is None:
        markdown = relinked(markdown, written_at=WRITTEN_AT.get(path, f"docs/{path}"), page=path)
    # Material shows the one that goes with the mode.
    markdown = _PICTURE.sub(r"![\1](\2-light.svg#only-light)![\1](\2-dark.svg#only-dark)", markdown)
    return with_formulas(markdown)
