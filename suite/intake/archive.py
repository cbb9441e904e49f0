"""A submission's files, read with bounds from a folder or an archive that a stranger may have made; and its archive.

`pack` gives the same bytes for the same files on every machine with the same zlib: a gzipped tar of regular files at
its root, in the order of their names, without times, owners or modes of their own. The identity of a submission is
`identity`, the sha256 of that tar before it is compressed, which no version of zlib changes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import tarfile
import unicodedata
import zlib
from collections.abc import Mapping
from pathlib import Path

from suite.atomic import write_bytes
from suite.errors import BreadthError
from suite.intake.rules import Problems, shown
from suite.intake.submission import CODE, MANIFEST, SELECTION

LARGEST = {MANIFEST: 16 * 2**10, CODE: 128 * 2**10, SELECTION: 64 * 2**20}
"""Bytes of each file that a submission may hold. Reading TOML takes time that grows with the square of its size."""
LARGEST_ARCHIVE = 16 * 2**20
"""Bytes of an archive as it is sent."""
LARGEST_UNPACKED = sum(LARGEST.values()) + 2**16
MOST_ENTRIES = 20
"""Files and folders looked at; a submission holds two."""
_HARMLESS = {"mtime", "atime", "ctime", "uid", "gid", "uname", "gname"}
"""Extended headers that change nothing of a file's content; Python and macOS write them unasked."""

Files = dict[str, bytes]


class UnreadableError(BreadthError):
    """There is no submission to check: neither a folder nor an archive, or it may not be read."""

    exit_code = 2


def read(path: Path, problems: Problems) -> Files:
    """The files of a folder, or of an archive. Raises UnreadableError when it is neither or may not be read."""
    try:
        if path.is_dir():
            return _read_folder(path, problems)
        content = _read_regular(str(path), LARGEST_ARCHIVE)
    except OSError as error:
        raise UnreadableError(
            f"{path} cannot be read: {error.strerror or error}. Give a submission's folder, or its archive (.tar.gz)."
        ) from error
    if content is None:
        raise UnreadableError(f"{path} is neither a folder nor a file. Give a submission's folder, or its archive.")
    return unpack(content, problems)


def _read_folder(folder: Path, problems: Problems) -> Files:
    files: Files = {}
    with os.scandir(folder) as entries:
        # No more is listed of a folder of a million files than it takes to say that it is none of ours.
        names = [entry.name for entry, _ in zip(entries, range(MOST_ENTRIES + 1), strict=False)]
    if len(names) > MOST_ENTRIES:
        problems.add("files", ".", None, f"more than {MOST_ENTRIES} files")
    for name in sorted(names):
        if name not in LARGEST:
            problems.add("files", name, None, "no file of a submission")
            continue
        content = _read_regular(os.path.join(folder, name), LARGEST[name])
        if content is None:
            problems.add("regular-file", name, None, "not a regular file")
        else:
            _take(name, content, files, problems)
    return files


def _read_regular(path: str, limit: int) -> bytes | None:
    """At most limit + 1 bytes of a regular file; None for anything else, which is not followed nor waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        raise
    with os.fdopen(descriptor, "rb") as file:
        return file.read(limit + 1) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


def _take(name: str, content: bytes, files: Files, problems: Problems) -> None:
    if len(content) > LARGEST[name]:
        _too_large(name, problems)
    else:
        files[name] = content


def _too_large(name: str, problems: Problems) -> None:
    problems.add("file-size", name, None, f"more than {LARGEST[name] // 2**10:,} KiB")


def pack(files: Mapping[str, bytes]) -> bytes:
    """The archive of a submission's files: deterministic, see the module."""
    return gzip.compress(_tar(files), compresslevel=9, mtime=0)


def identity(files: Mapping[str, bytes]) -> str:
    """The sha256 (hex) of the files with their names: the identity of a submission."""
    return hashlib.sha256(_tar(files)).hexdigest()


def _tar(files: Mapping[str, bytes]) -> bytes:
    page = io.BytesIO()
    with tarfile.open(fileobj=page, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(files[name]))
    return page.getvalue()


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write a submission's files into a folder, each whole or not at all; only names of the format are written."""
    for name in LARGEST:
        if name in files:
            write_bytes(folder / name, files[name])


