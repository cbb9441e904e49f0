"""Submissions that look for what is not theirs, or reach out: files, secrets, processes, the network, the kernel."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hostile import attack

from suite.intake.sandbox.isolation import Isolation

SECRET = "hf_" + "x" * 30

LOOKS = {
    "shadow": ("open('/etc/shadow').read()", "FileNotFoundError"),
    "passwd": ("open('/etc/passwd').read()", "FileNotFoundError"),
    "environment": ("os.environ['HF_TOKEN']", "KeyError"),
    "environment of the first process": (
        "assert b'TOKEN' in open('/proc/1/environ', 'rb').read()",
        "AssertionError|PermissionError",
    ),
    "environment of the worker": ("open('/proc/{worker}/environ').read()", "FileNotFoundError"),
    "file of a secret": ("open({secret!r}).read()", "FileNotFoundError"),
    "folder of Breadth": ("os.listdir({home!r})", "FileNotFoundError"),
    "other submissions": ("os.listdir({home!r} + '/workers')", "FileNotFoundError"),
    "other processes": ("assert sum(name.isdigit() for name in os.listdir('/proc')) > 3", "AssertionError"),
    "memory of another process": ("open('/proc/1/mem', 'rb').read(1)", "PermissionError|OSError"),
    "root of another process": ("os.listdir('/proc/1/root/etc/ssl/private')", "PermissionError|FileNotFoundError"),
    "evaluation": ("importlib.import_module('suite.evaluation.loading')", "ModuleNotFoundError"),
    "the world's generator": ("importlib.import_module('suite.microworld')", "ModuleNotFoundError"),
    "other strategies": ("importlib.import_module('strategies.oracle')", "ModuleNotFoundError"),
    "forbidden libraries": ("__import__('transformers')", "ModuleNotFoundError"),
    "the Hub's library": ("importlib.import_module('hugging' + 'face_hub')", "ModuleNotFoundError"),
    "a shell": ("subprocess.run(['/bin/sh', '-c', 'id'], check=True)", "FileNotFoundError|PermissionError"),
    "devices": ("open('/dev/mem', 'rb').read(1)", "FileNotFoundError"),
    "disks": ("os.listdir('/dev/disk')", "FileNotFoundError"),
    "kernel": ("open('/proc/kcore', 'rb').read(1)", "PermissionError|FileNotFoundError"),
}

REACHES = {
    "tcp": ("socket.create_connection(('127.0.0.1', {port}), 2)", "PermissionError"),
    "udp": ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port}))", "PermissionError"),
    "ipv6": ("socket.socket(socket.AF_INET6)", "PermissionError"),
    "unix": ("socket.socket(socket.AF_UNIX).connect('/run/docker.sock')", "PermissionError"),
    "raw": ("socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", "PermissionError"),
    "netlink": ("socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "PermissionError"),
    "the host of a virtual machine": ("socket.socket(socket.AF_VSOCK).connect((2, 22))", "PermissionError"),
    "names": ("socket.getaddrinfo('huggingface.co', 443)", "gaierror"),
    "http": ("import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}')", "URLError"),
    "listening": ("socket.create_server(('', 0))", "PermissionError"),
    "ptrace": ("system('ptrace', 16, 1, 0, 0)", "PermissionError"),
    "namespaces": ("system('unshare', 0x10000000)", "PermissionError"),
    "mounts": ("system('mount', b'none', b'/tmp', b'tmpfs', 0, None)", "PermissionError"),
    "keys": ("system('syscall', 250, 0, -3, 1)", "PermissionError|OSError"),
    "memory without an owner": ("os.memfd_create('x')", "PermissionError"),
    "the clock": ("time.clock_settime(time.CLOCK_REALTIME, 0)", "PermissionError"),
    "root": ("os.setuid(0)", "PermissionError"),
    "the host's name": ("socket.sethostname('mine')", "PermissionError"),
    "other limits": ("resource.setrlimit(resource.RLIMIT_NPROC, (-1, -1))", "ValueError"),
    "a signal to the worker": ("os.kill({worker}, signal.SIGTERM)", "ProcessLookupError"),
    "a signal to the first process": ("os.kill(1, signal.SIGKILL); os.kill(1, 0); 1 / 0", "PermissionError|Zero"),
    "calls of another processor": (
        # mov eax, 20; int 0x80; ret: getpid as 32-bit programs ask for it.
        "import mmap; m = mmap.mmap(-1, 4096, prot=7); m.write(bytes.fromhex('b814000000cd80c3')); "
        "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()",
        "ended by SIGSYS",
    ),
}

WRITES = {
    "the root": ("open('/made', 'w')", "Read-only|Permission"),
    "libraries": ("open('/libraries/numpy/made.py', 'w')", "Read-only|Permission"),
    "Breadth": ("open('/breadth/suite/registry.py', 'a')", "Read-only|Permission"),
    "the runner": ("open('/sandbox/child.py', 'a')", "Read-only|Permission"),
    "its own code": ("open('/job/strategy.py', 'a')", "Read-only|Permission"),
    "the pool": ("open('/job/pool.arrow', 'r+b')", "Read-only|Permission"),
    "devices": ("open('/dev/made', 'w')", "Read-only|Permission"),
    "the system's settings": ("open('/proc/sys/kernel/hostname', 'w').write('x')", "Read-only|Permission"),
    "a name of the pool elsewhere": ("os.link('/job/pool.arrow', '/tmp/pool')", "cross-device|Operation not permitted"),
    "the mapped pool": (
        "view = pool.table.column('id').chunk(0).buffers()[2]; ctypes.memset(view.address, 0, 8)",
        "ended by SIGSEGV",
    ),
}


@pytest.fixture
def listener() -> socket.socket:
    """A server on this machine that must never hear of anybody."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.01)
    return server


@pytest.mark.parametrize("name", LOOKS)
def test_nothing_is_there_to_be_seen(
    name: str, isolation: Isolation, monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    (own_home / "workers").mkdir(parents=True)
    secret = own_home / "token"
    secret.write_text(SECRET)
    body, error = LOOKS[name]
    verdict = attack(isolation, _filled(body, secret=str(secret), home=str(own_home), worker=os.getpid()))
    assert_refused(verdict.reason, error)
    assert SECRET not in verdict.outcome.printed + verdict.reason


@pytest.mark.parametrize("name", REACHES)
def test_nothing_can_be_reached(name: str, isolation: Isolation, listener: socket.socket) -> None:
    body, error = REACHES[name]
    verdict = attack(isolation, _filled(body, port=listener.getsockname()[1], worker=os.getpid()))
    assert_refused(verdict.reason, error)
    with pytest.raises(TimeoutError):
        listener.accept()
    listener.close()


@pytest.mark.parametrize("name", WRITES)
def test_nothing_can_be_changed(name: str, isolation: Isolation) -> None:
    body, error = WRITES[name]
    assert_refused(attack(isolation, body).reason, error)


def assert_refused(reason: str, error: str) -> None:
    """The verdict names the submission's file and what went wrong."""
    import re

    assert reason.startswith("strategy.py failed in the sandbox (tiny, budget 8, seed 0): "), reason
    assert re.search(error, reason), reason


def _filled(body: str, **values: object) -> str:
    for name, value in values.items():
        body = body.replace("{" + name + "!r}", repr(value)).replace("{" + name + "}", str(value))
    return body
