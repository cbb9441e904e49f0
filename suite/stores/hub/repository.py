"""One repository on the Hub, through the real client: what is asked of it, with a limit on every wait."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from suite import __version__
from suite.errors import UsageError

if TYPE_CHECKING:
    import httpx
    from huggingface_hub.hf_api import RepoFile, RepoFolder

PATHS_A_CALL = 500
TIMEOUT_SECONDS = 60.0
CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class RemoteFile:
    """A file as a listing shows it."""

    path: str
    size: int
    oid: str
    """Its git object id; that of a pointer where the content lies in large storage."""
    sha256: str | None
    """Of a file in large storage only."""

    @property
    def version(self) -> str:
        """Changes with the content."""
        return self.sha256 or self.oid

    def holds(self, content: bytes) -> bool:
        """Whether the file's content is exactly this."""
        return len(content) == self.size and is_version(content, self.version)


def is_version(content: bytes, version: str) -> bool:
    """Whether content is what `RemoteFile.version` stands for: a sha256, or the id of a git object."""
    if len(version) == 64:
        return hashlib.sha256(content).hexdigest() == version
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == version


class HubRepository:
    """A repository, such as `org/results`; every method may raise whatever the client raises (see `patience`).

    The token is found, sent and kept by the client alone.
    """

    def __init__(self, name: str, *, kind: str = "dataset"):
        from huggingface_hub import HfApi

        _prepare_client()
        self.name, self.kind = name, kind
        self.url = f"hf://{kind}s/{name}"
        self.api = HfApi(library_name="breadth", library_version=__version__)

    def head(self) -> str:
        """The id of the newest commit."""
        info = self.api.repo_info(self.name, repo_type=self.kind, timeout=timeout_seconds())
        return info.sha or ""

    def files(self, revision: str, folders: Sequence[str] = ()) -> dict[str, RemoteFile]:
        """Every file at a commit, or those below some folders alone; a folder that is not there holds none."""
        from huggingface_hub.errors import EntryNotFoundError

        found: dict[str, RemoteFile] = {}
        for folder in folders or (None,):
            try:
                tree = self.api.list_repo_tree(
                    self.name, folder, repo_type=self.kind, revision=revision, recursive=True
                )
                found |= _files(tree)
            except EntryNotFoundError:
                continue
        return found

    def some(self, paths: Iterable[str], revision: str) -> dict[str, RemoteFile]:
        """Those of the paths that are there at a commit."""
        wanted = list(paths)
        found: dict[str, RemoteFile] = {}
        for start in range(0, len(wanted), PATHS_A_CALL):
            part = wanted[start : start + PATHS_A_CALL]
            found |= _files(self.api.get_paths_info(self.name, part, repo_type=self.kind, revision=revision))
        return found

    def commit(self, files: Mapping[str, bytes], *, parent: str, message: str) -> None:
        """Add or replace files in one commit, on condition that `parent` is still the newest one."""
        from huggingface_hub import CommitOperationAdd

        self.api.create_commit(
            self.name,
            [CommitOperationAdd(path, content) for path, content in files.items()],
            repo_type=self.kind,
            commit_message=message,
            parent_commit=parent or None,
        )

    def fetch(self, path: str, revision: str, folder: Path) -> Path:
        """Download one file into a folder, under its path; a connection that breaks off is taken up again."""
        return Path(
            self.api.hf_hub_download(
                self.name, path, repo_type=self.kind, revision=revision, local_dir=folder, force_download=False
            )
        )

    def check(self, *, write: bool) -> None:
        """Ask whether we may read it, or write to it."""
        self.api.auth_check(self.name, repo_type=self.kind, write=write)

    def create(self, *, private: bool) -> None:
        """Create it unless it is there."""
        self.api.create_repo(self.name, repo_type=self.kind, private=private, exist_ok=True)


def timeout_seconds() -> float:
    """Seconds that the Hub may be silent for: `BREADTH_HUB_TIMEOUT`, by default a minute."""
    written = os.environ.get("BREADTH_HUB_TIMEOUT", "")
    if not written:
        return TIMEOUT_SECONDS
    try:
        seconds = float(written)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"BREADTH_HUB_TIMEOUT is {written!r}, and must be a number of seconds above 0.")
    return seconds


def _files(entries: Iterable[RepoFile | RepoFolder]) -> dict[str, RemoteFile]:
    from huggingface_hub.hf_api import RepoFile

    return {
        entry.path: RemoteFile(entry.path, entry.size, entry.blob_id, entry.lfs.sha256 if entry.lfs else None)
        for entry in entries
        if isinstance(entry, RepoFile)
    }


@functools.cache
def _prepare_client() -> None:
    """Bound every wait of the client, and leave the terminal to us; once a process."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils import disable_progress_bars, logging
    from huggingface_hub.utils._http import default_client_factory

    def bound(request: httpx.Request) -> None:
        # Most calls of the client ask for no limit at all, and a silent Hub would hold a run for ever.
        given = request.extensions.get("timeout") or {}
        longest = timeout_seconds()
        limits = {"connect": min(longest, CONNECT_SECONDS), "read": longest, "write": longest, "pool": longest}
        request.extensions["timeout"] = {name: given.get(name) or limit for name, limit in limits.items()}

    def client() -> httpx.Client:
        made = default_client_factory()
        hooks = made.event_hooks
        made.event_hooks = {**hooks, "request": [*hooks["request"], bound]}
        return made

    set_client_factory(client)
    disable_progress_bars()
    if "HF_HUB_VERBOSITY" not in os.environ:
        # Each retry of the client is a warning of its own; what people need to know is said once, by us.
        logging.set_verbosity_error()
