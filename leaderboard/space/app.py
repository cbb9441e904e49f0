"""The page of a Breadth board on a Space of the Hugging Face Hub.

`breadth publish-space` put this file here, and replaces it the next time. Which results are shown is said by the
Space's variable BREADTH_STORE; change it in the settings of the Space.
"""

from __future__ import annotations

import os
import sys

from leaderboard.app import build
from leaderboard.source import Source

PORT = 7860
"""Where a Space looks for its page."""


def main() -> None:
    """Show the page until the Space is stopped."""
    import uvicorn

    url = os.environ.get("BREADTH_STORE", "")
    if not url:
        sys.exit("BREADTH_STORE is not set. Add it to the Space's variables, such as hf://datasets/ORG/NAME-results.")
