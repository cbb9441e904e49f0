"""What runs inside the sandbox: limits itself, drops its rights, and only then loads the code it was sent.

Started as a script with nothing but the standard library. The job comes as `/job/job.json`; the answer, one JSON
object, goes to the descriptor that the job names, and whoever reads it believes none of it.

    {"do": "describe", "context": {...}, ...}  -> {"deterministic": true, "requires": [{...}]}
    {"do": "select", "size": 500, "seed": 3, ...} -> {"rows": [17, 4, ...], "seconds": 1.2}
    either                                        -> {"error": "what went wrong"}
    {"do": "answer", "program": "...", ...} -> {"started": true}, then serves calls of a program (see `calling`)
    {"do": "ask", "test": "...", ...}       -> {"passed": true}, or {"passed": false, "why": "..."}
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
from typing import Any

JOB, CODE, POOL, FEATURES = "/job/job.json", "/job/strategy.py", "/job/pool.arrow", "/features"
OWN = "/sandbox"
LONGEST_WORD = 2_000
"""Characters of an error's text."""


def main() -> None:
    """Do the job, or the probe, and end without running anything that the code has left behind."""
    if sys.argv[1:2] == ["--probe"]:
        _drop(sys.argv[2])
        print(_found_open() or "isolated", flush=True)
        return
    with open(JOB, encoding="utf-8") as file:
        job = json.load(file)
    _limit(job["limits"])
    _drop(job["user"])
    sys.path += job["path"]
    try:
        answer = _JOBS[job["do"]](job)
    except BaseException as error:  # what strangers' code raises may be anything
        answer = {"error": _words(error)}
    _send(job["answer"], answer)
    with contextlib.suppress(BaseException):
        sys.stdout.flush()
    os._exit(0)


def _limit(limits: dict[str, int | None]) -> None:
    # Each binds one process; the watcher outside sums over all of them.
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, limits["cpu_seconds"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_AS, limits["address_space"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        if most is not None:
            resource.setrlimit(kind, (most, most))


def _drop(user: str | int | None) -> None:
    """Become a user who owns nothing; whoever is in a user namespace is that already."""
    if user is not None and user != "":
        number = int(user)
        os.setgroups([])
        os.setresgid(number, number, number)
        os.setresuid(number, number, number)


def _found_open() -> str:
    """What is not as it should be; empty where all is."""
    import socket

    with open("/proc/self/status", encoding="utf-8") as file:
        facts = dict(line.split(":", 1) for line in file if ":" in line)
    if os.getuid() == 0 or any(int(facts[name], 16) for name in ("CapPrm", "CapEff", "CapAmb")):
        return "it keeps the rights of root"
    if facts["NoNewPrivs"].strip() != "1" or facts["Seccomp"].strip() != "2":
        return "system calls are not filtered"
    if len([name for name in os.listdir("/proc") if name.isdigit()]) > 2:
        return "it sees other processes"
    try:
        socket.socket()
    except PermissionError:
        pass
    else:
        return "it can open sockets"
    for place in ("/", "/dev", "/usr/lib"):
        try:
            os.mkdir(os.path.join(place, "made-by-the-probe"))
        except OSError:
            continue
        return f"it can write in {place}"
    return ""


def _loaded(job: dict[str, Any]) -> Any:
    """The submission's strategy with its default parameters."""
    import linecache
    import types

    from suite.registry import strategies

    with open(CODE, encoding="utf-8") as file:
        text = file.read()
    module = types.ModuleType(job["module"])
    module.__file__ = CODE
    linecache.cache[CODE] = (len(text), None, text.splitlines(keepends=True), CODE)
    sys.modules[module.__name__] = module
    exec(compile(text, CODE, "exec", dont_inherit=True), module.__dict__)
    return strategies.get(job["name"])()


def _describe(job: dict[str, Any]) -> dict[str, Any]:
    from suite.features import TrackContext

    strategy = _loaded(job)
    return {
        "deterministic": strategy.info.deterministic,
        "requires": [_written(feature) for feature in strategy.requires(TrackContext(**job["context"]))],
    }


def _written(feature: Any) -> dict[str, Any]:
    import dataclasses

    fields = {field.name: getattr(feature, field.name) for field in dataclasses.fields(feature)}
    return {"feature": type(feature).__name__, "fields": fields}


def _select(job: dict[str, Any]) -> dict[str, Any]:
    import hashlib

    import numpy as np
    import pyarrow as pa

    from suite.features import Features, TrackContext
    from suite.hashing import canonical_json
    from suite.pool import Pool

    table = pa.ipc.open_file(pa.memory_map(POOL)).read_all()
    pool = Pool(table=table, fingerprint=job["fingerprint"])
    strategy = _loaded(job)
    context = TrackContext(**job["context"])
    wanted = list(strategy.requires(context))
    if [_written(feature) for feature in wanted] != job["features"]:
        raise RuntimeError("requires(track) named other features before: it must name the same each time")
    opened = {}
    for number, feature in enumerate(wanted):
        folder = f"{FEATURES}/{number}"
        arrays = {name: _mapped(np, f"{folder}/{name}.npy") for name in job["arrays"][number]}
        opened[feature.resolve(context)] = feature.resolve(context).open(arrays)
    identity = canonical_json([strategy.name, strategy.parameters]).encode()
    own = int.from_bytes(hashlib.sha256(identity).digest()[:8], "big")
    rng = np.random.default_rng([job["seed"], own])
    started = time.perf_counter()
    picked = strategy.select(pool, job["size"], features=Features(context, opened), rng=rng)
    seconds = time.perf_counter() - started
    return {"rows": _plain(np.asarray(picked).tolist(), job["size"]), "seconds": seconds}


def _answer(job: dict[str, Any]) -> dict[str, Any]:
    calling = _calling()
    _send(job["answer"], {"started": True})
    calling.serve(job["program"], job["entry_point"], calling.Wire(*job["wire"]), _words)
    return {}


def _ask(job: dict[str, Any]) -> dict[str, Any]:
    calling = _calling()
    return calling.ask(job["prompt"], job["test"], job["entry_point"], job["seed"], calling.Wire(*job["wire"]))


def _calling() -> Any:
    sys.path.insert(0, OWN)
    import calling

    sys.path.remove(OWN)
    return calling


_JOBS = {"describe": _describe, "select": _select, "answer": _answer, "ask": _ask}


def _mapped(np: Any, path: str) -> Any:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:  # an empty array has no bytes to map
        return np.load(path, allow_pickle=False)


def _plain(rows: Any, size: int) -> Any:
    """The rows as JSON can hold them; a list that is far too long is cut, and is too long all the same."""
    return rows[: 2 * size + 10] if isinstance(rows, list) else rows


def _words(error: BaseException) -> str:
    try:
        said = str(error)
    except BaseException:  # strangers' exceptions may have a __str__ that raises
        said = ""
    line = ""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == CODE:
            line = f" (line {trace.tb_lineno})"
        trace = trace.tb_next
    return f"{type(error).__name__}{line}: {said[:LONGEST_WORD]}"[: LONGEST_WORD + 200]


def _send(descriptor: int, answer: dict[str, Any]) -> None:
    try:
        content = json.dumps(answer).encode()
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        content = json.dumps(
            {"error": f"what it returned cannot be written as numbers: {error}"[:LONGEST_WORD]}
        ).encode()
    while content:
        content = content[os.write(descriptor, content) :]


if __name__ == "__main__":
    main()
