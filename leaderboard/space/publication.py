"""Publishing a board: first a look at what is there, which changes nothing; then the datasets, and the Space last."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from leaderboard.space.cards import (
    CARD,
    TITLE,
    Names,
    checked_title,
    is_ours,
    is_the_hubs,
    requests_card,
    results_card,
    space_card,
    title_of,
    with_needs,
)
from leaderboard.space.contents import MANIFEST, known_files
from leaderboard.space.hub import (
    Change,
    Decide,
    Read,
    SpaceRepository,
    change,
    foreseen,
    refuse_foreign_namespace,
)
from leaderboard.space.secrets import refuse_secrets
from suite.errors import HubRefused, HubUnavailable, UsageError
from suite.reporting import Notify
from suite.stores.hub.patience import READING, Patience, persist
from suite.stores.hub.repository import HubRepository, RemoteFile
from suite.stores.url import is_repository_name

STORE, QUEUE = "BREADTH_STORE", "BREADTH_REQUESTS"
"""The Space's variables: where the page finds the results, and where requests are."""
_DATASETS = "hf://datasets/"
_GITS = (".gitattributes", ".gitignore")


@dataclass(frozen=True)
class Wish:
    """What was asked for: names as `ORG/NAME`; None where the Space keeps what it has, or takes the default."""

    space: str
    results: str | None = None
    requests: str | None = None
    title: str | None = None
    private: bool = False


@dataclass(frozen=True)
class Part:
    """One repository of the board: how it stands, and what would be done to it."""

    repository: HubRepository
    decide: Decide
    message: str
    exists: bool
    private: bool
    foreseen: Change


@dataclass(frozen=True)
class Survey:
    """What publishing would do. The parts are in the order in which they are published, the Space last."""

    names: Names
    parts: tuple[Part, ...]
    variables: Mapping[str, str]
    """Those that the Space shall have."""
    unset: tuple[str, ...]
    """Those of them that it does not have, as far as that may be seen."""
    notes: tuple[str, ...] = ()


def survey(wish: Wish, files: Mapping[str, bytes], *, write: bool = True) -> Survey:
    """Look at what is there, and change nothing.

    With `write`, raises HubRefused unless we are signed in and may write everything that has to be written: better
    before the first repository is made than after. Raises UsageError for names that cannot be, HubUnavailable when the
    Hub is away.
    """
    space = SpaceRepository(checked_name(wish.space, "the Space"))
    if wish.title is not None:
        checked_title(wish.title)
    _refuse_secrets(files)
    me = persist(space.api.whoami, space.url, READING) if write else None
    exists = persist(space.exists, space.url, READING)
    if exists and write:
        persist(lambda: space.check(write=True), space.url, READING)
    given = persist(space.variables, space.url, READING) if exists and write else {}
    names = _names(wish, given)
    results, requests = HubRepository(names.results), HubRepository(names.requests)
    plan: list[tuple[HubRepository, Decide]] = [
        (results, _card_of(lambda paths: results_card(names, paths), results)),
        (requests, _card_of(lambda _: requests_card(names), requests)),
        (space, _space_of(names, wish.title, files, space)),
    ]
    parts = []
    for repository, decide in plan:
        there = exists if repository is space else persist(repository.exists, repository.url, READING)
        if there and write and repository is not space:
            persist(functools.partial(repository.check, write=True), repository.url, READING)
        elif me is not None and not there:
            refuse_foreign_namespace(me, repository)
        private = persist(repository.is_private, repository.url, READING) if there else wish.private
        would = foreseen(repository, decide, READING) if there else decide({}, _nothing_there)
        parts.append(Part(repository, decide, _message(repository, names), there, private, would))
    wanted = {STORE: _DATASETS + names.results, QUEUE: _DATASETS + names.requests}
    unset = tuple(key for key, value in wanted.items() if given.get(key) != value)
    return Survey(names, tuple(parts), wanted, unset, _privacy_notes(wish, parts))


def carry_out(found: Survey, say: Notify, patience: Patience | None = None) -> bool:
    """Do what the survey foresaw; returns whether anything was changed.

    Each repository gets one commit at most. What was done before an error stays, and the next call goes on from there.
    """
    patience = patience or Patience()
    done = 0
    try:
        for part in found.parts:
            done += _carry_out(part, found, say, patience)
    except HubUnavailable as error:
        raise HubUnavailable(
            f"{error} What was published so far stays; the same command goes on from there."
        ) from error
    return done > 0


def checked_name(name: str, what: str) -> str:
    """`ORG/NAME` itself, also of a dataset's URL. Raises UsageError for anything else."""
    short = name.removeprefix(_DATASETS)
    if not is_repository_name(short):
        raise UsageError(f"{name!r} cannot be the name of {what}. Write ORG/NAME, as in the address of its page.")
    return short


def _carry_out(part: Part, found: Survey, say: Notify, patience: Patience) -> int:
    repository, done = part.repository, 0
    if not part.exists:
        persist(lambda: _create(repository, found.variables, private=part.private), repository.url, READING)
        say(f"{repository.url}: created, {'private' if part.private else 'public'}.")
        done += 1
    if isinstance(repository, SpaceRepository):
        given = persist(repository.variables, repository.url, READING)
        for key, value in found.variables.items():
            if given.get(key) != value:
                persist(functools.partial(repository.set_variable, key, value), repository.url, READING)
                say(f"{repository.url}: {key} is now {value}.")
                done += 1
    made = change(repository, part.decide, part.message, patience)
    for note in made.notes:
        say(f"{repository.url}: {note}")
    if made:
        say(f"{repository.url}: {summary(made)}.")
    return done + bool(made)


