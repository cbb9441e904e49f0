"""Valid files, spoiled: bytes, JSON trees, lines and tables, changed where readers look, driven by one random source.

Random bytes find nothing, for every reader refuses them at the first one. What is made here is mostly still a file of
its format: a value of another type, a number beyond every range, a key twice, a text of half a character.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

NUMBERS = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "-0.0", "0", "-1", "1.5", "1e400", "true", "4e0"),
    *("2147483648", "9223372036854775808", "18446744073709551616", "9" * 400, "1" + "0" * 5000, "-" + "7" * 4301),
)
TEXTS = (
    '""',
    '"\\ud800"',
    '"\\udfff\\ud800"',
    '"\\u0000"',
    '"\\u202e\\u2066"',
    '"../../etc/passwd"',
    '"<script>alert(1)</script>"',
    '"nan"',
    '"None"',
    '"2026-01-01T00:00:00+23:59"',
    '"9999-12-31T23:59:59Z"',
    '"0001-01-01T00:00:00+00:00"',
    '"-271821-04-20T00:00:00Z"',
    '"1e99"',
    '"eJw="',
    '"%00%ff"',
    '"=1+1"',
)
SHAPES = ("null", "[]", "{}", "[[]]", '{"": {}}', "[null]", '[{"a": 1}]')
TOKENS = (b"\x00", b"\xff", b"\xef\xbb\xbf", b"\r\n", b"\n", b'"', b"'", b"{", b"}", b"[", b"]", b",", b":", b"=", b"#")
TOKENS += (b"\\", b"\xed\xa0\x80", b"\xc0\x80", b"\xe2\x80\xae", b"nan", b"inf", b"1e999", b"0x", b"9" * 5000, b"\t")
DEPTHS = (5, 50, 900, 1100, 20_000)


@dataclass(frozen=True)
class Raw:
    """JSON as it shall be written, valid or not."""

    text: str


class Pairs(list[tuple[str, Any]]):
    """An object whose keys may stand twice."""


def spoiled_bytes(content: bytes, chance: random.Random, changes: int) -> bytes:
    """The bytes with so many changes: flipped, cut, doubled, moved, or with a token that readers trip over."""
    body = bytearray(content)
    for _ in range(changes):
        place = chance.randrange(len(body) + 1)
        kind = chance.randrange(8)
        if kind == 0 and body:
            body[place % len(body)] ^= 1 << chance.randrange(8)
        elif kind == 1 and body:
            body[place % len(body)] = chance.randrange(256)
        elif kind == 2:
            del body[place : place + chance.choice((1, 2, 8, 100))]
        elif kind == 3:
            body[place:place] = chance.choice(TOKENS)
        elif kind == 4:
            part = body[place : place + chance.choice((1, 10, 200))]
            body[place:place] = part * chance.choice((1, 2, 50))
        elif kind == 5 and chance.random() < 0.3:
            del body[place:]
        elif kind == 6:
            other = chance.randrange(len(body) + 1)
            body[place:place] = body[other : other + 30]
        else:
            body[place:place] = chance.choice((b"[", b"{", b'{"a":', b"(")) * chance.choice(DEPTHS[:4])
    return bytes(body)


def spoiled_json(document: Any, chance: random.Random, changes: int) -> bytes:
    """The document as JSON with so many changes of its tree; now and then with spoiled bytes on top."""
    try:
        tree = _tree(document)
        for _ in range(changes):
            tree = _change(tree, chance)
    except RecursionError:  # it was spoiled before, by nesting
        return spoiled_bytes(json.dumps(str(document)[:1000]).encode(), chance, changes)
    written = _written(tree).encode("utf-8", "surrogatepass")
    return spoiled_bytes(written, chance, 1) if chance.random() < 0.1 else written


def spoiled_lines(content: bytes, chance: random.Random, changes: int, spoil: Callable[[bytes], bytes]) -> bytes:
    """A file of lines with so many of them spoiled, doubled, dropped, moved or joined."""
    lines = content.split(b"\n")
    for _ in range(changes):
        place = chance.randrange(len(lines))
        kind = chance.randrange(6)
        if kind == 0:
            lines.insert(chance.randrange(len(lines) + 1), lines[place])
        elif kind == 1 and len(lines) > 1:
            del lines[place]
        elif kind == 2:
            lines.insert(place, b" " * chance.choice((0, 1, 3000)))
        else:
            lines[place] = spoil(lines[place])
    return chance.choice((b"\n", b"\n", b"\n", b"\n", b"\r\n", b"\r")).join(lines)


def value(chance: random.Random) -> Raw:
    """Some JSON value that a reader may not expect."""
    kind = chance.randrange(6)
    if kind == 0:
        return Raw(chance.choice(NUMBERS))
    if kind == 1:
        return Raw(chance.choice(TEXTS))
    if kind == 2:
        return Raw(chance.choice(SHAPES))
    if kind == 3:
        depth = chance.choice(DEPTHS)
        opening, closing = chance.choice((("[", "]"), ('{"a":', "}")))
        return Raw(opening * depth + "1" + closing * depth)
    if kind == 4:
        return Raw(json.dumps(chance.choice(("x", "é", "0", "/", "a-")) * chance.choice((1, 61, 401, 5000, 100_000))))
    return Raw(str(chance.randrange(-5, 2000)))


def _tree(document: Any) -> Any:
    if isinstance(document, dict):
        return Pairs((key, _tree(item)) for key, item in document.items())
    return [_tree(item) for item in document] if isinstance(document, list | tuple) else document


def _change(tree: Any, chance: random.Random) -> Any:
    """One change somewhere below, nearer the leaves rather than at the root."""
    if isinstance(tree, Pairs) and tree and chance.random() < 0.85:
        place = chance.randrange(len(tree))
        key, item = tree[place]
        if isinstance(item, list) and item and chance.random() < 0.7:
            tree[place] = (key, _change(item, chance))
            return tree
        kind = chance.randrange(8)
        if kind == 0:
            del tree[place]
        elif kind == 1:
            tree.insert(chance.randrange(len(tree) + 1), (key, value(chance)))
        elif kind == 2:
            tree[place] = (chance.choice(("", "a" * 500, "schema_version", key.upper(), "\ud800", "__class__")), item)
        elif kind == 3:
            tree.append((chance.choice(("extra", "id", "a\x00b")), value(chance)))
        elif kind == 4:
            tree[place] = (key, tree[chance.randrange(len(tree))][1])
        else:
            tree[place] = (key, _other(item, chance))
        return tree
    if isinstance(tree, list) and not isinstance(tree, Pairs) and tree and chance.random() < 0.85:
        place = chance.randrange(len(tree))
        kind = chance.randrange(5)
        if kind == 0:
            del tree[place]
        elif kind == 1:
            tree.extend([tree[place]] * chance.choice((1, 2, 500)))
        elif kind == 2:
            tree.insert(place, value(chance))
        else:
            tree[place] = _change(tree[place], chance)
        return tree
    return _other(tree, chance)


def _other(item: Any, chance: random.Random) -> Any:
    """A value near this one, or any other."""
    if isinstance(item, str) and item and chance.random() < 0.5:
        place = chance.randrange(len(item))
        letter = chance.choice(("", "0", "f", "-", "/", "\x00", "é", "\ud800", "A", " ", "\n", "😀"))
        return item[:place] + letter + item[place + chance.randrange(2) :]
    if isinstance(item, int | float) and not isinstance(item, bool) and chance.random() < 0.5:
        return chance.choice(
            (item + 1, -item, item * 1.5 if abs(item) < 1e300 else 0.5, str(item), [item], item * 10**9 if item else 1)
        )
    return value(chance)


def _written(tree: Any) -> str:
    if isinstance(tree, Raw):
        return tree.text
    if isinstance(tree, Pairs):
        return "{" + ",".join(f"{json.dumps(key)}:{_written(item)}" for key, item in tree) + "}"
    if isinstance(tree, list):
        return "[" + ",".join(map(_written, tree)) + "]"
    return json.dumps(tree)
