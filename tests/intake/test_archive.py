"""Archives: the same files give the same bytes, and whatever else a stranger sends is noted, bounded and left out."""

from __future__ import annotations

import gzip
import io
import os
import random
import subprocess
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sent import checked, code, entry, index_only, tar_gz, tiny_surroundings

from suite.intake.archive import LARGEST, MOST_ENTRIES, UnreadableError, identity, pack, read, unpack, write_files
from suite.intake.check import check, check_archive
from suite.intake.rules import Problem, Problems
from suite.intake.submission import CODE, MANIFEST, SELECTION

NAMES = [MANIFEST, SELECTION, CODE]


def opened(archive: bytes) -> tuple[dict[str, bytes], list[Problem]]:
    problems = Problems()
    return unpack(archive, problems), list(problems)


@given(st.dictionaries(st.sampled_from(NAMES), st.binary(max_size=3000)))
@settings(max_examples=100, deadline=None)
def test_what_is_packed_is_unpacked(files: dict[str, bytes]) -> None:
    archive = pack(files)
    assert opened(archive) == (files, [])
    backwards = dict(reversed(files.items()))
    assert (pack(backwards), identity(backwards)) == (archive, identity(files))


def test_the_identity_is_of_names_and_contents() -> None:
    made = {identity(files) for files in ({MANIFEST: b"a"}, {MANIFEST: b"b"}, {SELECTION: b"a"}, {})}
    assert len(made) == 4
    # Fixed for ever: requests are kept under it.
    assert identity({MANIFEST: b"a"}) == "2687951f1c6feabcfd0e2a31c76cc7b1afaf99eb7a4dfd7ac8f93119033451ed"


