"""Nothing secret goes to the Hub: what looks like a token or a key in a file stops a publication."""

from __future__ import annotations

import re
from collections.abc import Mapping

from suite.errors import BreadthError
from suite.secret_looks import LOOKS

_LOOKS = {what: re.compile(look.encode()) for what, look in LOOKS.items()}
SHORTEST = 8
"""Characters; a shorter token of ours would be found in any text."""


def refuse_secrets(files: Mapping[str, bytes], *own: str | None) -> None:
    """Raise BreadthError when a file holds something that looks like a secret, or one of our `own` tokens.

    The message names the file and what it looks like, and never shows it.
    """
    tokens = [token.encode() for token in own if token and len(token) >= SHORTEST]
    for path, content in files.items():
        found = "the token you are signed in with" if any(token in content for token in tokens) else None
        found = found or next((what for what, look in _LOOKS.items() if look.search(content)), None)
        if found:
            raise BreadthError(
                f"{path} holds what looks like {found}, so nothing was published. Take it out of the file; tokens "
                f"belong into `hf auth login` or HF_TOKEN, and those of the Space into the secrets in its settings."
            )
