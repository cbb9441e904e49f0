"""The store in a dataset repository on the Hub: reads a mirror, records into a spool, publishes what waits in it."""

from __future__ import annotations

import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from suite.atomic import storage_errors
from suite.errors import HubRefused, HubUnavailable, StoreError
from suite.home import home
from suite.reporting import Progress, no_progress
from suite.results import Result
from suite.stores.hub.commits import append_records, batches, replace_files
from suite.stores.hub.mirror import OWN_FOLDER, Mirrored, fetch_file, mirror, mirrored
from suite.stores.hub.patience import AT_ONCE, ONE_TRY, READING, Patience, persist
from suite.stores.hub.repository import HubRepository, is_version
from suite.stores.hub.spool import Spool
from suite.stores.local import LocalStore
from suite.stores.protocol import Blob, Skipped
from suite.stores.records import as_record, checked_file, checked_path, read_record

LARGEST_FOLDER = 10_000
"""Entries; the Hub advises no more in one folder."""
GLANCE_SECONDS = 60.0
"""How old the mirror may be when a running experiment asks whether somebody else has finished a cell."""
GLANCE_SECONDS_IN_TROUBLE = 600.0
"""The same while the Hub is away: a lane must not spend its time waiting for it."""


class HubStore:
    """Results in `hf://datasets/ORG/NAME`; see `suite.stores.protocol.Store`.

    What is put is on this disk when `put` returns, in the spool and among what is read; `publish` brings it to the
    Hub. What is read is a mirror, brought up to date when reading begins; while the Hub is away the mirror
    stays as it was, and `trouble` says so.
    """

    def __init__(
        self,
        name: str,
        *,
        base: Path | None = None,
        reading: Patience = READING,
        folders: Sequence[str] = (),
        endings: Sequence[str] = (),
    ):
        self.name = name
        self.folders = tuple(folders)
        """The only folders of the repository that are mirrored; none stands for all."""
        self.endings = tuple(endings)
        """The only endings of files that are mirrored; none stands for all."""
        self.repository = HubRepository(name)
        self.url = self.repository.url
        self.base = base or hub_folder(name)
        self.local = LocalStore(self.base / "store")
        self.folder = self.local.folder
        self.spool = Spool(self.base / "spool")
        self.trouble: str | None = None
        self.held_back: list[Skipped] = []
        """What the latest `publish` left in the spool although the Hub answers, and why."""
        self.arrived: Callable[[], None] = lambda: None
        """Called after each `put`."""
        self._reading = reading
        self._guard = threading.RLock()
        self._looked = float("-inf")
        self._track: str | None = None
        self._state = mirrored(self.folder, self.url)

    @classmethod
    def for_reader(cls, name: str, folders: Sequence[str]) -> HubStore:
        """The store with a mirror of its own of some folders; anything else is had by `fetch`, file by file."""
        return cls(name, base=hub_folder(name) / "reader", folders=folders)

    @classmethod
    def for_requests(cls, name: str) -> HubStore:
        """The store of requests with a mirror of records and logs: no archive of a stranger is fetched."""
        own = ("requests", "workers", "authors", "names")
        return cls(name, base=hub_folder(name) / "records", folders=own, endings=(".json", ".log"))

    @property
    def versions(self) -> Mapping[str, str]:
        """The version of every file that the mirror has from the Hub, by its path."""
        return self._state.versions

    @property
    def skipped(self) -> list[Skipped]:
        """What the latest reading passed over, with the files that were not even fetched."""
        start = f"results/{self._track}/" if self._track else "results/"
        return [*self.local.skipped, *(file for file in self._state.refused if file.path.startswith(start))]

    @property
    def superseded(self) -> int:
        """How many records the latest `results` left out because a later record corrects them."""
        return self.local.superseded

    @property
    def as_of(self) -> datetime | None:
        """When the mirror was last known to be the newest commit."""
        return self._state.fetched_at

    def put(self, result: Result) -> str:
        """Record a result on this disk, to be published; one of the same content stays as it is."""
        content = as_record(result)
        if not (self.local.holds(result.path) and result.path in self._state.versions):
            # First into the spool: whatever happens then, it will be published.
            self.spool.add(result.path, content)
            self.local.put_content(result.path, content)
            self.arrived()
        return result.path

    def put_many(self, results: Iterable[Result]) -> list[str]:
        """Record results one by one, in the order given."""
        return [self.put(result) for result in results]

    def results(self, track: str | None = None) -> Iterator[Result]:
        """Every valid record (of one track) on the Hub and in the spool, in the order of the paths."""
        self.refresh()
        self._track = track
        yield from self.local.results(track)

    def of_cell(self, cell_id: str) -> list[Result]:
        """The valid records of one cell that none corrects, as of a minute ago at most while the Hub answers."""
        self.refresh(older_than=GLANCE_SECONDS_IN_TROUBLE if self.trouble else GLANCE_SECONDS)
        return self.local.of_cell(cell_id)

    def paths(self, prefix: str = "") -> list[str]:
        """The sorted paths of all files that begin with `prefix`."""
        self.refresh()
        return self.local.paths(prefix)

    def read(self, path: str) -> Blob | None:
        """The file at `path` as the Hub has it (while it is away: as it was last seen)."""
        self.refresh()
        found = self.local.read(checked_path(path))
        version = self._state.versions.get(path)
        if not found or not version:
            return None
        if path.startswith(OWN_FOLDER) and not is_version(found.content, version):
            # What lies here was made here, and is not what the Hub has.
            with tempfile.TemporaryDirectory() as folder:
                fetch_file(self.repository, Path(folder), path, self._state.commit, self._reading)
                return Blob((Path(folder) / path).read_bytes(), version)
        return Blob(found.content, version)

    def fetch(self, path: str) -> bytes:
        """A single file as of the mirrored commit, fetched unless it lies here; waits for no refresh under way.

        Raises StoreError where there is none or it is too large, HubUnavailable or HubRefused.
        """
        target = self.folder / checked_path(path)
        if not target.is_file():
            if not self._state.commit:
                raise HubUnavailable(self.trouble or f"{self.url} was not read yet. Try again.")
            fetch_file(self.repository, self.folder, path, self._state.commit, AT_ONCE)
        with storage_errors(target):
            return target.read_bytes()

    def write(
        self, files: Mapping[str, bytes], *, expected: Mapping[str, str | None] | None = None, message: str = ""
    ) -> None:
        """Write files other than results in one commit, at once; nothing of it is spooled."""
        for path in files:
            checked_file(path)
        replace_files(self.repository, files, expected or {}, message, Patience())

    def refresh(self, *, older_than: float = 0.0, progress: Progress = no_progress, verify: bool = False) -> Mirrored:
        """Bring the mirror up to date if that was last tried more than `older_than` seconds ago.

        Raises nothing when the Hub is away or refuses: `trouble` and `as_of` tell, and the mirror stays as it was.
        """
        with self._guard:
            if time.monotonic() - self._looked < older_than:
                return self._state
            try:
                self._state = mirror(
                    self.repository,
                    self.folder,
                    folders=self.folders,
                    endings=self.endings,
                    verify=verify,
                    patience=self._reading,
                    progress=progress,
                )
                self.trouble = None
            except (HubUnavailable, HubRefused) as error:
                self.trouble = str(error)
            self._restore()
            self._looked = time.monotonic()
            return self._state

    def check(self, *, write: bool = True) -> None:
        """Raise HubRefused or HubUnavailable unless the repository can be read, or written to."""
        persist(lambda: self.repository.check(write=write), self.url, ONE_TRY)

    def create(self, *, private: bool) -> None:
        """Create the repository unless it is there."""
        persist(lambda: self.repository.create(private=private), self.url, READING)

    def waiting(self) -> int:
        """How many records the Hub has not confirmed yet."""
        return len(self.spool.sizes())

    def publish(self, *, patience: Patience | None = None, progress: Progress = no_progress) -> int:
        """Commit what waits in the spool, batch by batch; returns how many records the Hub has confirmed.

        Raises HubUnavailable or HubRefused with whatever is not confirmed still in the spool, and StoreError while
        another process of this machine publishes it.
        """
        lock = FileLock(self.base / "publish.lock")
        with storage_errors(self.base):
            self.base.mkdir(parents=True, exist_ok=True)
        try:
            with lock.acquire(timeout=1):
                return self._publish(patience or Patience(), progress)
        except Timeout:
            raise HubUnavailable(f"Another process is publishing to {self.url} from {self.base} just now.") from None

    def _publish(self, patience: Patience, progress: Progress) -> int:
        self.held_back = []
        sizes, room = self.spool.sizes(), _Room(self.folder)
        sound = {path: size for path, size in sizes.items() if self._is_sound(path, room)}
        confirmed = 0
        for batch in batches(sound):
            records = {path: content for path in batch if (content := self.spool.read(path)) is not None}
            append_records(self.repository, records, patience)
            for path in batch:
                self.spool.drop(path)
            confirmed += len(batch)
            progress(confirmed, len(sound))
        return confirmed

    def _is_sound(self, path: str, room: _Room) -> bool:
        content = self.spool.read(path)
        if content is None:
            return False
        record = read_record(path, content)
        if isinstance(record, Skipped):
            self.held_back.append(record)
        elif not room.has(path):
            self.held_back.append(Skipped(path, f"its folder would hold more than {LARGEST_FOLDER:,} entries"))
        else:
            return True
        return False

    def _restore(self) -> None:
        """Put what waits in the spool among what is read, where a crash or the mirror has left it out."""
        for path in self.spool.sizes():
            if (content := self.spool.read(path)) is not None:
                self.local.put_content(path, content)


