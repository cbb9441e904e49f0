"""What is asked of the Hub for a board: who we are, whether we may, one repository each, and the Space's variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from suite.errors import HubRefused
from suite.stores.hub.patience import Patience, persist
from suite.stores.hub.repository import HubRepository, RemoteFile

Read = Callable[[str], bytes]
"""The content of a file of the repository, by its path."""


@dataclass(frozen=True)
class Change:
    """What one commit would do to a repository, and what there is to say about it."""

    files: Mapping[str, bytes]
    removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.removed)


Decide = Callable[[Mapping[str, RemoteFile], Read], Change]
"""From what is there to what shall be changed; called again whenever somebody else has committed in between."""


class SpaceRepository(HubRepository):
    """A Space; every method may raise whatever the client raises (see `suite.stores.hub.patience`)."""

    def __init__(self, name: str):
        super().__init__(name, kind="space")

    def create_gradio(self, *, private: bool, variables: Mapping[str, str]) -> None:
        """Create it, with its variables, unless it is there."""
        self.api.create_repo(
            self.name,
            repo_type="space",
            space_sdk="gradio",
            private=private,
            exist_ok=True,
            space_variables=[{"key": key, "value": value} for key, value in variables.items()],
        )

    def variables(self) -> dict[str, str]:
        """Its public variables."""
        return {key: variable.value for key, variable in self.api.get_space_variables(self.name).items()}

    def set_variable(self, key: str, value: str) -> None:
        """Set one variable; the Space starts again by itself."""
        self.api.add_space_variable(self.name, key, value)


def change(repository: HubRepository, decide: Decide, message: str, patience: Patience) -> Change:
    """Bring a repository to what `decide` says, in one commit or none; returns what was done.

    Raises HubUnavailable or HubRefused, and whatever `decide` raises; then nothing was changed, or all of it was and
    only the answer was lost: the next call finds nothing left to do.
    """
    sent = Change({})

    def attempt() -> Change:
        nonlocal sent
        head = repository.head()
        there = repository.files(head)
        if sent and _landed(sent, there):
            return sent
        sent = decide(there, lambda path: repository.read(path, head))
        if sent:
            repository.commit(sent.files, parent=head, message=message, removed=sent.removed)
        return sent

    return persist(attempt, repository.url, patience)


def foreseen(repository: HubRepository, decide: Decide, patience: Patience) -> Change:
    """What `change` would do."""

    def attempt() -> Change:
        head = repository.head()
        return decide(repository.files(head), lambda path: repository.read(path, head))

    return persist(attempt, repository.url, patience)


def refuse_foreign_namespace(me: Mapping[str, Any], repository: HubRepository) -> None:
    """Raise HubRefused when the signed-in account (as `whoami` tells) cannot create this repository.

    A token with chosen permissions only does not say all that it may do: then the Hub itself has to refuse.
    """
    from huggingface_hub import constants

    role = me.get("auth", {}).get("accessToken", {}).get("role")
    if role == "read":
        raise HubRefused(
            f"{repository.url} cannot be created: your token may only read. Make one that may write at "
            f"{constants.ENDPOINT}/settings/tokens, and sign in with it: `hf auth login`."
        )
    namespace = repository.name.partition("/")[0]
    mine = [str(me.get("name")), *(str(org.get("name")) for org in me.get("orgs", ()))]
    if role == "write" and namespace not in mine:
        raise HubRefused(
            f"{repository.url} cannot be created: {namespace} is neither you nor an organisation of yours (you are "
            f"{mine[0]}{', in ' + ', '.join(mine[1:]) if mine[1:] else ''}). Create the organisation at "
            f"{constants.ENDPOINT}/organizations/new, or ask it to let you in."
        )


def _landed(sent: Change, there: Mapping[str, RemoteFile]) -> bool:
    """Whether an earlier attempt was carried out, and only its answer was lost."""
    written = all(path in there and there[path].holds(content) for path, content in sent.files.items())
    return written and not any(path in there for path in sent.removed)
