"""What holds a piece of strangers' code: a child of bubblewrap that sees an interpreter, libraries and its own input.

Namespaces of its own for processes, network (not even a loopback address is up to anything: no socket can be made, see
`seccomp`), mounts, host name and IPC. Its root is read-only and holds what Python needs and what is handed in; `/tmp`
and `/dev/shm` are its own, bounded, and gone afterwards. The environment is empty but for a few lines written here. It
runs without any capability as a user that owns nothing: where Breadth is started as root, as a number that is nobody's;
else as an otherwise empty name for the user who started it, in a user namespace.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from suite.errors import BreadthError
from suite.intake.sandbox import seccomp
from suite.intake.sandbox.libraries import hidden_folders, library_places, standard_folders
from suite.intake.sandbox.limits import Limits

UNOWNED = range(61_184, 65_520)
"""Numbers of users that systems leave for passing use (systemd's dynamic users)."""
NOBODY = 65_534
PROGRAM = "/breadth"
"""Where the modules that a strategy may import lie inside."""
LIBRARIES = "/libraries"
MODULES = (
    *(f"suite/{name}.py" for name in ("__init__", "atomic", "errors", "extras", "hashing", "registry", "reporting")),
    *(f"suite/{name}.py" for name in ("sealed", "selection", "strict_json", "templates")),
    "suite/features",
    "suite/pool",
    "strategies/__init__.py",
    "strategies/kernels",
)
"""Of Breadth's own code that alone: no track, no evaluation, no generator of worlds."""
HOW = (
    "Install bubblewrap (Debian and Ubuntu: apt-get install bubblewrap) and let it make namespaces: an ordinary user "
    "needs user namespaces (sysctl user.max_user_namespaces above 0; on Ubuntu 24.04 also an AppArmor profile for "
    "bwrap), a container the right to make them."
)
PROBE_SECONDS = 30


class SandboxMissing(BreadthError):  # noqa: N818 - a state of the machine
    """This machine cannot isolate strangers' code; the message says why, and how to get it."""


@dataclass(frozen=True)
class Handed:
    """What a run may read, by its place inside: files and folders of this machine, all read-only."""

    places: Mapping[str, Path]


@dataclass(frozen=True)
class Isolation:
    """The way this machine isolates. `as_root` says that the child drops to a number that is nobody's."""

    bwrap: str
    as_root: bool
    filter: bytes

    @property
    def words(self) -> str:
        """In a few words, for logs."""
        user = "a user number that is nobody's" if self.as_root else "a user namespace"
        return f"bubblewrap, {user}, a filter of system calls"

    def user(self) -> int | None:
        """The user number the child changes to, a new one each time; None where its namespace does it."""
        return secrets.choice(UNOWNED) if self.as_root else None

    @contextmanager
    def command(
        self, handed: Handed, limits: Limits, *, same_hashes: bool = False
    ) -> Iterator[tuple[list[str], list[int]]]:
        """The command line of a run, and the file descriptors it is started with; they are open in the block alone.

        `same_hashes` makes the interpreter hash texts alike in every run, so that it goes through sets in one order.
        """
        descriptor = os.memfd_create("seccomp", 0)
        try:
            os.write(descriptor, self.filter)
            os.lseek(descriptor, 0, os.SEEK_SET)
            yield [*self._bwrap(handed, limits, descriptor), *_interpreter(same_hashes)], [descriptor]
        finally:
            os.close(descriptor)

    def _bwrap(self, handed: Handed, limits: Limits, descriptor: int) -> list[str]:
        line = [self.bwrap, "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
        if self.as_root:
            # The capabilities that the change of user takes; with it they are gone.
            line += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        else:
            line += ["--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY), "--cap-drop", "ALL"]
        line += ["--die-with-parent", "--new-session", "--hostname", "sandbox", "--seccomp", str(descriptor)]
        line += ["--clearenv"]
        for name, value in _ENVIRONMENT.items():
            line += ["--setenv", name, value]
        binds = {str(place): place for place in _system_places()}
        binds |= {f"{PROGRAM}/{module}": _ROOT / module for module in MODULES}
        binds |= {f"{LIBRARIES}/{name}": place for name, place in library_places().items()}
        binds |= {f"{_OWN}/{name}": Path(__file__).with_name(name) for name in _SCRIPTS} | dict(handed.places)
        for folder in _ancestors(map(Path, binds)):
            # bubblewrap would close them to others, as a home folder is.
            line += ["--perms", "0755", "--dir", str(folder)]
        for inside, outside in binds.items():
            line += ["--ro-bind", str(outside), inside]
        for folder in hidden_folders():
            if any(place in folder.parents for place in binds.values() if str(place) in binds):
                line += ["--size", "4096", "--tmpfs", str(folder), "--remount-ro", str(folder)]
        for link, target in _system_links():
            line += ["--symlink", target, link]
        line += ["--proc", "/proc", "--dev", "/dev"]
        for size, place in ((limits.shared, "/dev/shm"), (limits.tmp, "/tmp")):
            line += ["--perms", "1777", "--size", str(size), "--tmpfs", place]
        return [*line, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"]


_ROOT = Path(__file__).parents[3]
_OWN = "/sandbox"
_SCRIPTS = ("child.py", "calling.py")
_CHILD = f"{_OWN}/child.py"
_ENVIRONMENT = {
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
    "PATH": "/nowhere",
    # Threads change sums in their last digits, and picks with them.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "NUMBA_CACHE_DIR": "/tmp/numba",
    # Read by the interpreter where `same_hashes` says so.
    "PYTHONHASHSEED": "0",
}


def find_isolation() -> Isolation:
    """The isolation of this machine, tried out. Raises SandboxMissing where there is none."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise SandboxMissing(f"Code of others is not run here: bubblewrap is not installed. {HOW}")
    rules = seccomp.program()
    if rules is None:
        raise SandboxMissing(
            "Code of others is not run here: the system calls of this processor are not known. Use x86_64 or aarch64."
        )
    found = Isolation(bwrap, os.geteuid() == 0, rules)
    _try(found)
    return found


def import_places() -> list[str]:
    """What the child's `sys.path` holds beside the standard library: Breadth's own few modules, then libraries."""
    return [PROGRAM, LIBRARIES]


def _try(isolation: Isolation) -> None:
    """Start an interpreter inside, drop what is to be dropped, and look whether it is gone."""
    user = isolation.user()
    try:
        with isolation.command(Handed({}), Limits()) as (line, descriptors):
            done = subprocess.run(
                [*line, "--probe", str(user or "")],
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env={},
                timeout=PROBE_SECONDS,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SandboxMissing(
            f"Code of others is not run here: bubblewrap cannot be started ({error}). {HOW}"
        ) from error
    if done.returncode != 0 or done.stdout.strip() != b"isolated":
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-500:]
        raise SandboxMissing(f"Code of others is not run here: bubblewrap cannot isolate it ({said}). {HOW}")


def _interpreter(same_hashes: bool) -> list[str]:
    # Isolated from the environment and from site packages of users; paths come with the job.
    isolated = ["-I"] if not same_hashes else ["-s", "-P"]  # -I would leave the environment unread
    return ["--", _executable(), *isolated, "-S", "-B", _CHILD]


def _executable() -> str:
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def _system_places() -> list[Path]:
    """What Python needs of this machine: its own files, the system's libraries, and the packages beside it."""
    wanted = [Path("/usr/lib"), *(Path(f"/{name}") for name in _LIBRARY_FOLDERS if not Path(f"/{name}").is_symlink())]
    wanted += [Path(f"/usr/{name}") for name in _LIBRARY_FOLDERS if name != "lib"]
    wanted += [Path("/usr/local/lib"), Path("/etc/ld.so.cache"), Path(_executable())]
    wanted += standard_folders()
    wanted += [Path(place) for place in filter(None, [sysconfig.get_config_var("LIBDIR")])]
    return _outermost(wanted)


_LIBRARY_FOLDERS = ("lib", "lib32", "lib64")


def _system_links() -> Iterator[tuple[str, str]]:
    for name in _LIBRARY_FOLDERS:
        if Path(f"/{name}").is_symlink():
            yield f"/{name}", os.readlink(f"/{name}")


def _ancestors(places: Iterable[Path]) -> list[Path]:
    """Every folder above these places but the root, those above others first."""
    return sorted({folder for place in places for folder in place.parents if folder != folder.parent})


def _outermost(places: Iterable[Path]) -> list[Path]:
    """Those that exist, without those that lie in another."""
    there: Sequence[Path] = sorted({place for place in places if place.exists()})
    return [place for place in there if not any(other in place.parents for other in there)]
