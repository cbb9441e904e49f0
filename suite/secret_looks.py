"""What tokens and keys look like, for those who strike them out and those who refuse to publish them."""

from __future__ import annotations

LOOKS = {
    "a Hugging Face token": r"\b(?:hf|api_org)_[A-Za-z0-9]{20,}",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,})",
    "an API key": r"\bsk-[A-Za-z0-9_-]{24,}",
    "an AWS access key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a Google API key": r"\bAIza[A-Za-z0-9_-]{35}",
    "a Slack token": r"\bxox[abeprs]-[A-Za-z0-9-]{10,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:(?:[^-]|-(?!-))*+-----END [A-Z ]*PRIVATE KEY-----)?",
}
"""Regular expressions by what they find. Strangers write the texts: the time goes with a text's length."""
