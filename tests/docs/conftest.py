"""The built site, once for all tests that look at it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from socket import socket

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, built as `make docs` builds it: strict, so that every warning is an error.

    No other machine can be asked meanwhile, and none may be: an attempt fails the test, whatever becomes of it.
    """
    import logging
    import socket as sockets

    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    folder = tmp_path_factory.mktemp("site")
    config = load_config(str(ROOT / "docs" / "handbook" / "mkdocs.yml"), site_dir=str(folder), strict=True)
    logging.getLogger("mkdocs").setLevel(logging.WARNING)
    asked: list[object] = []

    def refuse_name(host: object, *_: object, **__: object) -> None:
        asked.append(host)
        raise OSError(f"{host}: there is no network while the site is built")

    def refuse(_: socket, address: object) -> None:
        refuse_name(address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sockets.socket, "connect", refuse)
        patch.setattr(sockets.socket, "connect_ex", refuse)
        patch.setattr(sockets, "getaddrinfo", refuse_name)
        build(config)
    assert not asked
    return folder
