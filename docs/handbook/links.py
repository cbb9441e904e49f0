"""Links of pages that GitHub shows, too: what lies outside of the site leads to the repository."""

from __future__ import annotations

import os
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://github.com/breadth-bench/breadth/blob/main/"
MOVED = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "README.md": "index.md",
    "submissions/README.md": "submit.md",
}
"""Documents outside of `docs` that are pages of the site."""

_LINK = re.compile(r"(!?\[[^\]]*\])\(([^)\s#]+)(#[^)\s]*)?\)")
_TRACK = re.compile(r"suite/tracks/([a-z0-9-]+)\.toml")


class BrokenLinkError(ValueError):
    """A link that leads nowhere; the message names page and link."""


def relinked(markdown: str, *, written_at: str, page: str) -> str:
    """A page with its links as the site needs them.

    `written_at` is where the text lies, relative to the repository's root, and `page` where it stands in the site.
    Raises BrokenLinkError.
    """
    return _LINK.sub(lambda found: f"{found[1]}({_target(found[2], written_at, page)}{found[3] or ''})", markdown)


def _target(link: str, written_at: str, page: str) -> str:
    if "://" in link or link.startswith(("mailto:", "data:")):
        return link
    meant = os.path.normpath(os.path.join(os.path.dirname(written_at), link))

    def relative(to: str) -> str:
        return os.path.relpath(to, os.path.dirname(page) or ".")

    if meant in MOVED:
        return relative(MOVED[meant])
    if track := _TRACK.fullmatch(meant):
        return relative(f"tracks/{track[1]}.md")
    inside = os.path.relpath(meant, "docs")
    if not (ROOT / meant).exists():
        # A page that is made while the site is built has no file.
        if inside.startswith("..") or not inside.endswith(".md"):
            raise BrokenLinkError(f"{written_at}: {link} leads nowhere")
        return relative(inside)
    if inside.startswith(("..", "handbook", "results/store")) or (ROOT / meant).is_dir():
        return REPOSITORY + meant
    return relative(inside)
