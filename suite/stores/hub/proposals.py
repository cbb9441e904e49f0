"""Pull requests on a repository: how people without write access send files, and how those who have it answer."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from suite.stores.hub.patience import READING, persist
from suite.stores.hub.repository import HubRepository, RemoteFile, remote_files

MOST_AT_ONCE = 100
"""Open pull requests that one look takes in; the rest waits for the next one."""
DELETED = "deleted"
"""What the Hub calls the author of a pull request whose account is gone."""


@dataclass(frozen=True)
class Proposal:
    """An open pull request. The Hub says who opened it; title and content are theirs."""

    number: int
    author: str
    title: str
    url: str

    @property
    def revision(self) -> str:
        """Its branch."""
        return f"refs/pr/{self.number}"


def signed_in(repository: HubRepository) -> str:
    """The name of the user whose token this machine has. Raises HubRefused without one."""
    found = persist(lambda: repository.api.whoami(), repository.url, READING)
    return str(found["name"])


def propose(
    repository: HubRepository, files: Mapping[str, bytes], *, title: str, description: str, author: str
) -> tuple[Proposal, bool]:
    """Open a pull request that adds files; returns it, and whether it is new.

    One of this author that adds the same files and is still open is returned as it is: so neither a second call nor
    an answer that got lost opens another. Raises HubRefused or HubUnavailable.
    """
    from huggingface_hub import CommitOperationAdd

    folder = next(iter(files)).partition("/")[0]

    def attempt() -> tuple[Proposal, bool]:
        for known in _open(repository, author):
            there = _files(repository, known, folder)
            if all(path in there and there[path].holds(content) for path, content in files.items()):
                return known, False
        made = repository.api.create_commit(
            repository.name,
            [CommitOperationAdd(path, content) for path, content in files.items()],
            repo_type=repository.kind,
            commit_message=title,
            commit_description=description,
            create_pr=True,
        )
        return Proposal(made.pr_num or 0, author, title, made.pr_url or repository.url), True

    return persist(attempt, repository.url, READING)


def open_proposals(repository: HubRepository, author: str | None = None) -> list[Proposal]:
    """The open pull requests (of one author), oldest first; those of deleted accounts and drafts are left out."""
    return persist(lambda: _open(repository, author), repository.url, READING)


def proposed_files(repository: HubRepository, proposal: Proposal, folder: str) -> dict[str, RemoteFile]:
    """The files that lie in a folder on a pull request's branch."""
    return persist(lambda: _files(repository, proposal, folder), repository.url, READING)


def proposed_content(repository: HubRepository, proposal: Proposal, file: RemoteFile) -> bytes:
    """The content of one file of a pull request, checked; look at `file.size` first."""

    def attempt() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            content = repository.fetch(file.path, proposal.revision, Path(folder)).read_bytes()
        if not file.holds(content):
            raise RuntimeError(f"{file.path} did not arrive as it was sent")
        return content

    return persist(attempt, repository.url, READING)


def close_proposal(repository: HubRepository, proposal: Proposal, comment: str) -> None:
    """Close a pull request with a word to its author."""
    persist(
        lambda: repository.api.change_discussion_status(
            repository.name, proposal.number, "closed", repo_type=repository.kind, comment=comment
        ),
        repository.url,
        READING,
    )


def _open(repository: HubRepository, author: str | None) -> list[Proposal]:
    discussions = repository.api.get_repo_discussions(
        repository.name,
        repo_type=repository.kind,
        author=author,
        discussion_type="pull_request",
        discussion_status="open",
    )
    found = [
        Proposal(one.num, one.author, one.title, one.url)
        for one in itertools.islice(discussions, MOST_AT_ONCE)
        if one.author != DELETED and one.status == "open"
    ]
    return sorted(found, key=lambda proposal: proposal.number)


def _files(repository: HubRepository, proposal: Proposal, folder: str) -> dict[str, RemoteFile]:
    from huggingface_hub.errors import EntryNotFoundError

    try:
        return remote_files(
            repository.api.list_repo_tree(
                repository.name, folder, repo_type=repository.kind, revision=proposal.revision, recursive=True
            )
        )
    except EntryNotFoundError:
        return {}
