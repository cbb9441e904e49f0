"""The page of a Breadth board on a Space of the Hugging Face Hub.

`breadth publish-space` put this file here, and replaces it the next time. Which results are shown is said by the
Space's variable BREADTH_STORE, and where requests are by BREADTH_REQUESTS; change them in its settings. Whoever signs
in may submit, once the Space has a token of its own that may write there: its secret HF_TOKEN.
"""

from __future__ import annotations

import os
import sys

import uvicorn

from leaderboard.app import build
from leaderboard.source import Source

PORT = int(os.environ.get("GRADIO_SERVER_PORT", "7860"))
"""Where a Space looks for its page."""


def main() -> None:
    """Show the page until the Space is stopped."""
    url = os.environ.get("BREADTH_STORE", "")
    if not url:
        sys.exit("BREADTH_STORE is not set. Add it to the Space's variables, such as hf://datasets/ORG/NAME-results.")
    source = Source(url, requests=os.environ.get("BREADTH_REQUESTS") or None)
    source.start()
    try:
        # Behind the Hub's proxy: it says for whom it asks, and that the reader came by https.
        uvicorn.run(
            build(source),
            host="0.0.0.0",
            port=PORT,
            proxy_headers=True,
            forwarded_allow_ips="*",
            log_level="warning",
        )
    finally:
        source.stop()


if __name__ == "__main__":
    main()
