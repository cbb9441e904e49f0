"""Both ends of the wire between unit tests and a generated program, each end in a sandbox of its own.

The program never runs where the tests run. The tests call a stand-in that sends the arguments over one pipe and reads
what came back from another, as plain data: what the program sees is what it is called with, and what the tests see are
numbers, texts and collections of the standard types, in which no method of the program's lives. So nothing that a
program overrides, prints or ends can pass for a right answer, and it has no way to the expected ones.

One JSON document a line: `{"ready": true}` once the program is loaded, `{"args": [...], "kwargs": [...]}` for a call,
and `{"value": ...}` or `{"raised": "..."}` for what came of it; see `encoded` for how values are written. Nothing but
the standard library is imported, and little of it: this is loaded for every program.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

LONGEST = 16 * 2**20
"""Bytes of one document."""
DEEPEST = 200
"""Collections within collections."""
LONGEST_WORD = 400
ENDED = "it had ended"
"""Said of a program that closed the wire."""


class Gone(Exception):  # noqa: N818 - a state of the program
    """The program cannot be asked any more; the message says why."""


class Raised(Exception):  # noqa: N818 - what the program did
    """The program raised an exception; the message names it."""


class Series:
    """What an iterator, or another iterable that equals no list, gave: it can be gone through, and equals nothing."""

    def __init__(self, items: list[Any]):
        self._items = items

    def __iter__(self) -> Any:
        """Its items, in order."""
        return iter(self._items)


class Thing:
    """A value that is no plain data; it equals nothing but itself."""

    def __init__(self, kind: str):
        self.kind = kind

    def __repr__(self) -> str:
        return f"<{self.kind}>"


def encoded(value: Any, depth: int = 0) -> Any:
    """A value as JSON can hold it: None, True and False as they are, all else as [letter, content].

    Instances of a subclass count as their base (a Counter is a dict), as they do in comparisons. What is no plain data
    becomes a name of its type. RecursionError beyond `DEEPEST` collections within each other.
    """
    if depth > DEEPEST:
        raise RecursionError("a value of too many collections within each other")
    if value is None or value is True or value is False:
        return value
    for kind, letter in _PLAIN:
        if isinstance(value, kind):
            return [letter, _WRITE[letter](value)]
    for kind, letter in _COLLECTIONS:
        if isinstance(value, kind):
            return [letter, [encoded(item, depth + 1) for item in kind.__iter__(value)]]
    if isinstance(value, dict):
        return ["d", [[encoded(key, depth + 1), encoded(item, depth + 1)] for key, item in dict.items(value)]]
    if type(value) is range or hasattr(type(value), "__next__"):
        return ["I", [encoded(item, depth + 1) for item in value]]
    return ["o", type(value).__name__[:LONGEST_WORD]]


_PLAIN: tuple[tuple[Any, str], ...] = (
    (str, "s"),
    (int, "i"),
    (float, "f"),
    (complex, "c"),
    (bytes, "b"),
    (bytearray, "a"),
)
_COLLECTIONS: tuple[tuple[Any, str], ...] = ((list, "l"), (tuple, "t"), (set, "S"), (frozenset, "F"))
_WRITE: dict[str, Callable[[Any], Any]] = {
    "s": lambda value: str.__str__(value),
    # Digits of a large integer cost their square, and Python refuses to write them.
    "i": lambda value: hex(int.__int__(value)),
    "f": lambda value: float.hex(value),
    "c": lambda value: [float.hex(complex(value).real), float.hex(complex(value).imag)],
    "b": lambda value: bytes(value).hex(),
    "a": lambda value: bytes(value).hex(),
}
_READ: dict[str, Callable[[Any], Any]] = {
    "s": lambda held: held if isinstance(held, str) else _broken(),
    "i": lambda held: int(held, 16),
    "f": float.fromhex,
    "c": lambda held: complex(float.fromhex(held[0]), float.fromhex(held[1])),
    "b": bytes.fromhex,
    "a": bytearray.fromhex,
    "l": lambda held: [decoded(item) for item in held],
    "t": lambda held: tuple(decoded(item) for item in held),
    "S": lambda held: {decoded(item) for item in held},
    "F": lambda held: frozenset(decoded(item) for item in held),
    "d": lambda held: {decoded(key): decoded(item) for key, item in held},
    "I": lambda held: Series([decoded(item) for item in held]),
    "o": lambda held: Thing(str(held)),
}


def decoded(written: Any) -> Any:
    """The value behind `encoded`, of the standard types alone. ValueError and its like for anything else."""
    if written is None or written is True or written is False:
        return written
    letter, held = written
    return _READ[letter](held)


def _broken() -> Any:
    raise ValueError("a document of another shape")


class Wire:
    """Documents out over one pipe and in over another."""

    def __init__(self, reading: int, writing: int):
        self._reading, self._writing = reading, writing
        self._rest = b""

    def send(self, document: Any) -> None:
        """Write one document; raises Gone where nobody reads any more."""
        content = json.dumps(document).encode() + b"\n"
        try:
            while content:
                content = content[os.write(self._writing, content) :]
        except BrokenPipeError as error:
            raise Gone(ENDED) from error

    def receive(self) -> Any:
        """The next document; raises Gone where none comes or what comes is none."""
        parts = [self._rest]
        size = len(self._rest)
        while b"\n" not in parts[-1]:
            part = os.read(self._reading, 2**16)
            size += len(part)
            if not part:
                raise Gone(ENDED)
            if size > LONGEST:
                raise Gone(f"it handed out more than {LONGEST >> 20} MiB at once")
            parts.append(part)
        line, _, self._rest = b"".join(parts).partition(b"\n")
        try:
            return json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Gone("what it handed out is no value") from error


def serve(program: str, entry_point: str, wire: Wire, words: Callable[[BaseException], str]) -> None:
    """The program's end: load it, and answer calls of its function until nobody asks any more.

    `words` makes a text of an exception. Whatever the program does to this process, the other end believes in values
    alone.
    """
    import sys
    import types

    module = types.ModuleType("program")
    sys.modules["program"] = module
    try:
        exec(compile(program, "program.py", "exec", dont_inherit=True), module.__dict__)
        function = module.__dict__[entry_point]
    except BaseException as error:
        wire.send({"raised": words(error)})
        return
    wire.send({"ready": True})
    while True:
        try:
            call = wire.receive()
        except Gone:
            return
        try:
            args, kwargs = decoded(call["args"]), decoded(call["kwargs"])
            answer = {"value": encoded(function(*args, **kwargs))}
        except BaseException as error:
            answer = {"raised": words(error)}
        wire.send(answer)


def ask(prompt: str, test: str, entry_point: str, seed: int, wire: Wire) -> dict[str, Any]:
    """The tests' end: run `check` of the test code on a stand-in for the program's function.

    Test code may call what the prompt defines besides the function, and the function by its own name. Its random
    numbers follow `seed`. Returns `{"passed": true}`, or `{"passed": false, "why": ...}`.
    """
    import random

    def candidate(*args: Any, **kwargs: Any) -> Any:
        wire.send({"args": encoded(args), "kwargs": encoded(kwargs)})
        return _value(wire.receive())

    space: dict[str, Any] = {"__name__": "tests"}
    try:
        _value(wire.receive(), loading=True)
        exec(compile(prompt, "prompt.py", "exec", dont_inherit=True), space)
        space[entry_point] = candidate
        exec(compile(test, "tests.py", "exec", dont_inherit=True), space)
        random.seed(seed)
        space["check"](candidate)
    except AssertionError as error:
        return {"passed": False, "why": f"a test does not hold: {_line(error)}"}
    except Gone as error:
        return {"passed": False, "why": str(error)}
    except Raised as error:
        return {"passed": False, "why": f"it raised {error}"}
    except Exception as error:
        return {"passed": False, "why": f"the tests cannot go on: {type(error).__name__}: {error}"[:LONGEST_WORD]}
    return {"passed": True}


def _value(document: Any, loading: bool = False) -> Any:
    try:
        if "raised" in document:
            raise Raised(str(document["raised"])[:LONGEST_WORD])
        return document["ready"] if loading else decoded(document["value"])
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise Gone("what it handed out is no value") from error


def _line(error: BaseException) -> str:
    trace = error.__traceback__
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "tests.py":
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"line {line}"