def _create(repository: HubRepository, variables: Mapping[str, str], *, private: bool) -> None:
    if isinstance(repository, SpaceRepository):
        repository.create_gradio(private=private, variables=variables)
    else:
        repository.create(private=private)


def summary(made: Change) -> str:
    """`63 files written, 2 removed`."""
    written = f"{len(made.files):,} file{'' if len(made.files) == 1 else 's'} written"
    return f"{written}, {len(made.removed):,} removed" if made.removed else written


def _names(wish: Wish, given: Mapping[str, str]) -> Names:
    """The names of the three: those asked for, those that the Space has, else the Space's own with an ending."""
    found = {}
    for what, asked, key in (("results", wish.results, STORE), ("requests", wish.requests, QUEUE)):
        if asked is None and key in given and not is_repository_name(given[key].removeprefix(_DATASETS)):
            raise UsageError(
                f"The Space has {key}={given[key]}, which is no dataset repository. Say --{what} ORG/NAME to change it."
            )
        found[what] = checked_name(asked or given.get(key) or f"{wish.space}-{what}", f"the repository of {what}")
    if found["results"] == found["requests"]:
        raise UsageError(f"Results and requests need a repository each, and both would be {found['results']}.")
    return Names(wish.space, found["results"], found["requests"])


def _card_of(make: Callable[[Mapping[str, RemoteFile]], str], repository: HubRepository) -> Decide:
    """Writes a dataset's card where there is none, renews it where it is ours, and leaves anybody else's alone."""

    def decide(there: Mapping[str, RemoteFile], read: Read) -> Change:
        renewed = _differing({CARD: make(there).encode()}, there)
        if renewed and CARD in there and not is_ours(read(CARD).decode(errors="replace")):
            return Change({}, notes=(f"{CARD} was written by somebody else, and stays. Delete it there to get ours.",))
        return renewed

    return decide


def _space_of(names: Names, title: str | None, files: Mapping[str, bytes], space: HubRepository) -> Decide:
    """Brings the Space to our files, takes away those of ours that are no longer needed, and keeps everybody else's."""

    def decide(there: Mapping[str, RemoteFile], read: Read) -> Change:
        known = known_files(read(MANIFEST)) if MANIFEST in there else {}
        if not known and (foreign := sorted(there.keys() - {CARD, *_GITS})):
            some = ", ".join(foreign[:3]) + (", ..." if len(foreign) > 3 else "")
            raise HubRefused(
                f"{space.url} holds something else ({some}), which `breadth publish-space` did not put there. "
                f"Choose another name, or delete what is there."
            )
        card, notes = _readme(
            names, title, read(CARD).decode(errors="replace") if CARD in there else None, space, known
        )
        wanted = {**files, CARD: card.encode()}
        # Of a file in large storage the id is that of a pointer, which says nothing about who wrote it.
        same = {path for path, oid in known.items() if path in there and (there[path].sha256 or there[path].oid == oid)}
        edited = sorted((known.keys() & there.keys()) - same)
        lost = [path for path in edited if path not in wanted or not there[path].holds(wanted[path])]
        if lost:
            notes = (*notes, f"changed there by somebody, and replaced: {', '.join(lost)}.")
        removed = sorted(path for path in known if path in there and path not in wanted and path not in _GITS)
        made = _differing(wanted, there)
        return Change(made.files, tuple(removed), notes)

    return decide


def _readme(
    names: Names, title: str | None, there: str | None, space: HubRepository, known: Mapping[str, str]
) -> tuple[str, tuple[str, ...]]:
    """The Space's README, and what there is to say of it."""
    if there is None or is_ours(there) or (not known and is_the_hubs(there)):
        kept = title_of(there) if there is not None and is_ours(there) else None
        return space_card(names, title or kept or TITLE), ()
    asked = " --title was passed over." if title else ""
    note = f"{CARD} was written by somebody else: its text stays, and only the metadata that the page needs is renewed."
    return with_needs(there, space.url), (note + asked,)


def _differing(wanted: Mapping[str, bytes], there: Mapping[str, RemoteFile]) -> Change:
    changed = {path: content for path, content in wanted.items() if path not in there or not there[path].holds(content)}
    _refuse_secrets(changed)
    return Change(changed)


def _refuse_secrets(files: Mapping[str, bytes]) -> None:
    from huggingface_hub import get_token

    refuse_secrets(files, get_token())


def _privacy_notes(wish: Wish, parts: list[Part]) -> tuple[str, ...]:
    from huggingface_hub import constants

    notes = [
        f"{part.repository.url} is there and public, and stays so: --private is for what is created."
        for part in parts
        if wish.private and part.exists and not part.private
    ]
    if parts[0].private:
        notes.append(
            f"{parts[0].repository.url} is private, so the page needs a token that may read it and nothing else: "
            f"add it as the secret HF_TOKEN at {constants.ENDPOINT}/spaces/{wish.space}/settings."
        )
    return tuple(notes)


def _message(repository: HubRepository, names: Names) -> str:
    from suite import __version__

    if repository.kind == "space":
        return f"Publish the page of Breadth {__version__}"
    return f"Describe this repository of the board {names.space}"


def _nothing_there(path: str) -> bytes:
    raise FileNotFoundError(path)