def unpack(content: bytes, problems: Problems) -> Files:
    """The files of an archive, in memory; whatever else it holds is noted and left out.

    An archive that was made by hand is taken too: with its files at the root or in one folder. Reading takes no more
    memory than the limits allow, whatever the archive claims.
    """
    if len(content) > LARGEST_ARCHIVE:
        size = f"more than {LARGEST_ARCHIVE // 2**20} MiB packed"
        problems.add("file-size", "archive", None, size)
        return {}
    tar = _decompress(content, problems)
    if tar is None:
        return {}
    members, end = _members(tar, problems)
    # tarfile takes a header that it does not understand for the end of the archive.
    if any(tar[end:].strip(b"\0")):
        problems.add("archive", "archive", None, "something after its last file")
    return _files(tar, members, problems)


def _decompress(content: bytes, problems: Problems) -> bytes | None:
    engine = zlib.decompressobj(wbits=31)
    try:
        tar = engine.decompress(content, LARGEST_UNPACKED + 1)
    except zlib.error:
        problems.add("archive", "archive", None, "not gzip, or damaged")
        return None
    if len(tar) > LARGEST_UNPACKED:
        problems.add("file-size", "archive", None, f"more than {LARGEST_UNPACKED // 2**20} MiB unpacked")
        return None
    if not engine.eof:
        problems.add("archive", "archive", None, "cut short")
        return None
    if engine.unused_data:
        problems.add("archive", "archive", None, "something after its end")
    return tar


def _members(tar: bytes, problems: Problems) -> tuple[list[tarfile.TarInfo], int]:
    """The entries (at most MOST_ENTRIES + 1), and where the last of them ends."""
    members: list[tarfile.TarInfo] = []
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:", encoding="utf-8", errors="surrogateescape") as opened:
            while len(members) <= MOST_ENTRIES and (member := opened.next()) is not None:
                members.append(member)
            end = opened.offset
    except (tarfile.TarError, ValueError, OverflowError, EOFError, OSError, LookupError) as error:
        problems.add("archive", "archive", None, f"no tar file: {error}")
        return members, len(tar)
    if len(members) > MOST_ENTRIES:
        problems.add("files", "archive", None, f"more than {MOST_ENTRIES} files")
        return members, len(tar)
    return members, end


def _files(tar: bytes, members: list[tarfile.TarInfo], problems: Problems) -> Files:
    files: Files = {}
    names = _plain_names(members)
    seen: dict[str, str] = {}
    for member, name in zip(members, names, strict=True):
        if name is None or _is_unsafe(member.name) or (name == "" and member.type != tarfile.DIRTYPE):
            problems.add("file-name", member.name or "archive", None, member.name)
        elif name == "":
            continue
        elif not _is_regular(member):
            problems.add("regular-file", name, None, _kind(member))
        elif (folded := unicodedata.normalize("NFKC", name).casefold()) in seen:
            problems.add("file-name", name, None, f"{shown(seen[folded])} is there already")
        else:
            seen[folded] = name
            if name not in LARGEST:
                problems.add("files", name, None, "no file of a submission")
            elif member.size > LARGEST[name]:
                _too_large(name, problems)
            else:
                content = tar[member.offset_data : member.offset_data + member.size]
                if len(content) == member.size:
                    files[name] = content
                else:
                    problems.add("archive", name, None, "cut short")
    return files


def _plain_names(members: list[tarfile.TarInfo]) -> list[str | None]:
    """Names without `./` and without the one folder that holds everything; None for what lies elsewhere."""
    parts = [[part for part in member.name.split("/") if part not in ("", ".")] for member in members]
    tops = {part[0] for part in parts if part}
    inside = len(tops) == 1 and any(len(part) == 2 for part in parts)
    plain: list[str | None] = []
    for part in parts:
        rest = part[1:] if inside else part
        plain.append(rest[0] if len(rest) == 1 else "" if not rest else None)
    return plain


def _is_unsafe(name: str) -> bool:
    return name.startswith("/") or ".." in name.split("/") or "\\" in name or "\0" in name or len(name) > 200


def _is_regular(member: tarfile.TarInfo) -> bool:
    regular = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
    return regular and member.pax_headers.keys() <= _HARMLESS


def _kind(member: tarfile.TarInfo) -> str:
    kinds = {tarfile.SYMTYPE: "symbolic link", tarfile.LNKTYPE: "hard link", tarfile.DIRTYPE: "folder"}
    if member.type in kinds:
        return kinds[member.type]
    return "device or pipe" if member.isdev() else "unusual entry"