@pytest.mark.parametrize("arguments", [("my-method",), ("-C", "my-method", "."), ("--format=pax", "my-method")])
def test_an_archive_made_by_hand_is_taken(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    files = index_only()
    write_files(files, tmp_path / "my-method")
    made = subprocess.run(["tar", "czf", "-", "-C", str(tmp_path), *arguments], capture_output=True, check=True).stdout
    assert opened(made) == (files, [])
    assert check_archive(made, tiny_surroundings()).sha256 == identity(files)


GOOD = entry(MANIFEST, b"name = 1\n")
HOSTILE = {
    "symbolic link": (tar_gz(entry(MANIFEST, type=tarfile.SYMTYPE, linkname="/etc/passwd")), "regular-file"),
    "hard link": (tar_gz(entry(MANIFEST, type=tarfile.LNKTYPE, linkname="../secret")), "regular-file"),
    "device": (tar_gz(entry(MANIFEST, type=tarfile.CHRTYPE, devmajor=1, devminor=5)), "regular-file"),
    "pipe": (tar_gz(entry(MANIFEST, type=tarfile.FIFOTYPE)), "regular-file"),
    "sparse": (tar_gz(entry(MANIFEST, type=tarfile.GNUTYPE_SPARSE)), "regular-file"),
    "folder of a file's name": (tar_gz(entry(MANIFEST, type=tarfile.DIRTYPE), entry("x")), "regular-file"),
    "absolute": (tar_gz(entry(f"/{MANIFEST}", b"x")), "file-name"),
    "parent": (tar_gz(entry(f"../{MANIFEST}", b"x")), "file-name"),
    "parent inside": (tar_gz(entry(f"a/../{MANIFEST}", b"x")), "file-name"),
    "backslash": (tar_gz(entry(f"..\\{MANIFEST}", b"x")), "file-name"),
    "deep": (tar_gz(entry(f"a/b/{MANIFEST}", b"x")), "file-name"),
    "two folders": (tar_gz(entry(f"a/{MANIFEST}", b"x"), entry(f"b/{CODE}", b"x")), "file-name"),
    "twice": (tar_gz(GOOD, GOOD), "file-name"),
    "another case": (tar_gz(GOOD, entry("Submission.TOML", b"x")), "file-name"),
    "no name": (tar_gz(entry("", b"x")), "file-name"),
    "another file": (tar_gz(GOOD, entry("model.pkl", b"x")), "files"),
    "many files": (tar_gz(*(entry(f"file-{number}") for number in range(MOST_ENTRIES + 1))), "files"),
    "too large inside": (tar_gz(entry(MANIFEST, b" " * (LARGEST[MANIFEST] + 1))), "file-size"),
    "zip": (b"PK\x03\x04" + bytes(100), "archive"),
    "empty": (b"", "archive"),
    "no tar": (gzip.compress(b"hello" * 500), "archive"),
    "cut short": (tar_gz(GOOD)[:-20], "archive"),
    "cut tar": (gzip.compress(gzip.decompress(tar_gz(GOOD))[:515]), "archive"),
    "after its end": (tar_gz(GOOD) + b"more", "archive"),
    "two in one": (tar_gz(GOOD) + tar_gz(GOOD), "archive"),
    "a hidden second archive": (gzip.compress(gzip.decompress(tar_gz(GOOD)) * 2), "archive"),
    "a broken second header": (gzip.compress(gzip.decompress(tar_gz(GOOD))[:1024] + b"x" * 1024), "archive"),
    "larger than sent": (os.urandom(1024) * (2**14 + 1), "file-size"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_gets_a_problem(name: str) -> None:
    archive, rule = HOSTILE[name]
    files, problems = opened(archive)
    assert rule in {problem.rule for problem in problems}, problems
    assert files.keys() <= {MANIFEST}
    assert not check_archive(archive, tiny_surroundings()).passed


def test_a_header_cannot_lie_about_its_size() -> None:
    member, _ = entry(MANIFEST)
    member.size = 16_000
    files, problems = opened(gzip.compress(member.tobuf(tarfile.USTAR_FORMAT) + b"x" * 512))
    assert files == {}
    assert {problem.rule for problem in problems} & {"archive"}


def test_a_bomb_takes_no_memory() -> None:
    page = io.BytesIO()
    with gzip.GzipFile(fileobj=page, mode="wb", compresslevel=9) as file:
        for _ in range(80):
            file.write(bytes(2**20))
    bomb = page.getvalue()
    assert len(bomb) < 2**19
    tracemalloc.start()
    files, problems = opened(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (files, [problem.rule for problem in problems]) == ({}, ["file-size"])
    assert peak < 3 * sum(LARGEST.values())


def test_a_folder_is_read_with_bounds(tmp_path: Path) -> None:
    folder = tmp_path / "sent"
    folder.mkdir()
    (folder / MANIFEST).symlink_to("/etc/hostname")
    os.mkfifo(folder / SELECTION)
    (folder / CODE).write_bytes(b"#" * (LARGEST[CODE] + 10))
    problems = Problems()
    assert read(folder, problems) == {}
    assert [(problem.rule, problem.file) for problem in problems] == [
        ("regular-file", SELECTION),
        ("file-size", CODE),
        ("regular-file", MANIFEST),
    ]
    for number in range(MOST_ENTRIES + 5):
        (folder / f"file-{number}").touch()
    assert "files" in {problem.rule for problem in check(folder, tiny_surroundings()).problems}


@pytest.mark.parametrize("place", ["absent", "pipe", "/dev/null", "link"])
def test_what_is_neither_folder_nor_archive_is_refused(tmp_path: Path, place: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    with pytest.raises(UnreadableError, match="Give a submission's folder, or its archive"):
        read(tmp_path / place, Problems())


def test_a_folder_and_its_archive_get_the_same_report(tmp_path: Path) -> None:
    for files in (index_only(), code(), {MANIFEST: b"name = 1", SELECTION: b"x\n\n"}):
        folder = tmp_path / identity(files)[:8]
        write_files(files, folder)
        archive = folder.with_suffix(".tar.gz")
        archive.write_bytes(pack(files))
        reports = [check(place, tiny_surroundings()) for place in (folder, archive)]
        assert reports[0] == reports[1]
        assert reports[0].passed is checked(files).passed


TYPES = [tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE]
TYPES += [tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE, b"Z"]
PARTS = st.sampled_from([*NAMES, "..", ".", "", "a", "Submission.toml", "~", "\ud800", "x" * 300, "\\", "con"])
ENTRIES = st.builds(
    lambda parts, content, type, link, headers: entry(
        "/".join(parts), content, type=type, linkname=link, pax_headers=headers
    ),
    st.lists(PARTS, min_size=1, max_size=3),
    st.sampled_from([b"", b"x", b"name = 'a'", b"{}\n" * 9, bytes(600)]) | st.binary(max_size=40),
    st.sampled_from(TYPES),
    st.sampled_from(["", MANIFEST, "/etc/passwd"]),
    st.dictionaries(st.sampled_from(["size", "path", "GNU.sparse.major", "mtime"]), st.sampled_from(["0", "9", "é"])),
)


def assert_harmless(entries: list[tuple[tarfile.TarInfo, bytes]], seed: int, harm: str) -> None:
    """Whatever an archive of these entries becomes when bytes are changed, the answer is a bounded report."""
    chance = random.Random(seed)
    try:
        archive = tar_gz(*entries, format=chance.choice([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]))
    except (ValueError, UnicodeEncodeError):
        return  # Python's own writer refuses some names
    body = bytearray(gzip.decompress(archive))
    for _ in range(chance.randint(1, 8) if "flip" in harm else 0):
        body[chance.randrange(min(len(body), 4096))] = chance.randrange(256)
    if "cut" in harm:
        del body[chance.randrange(len(body)) :]
    archive = gzip.compress(bytes(body), mtime=0)
    if "gz" in harm:
        place = chance.randrange(len(archive))
        archive = archive[:place] + bytes([chance.randrange(256)]) + archive[place + 1 :]
    report = check_archive(archive, tiny_surroundings())
    assert report.files.keys() <= set(LARGEST)
    assert all(len(content) <= LARGEST[name] for name, content in report.files.items())
    assert not report.passed
    for problem in report.problems:
        assert problem.file.isprintable()
        assert problem.value.isprintable()
    again = check_archive(pack(report.files), tiny_surroundings())
    assert again.files == report.files


HOSTILE_ARCHIVES = (
    st.lists(ENTRIES, max_size=4),
    st.integers(0, 2**32),
    st.sampled_from(["", "flip", "cut", "flip and cut", "gz"]),
)
UNHURRIED = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@given(*HOSTILE_ARCHIVES)
@settings(max_examples=150, **UNHURRIED)
def test_no_archive_does_harm(entries: list[tuple[tarfile.TarInfo, bytes]], seed: int, harm: str) -> None:
    assert_harmless(entries, seed, harm)


@pytest.mark.long
@pytest.mark.timeout(3600)
@given(*HOSTILE_ARCHIVES)
@settings(max_examples=20_000, **UNHURRIED)
def test_no_archive_of_very_many_does_harm(entries: list[tuple[tarfile.TarInfo, bytes]], seed: int, harm: str) -> None:
    assert_harmless(entries, seed, harm)
