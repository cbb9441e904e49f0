"""Turning the client of this process towards the fake Hub: it has read its environment long ago."""

from __future__ import annotations

from pathlib import Path

import pytest
from hub.fake_hub import FakeHub
from huggingface_hub import constants


def point_client(hub: FakeHub, home: Path, monkeypatch: pytest.MonkeyPatch, token: str | None = "hf_worker") -> None:
    """Let `huggingface_hub` of this process talk to the fake Hub, signed in with `token`."""
    monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
    template = hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
    monkeypatch.setenv("BREADTH_HUB_TIMEOUT", "5")
    sign_in(token, monkeypatch)


def sign_in(token: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sign in with another token, or out."""
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    if token is None:
        monkeypatch.delenv("HF_TOKEN", raising=False)
    else:
        monkeypatch.setenv("HF_TOKEN", token)