class _Room:
    """Counts the entries of the folders that records would go to."""

    def __init__(self, root: Path):
        self._root = root
        self._entries: dict[Path, int] = {}

    def has(self, path: str) -> bool:
        """Whether the record's folder and the one above keep within the limit; what is read here is there already."""
        return all(self._count(folder) <= LARGEST_FOLDER for folder in (self._root / path).parents[:2])

    def _count(self, folder: Path) -> int:
        if folder not in self._entries:
            self._entries[folder] = len(os.listdir(folder)) if folder.is_dir() else 0
        return self._entries[folder]


def hub_folder(name: str) -> Path:
    """Where a repository's mirror and spool live; every Hub (HF_ENDPOINT) has its own."""
    from huggingface_hub import constants

    host = re.sub(r"[^A-Za-z0-9.-]", "-", urlsplit(constants.ENDPOINT).netloc)
    return home() / "hub" / host / name


def spooled_stores() -> list[HubStore]:
    """The stores of this Hub whose spools on this disk hold records that wait to be published."""
    root = hub_folder("")
    found = []
    for spool in sorted(root.glob("*/*/spool")):
        store = HubStore(f"{spool.parent.parent.name}/{spool.parent.name}")
        if store.waiting():
            found.append(store)
    return found


def hub_store(store: object) -> HubStore:
    """`store` itself. Raises StoreError when it is not on the Hub."""
    if not isinstance(store, HubStore):
        raise StoreError("This needs a store on the Hub. Write --store hf://datasets/ORG/NAME.")
    return store
