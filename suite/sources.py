"""Files of public data: a copy under BREADTH_DATA where there is one, else a pinned download into the cache.

Either way the bytes are checked: a source's sha256 is that of the uncompressed file, so a gzipped local copy and
the original agree, and a mirror that changed is refused. `nothing_fetched` keeps all of a block off the network.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from suite.atomic import atomic_file, storage_errors
from suite.errors import StorageError
from suite.hashing import content_key, file_sha256
from suite.home import cache_folder, data_folder
from suite.reporting import Progress, no_progress

if TYPE_CHECKING:
    from suite.track import Source

CONNECT_SECONDS = 15.0
READ_SECONDS = 60.0


def fetch(source: Source, *, notify: Callable[[str], None], progress: Progress = no_progress) -> Path:
    """The path of a source's uncompressed file, on this machine.

    Looks under BREADTH_DATA first (the path as stated, or with `.gz` added or taken off), then in the cache, then
    downloads. `notify` is told which place was taken whenever something is unpacked or downloaded; `progress`
    counts downloaded bytes. Raises StorageError when no place has the file, or has another file.
    """
    local = local_copy(source)
    if local is not None and local.suffix != ".gz":
        _check(local, source, f"the local copy {local}")
        return local
    if local is None and not source.url:
        raise StorageError(_not_here(source) + " It has no public address of its own to download from.")
    from filelock import FileLock

    target = _cache_place(source)
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{target}.lock")
        lock.acquire()
    try:
        if target.exists() and (source.sha256 is None or file_sha256(target) == source.sha256):
            return target
        if target.exists():
            notify(f"The cached copy of {source.local} is damaged; getting it again.")
        if local is not None:
            notify(f"Unpacking {source.local} from {local}.")
            _unpack(local, target, source)
        elif not _fetching:
            raise StorageError(_not_here(source) + " Only a run downloads it.")
        else:
            notify(f"Downloading {source.local} from {source.url}.")
            _download(source, target, progress)
    finally:
        lock.release()
    return target


_fetching = True


@contextmanager
def nothing_fetched() -> Iterator[None]:
    """Download nothing in the block, neither from public addresses nor from the Hub: what is not here is an error."""
    global _fetching
    from huggingface_hub import constants

    before = _fetching, constants.HF_HUB_OFFLINE
    _fetching, constants.HF_HUB_OFFLINE = False, True
    try:
        yield
    finally:
        _fetching, constants.HF_HUB_OFFLINE = before


def is_fetching() -> bool:
    """Whether anything may be downloaded: not within `nothing_fetched`."""
    return _fetching


def local_copy(source: Source) -> Path | None:
    """The file of a source under BREADTH_DATA, plain or gzipped and not yet checked; None where there is none."""
    folder = data_folder()
    if folder is None:
        return None
    names = [source.local, source.local.removesuffix(".gz"), f"{source.local}.gz"]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _cache_place(source: Source) -> Path:
    key = source.sha256 or content_key([source.url, source.local])
    return cache_folder() / "sources" / key / PurePosixPath(source.local).name.removesuffix(".gz")


def _unpack(packed: Path, target: Path, source: Source) -> None:
    with atomic_file(target) as temporary:
        try:
            with gzip.open(packed, "rb") as file, temporary.open("wb") as out:
                shutil.copyfileobj(file, out)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise StorageError(f"{packed} is no whole gzip file ({error}); copy it again.") from error
        _check(temporary, source, f"the local copy {packed}")


def _download(source: Source, target: Path, progress: Progress) -> None:
    import httpx

    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    packed = urlsplit(source.url).path.endswith(".gz")
    # Window bits of 47 make zlib accept a gzip header.
    inflate = zlib.decompressobj(wbits=47) if packed else None
    digest = hashlib.sha256()
    with atomic_file(target) as temporary:
        try:
            with (
                httpx.stream("GET", source.url, timeout=timeout, follow_redirects=True) as answer,
                temporary.open("wb") as out,
            ):
                answer.raise_for_status()
                total = int(answer.headers.get("content-length", 0))
                for block in answer.iter_bytes(1 << 18):
                    plain = inflate.decompress(block) if inflate else block
                    digest.update(plain)
                    out.write(plain)
                    progress(answer.num_bytes_downloaded, total)
        except (httpx.HTTPError, httpx.InvalidURL, zlib.error) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise StorageError(f"{_not_here(source)} Downloading {source.url} failed: {reason}.") from error
        if inflate and not inflate.eof:
            raise StorageError(f"Downloading {source.url} ended in the middle of the file; run again.")
        if source.sha256 is not None and digest.hexdigest() != source.sha256:
            raise StorageError(
                f"{source.url} gave a file with sha256 {digest.hexdigest()}, stated is {source.sha256}; it is not used."
            )


def _check(path: Path, source: Source, what: str) -> None:
    if source.sha256 is not None and (found := file_sha256(path)) != source.sha256:
        raise StorageError(f"{what} has sha256 {found}, stated is {source.sha256}; it is not used. Copy it again.")


def _not_here(source: Source) -> str:
    folder = data_folder()
    if folder is None:
        return f"{source.local} is not on this machine (BREADTH_DATA is not set)."
    return f"{source.local} is not in BREADTH_DATA ({folder})."
