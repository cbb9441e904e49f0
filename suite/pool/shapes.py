"""The shapes instruction data comes in, and how each becomes a sample.

One row of Alpaca is `{"instruction": ..., "input": ..., "output": ...}`; of ShareGPT
`{"conversations": [{"from": "human", "value": ...}, {"from": "gpt", "value": ...}]}`; of a chat set
`{"messages": [{"role": "user", "content": ...}, ...]}`; of a plain one `{"prompt": ..., "completion": ...}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from suite.pool.pool import Sample

MAX_SAMPLE_BYTES = 1 << 20


class DropReason(StrEnum):
    """Why a row does not become a sample; reported with counts."""

    EMPTY_OUTPUT = "empty output"
    MISSING_INSTRUCTION = "missing instruction"
    NOT_TEXT = "a field is not text"
    INVALID_UTF8 = "invalid UTF-8"
    TOO_LARGE = "larger than the limit"
    UNKNOWN_ROLE = "unknown role"
    UNKNOWN_SHAPE = "unknown shape"


class DroppedRowError(Exception):
    """A row breaks a drop rule; carries the reason."""

    def __init__(self, reason: DropReason):
        super().__init__(str(reason))
        self.reason = reason


class PairShape(NamedTuple):
    """Columns of one exchange; the first of `contexts` that a row has becomes the sample's input."""

    prompt: str
    contexts: tuple[str, ...]
    response: str


class TurnShape(NamedTuple):
    """A column holding a list of turns, and the two keys of each turn."""

    column: str
    role: str
    text: str


TURN_SHAPES = (
    TurnShape("turns", "role", "text"),
    TurnShape("conversations", "from", "value"),
    TurnShape("conversation", "from", "value"),
    TurnShape("messages", "role", "content"),
)
PAIR_SHAPES = (
    PairShape("instruction", ("input", "context"), "output"),
    PairShape("instruction", ("input", "context"), "response"),
    PairShape("prompt", (), "completion"),
    PairShape("prompt", (), "response"),
)
ROLES = {
    "human": "user",
    "user": "user",
    "prompter": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "system": "system",
}


def known_shapes() -> str:
    """The shapes as one line for error messages."""
    pairs = [f"{shape.prompt} + {shape.response}" for shape in PAIR_SHAPES]
    return ", ".join([*pairs, *(f"{shape.column} ({shape.role}/{shape.text})" for shape in TURN_SHAPES)])


def fits_a_shape(columns: Iterable[str]) -> bool:
    """Whether rows with these columns can become samples."""
    return bool(_shapes_of(tuple(columns)))


@lru_cache(maxsize=1024)
def _shapes_of(columns: tuple[str, ...]) -> tuple[PairShape | TurnShape, ...]:
    turns = [shape for shape in TURN_SHAPES if shape.column in columns]
    return (*turns, *(shape for shape in PAIR_SHAPES if shape.prompt in columns and shape.response in columns))


def to_sample(
    record: Mapping[str, Any], *, row: int, source: str, id_prefix: str = "", max_bytes: int = MAX_SAMPLE_BYTES
) -> Sample:
    """The sample of one row; turns win over a pair of columns where both are present and filled.

    `row` is the row's number in its source and the id where the row has no `id` of its own. `id_prefix` is taken
    off an id, and what remains loses leading zeros where it is a number, so a copy whose ids read `pool/00012`
    has the ids of the original's row numbers. `max_bytes` bounds the UTF-8 bytes of all texts together.
    Raises DroppedRowError with the reason when the row breaks a drop rule.
    """
    shapes = _shapes_of(tuple(record))
    shape = next((found for found in shapes if record[found[0]] is not None), shapes[0] if shapes else None)
    if shape is None:
        raise DroppedRowError(DropReason.UNKNOWN_SHAPE)
    identifier = _identifier(record.get("id"), row, id_prefix)
    origin = _text(record.get("source")) or source
    if isinstance(shape, TurnShape):
        sample = _conversation(_turns(record[shape.column], shape), identifier, origin)
    else:
        sample = Sample(
            id=identifier,
            instruction=_text(record[shape.prompt]),
            input=next((_text(record[name]) for name in shape.contexts if name in record), ""),
            output=_text(record[shape.response]),
            source=origin,
        )
    _check(sample, max_bytes)
    return sample


def _identifier(value: Any, row: int, prefix: str) -> str:
    if value is None or value == "":
        return str(row)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = _text(value)
    if not prefix or not text.startswith(prefix):
        return text
    rest = text.removeprefix(prefix)
    return (rest.lstrip("0") or "0") if rest.isascii() and rest.isdigit() else rest


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DroppedRowError(DropReason.NOT_TEXT)
    return value


def _turns(value: Any, shape: TurnShape) -> list[tuple[str, str]]:
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise DroppedRowError(DropReason.NOT_TEXT)
    turns = []
    for turn in value:
        if not isinstance(turn, Mapping):
            raise DroppedRowError(DropReason.NOT_TEXT)
        # Hub copies of ShareGPT sets are often renamed to role/content inside the old column.
        role, text = (shape.role, shape.text) if shape.role in turn else ("role", "content")
        known = ROLES.get(_text(turn.get(role)).strip().lower())
        if known is None:
            raise DroppedRowError(DropReason.UNKNOWN_ROLE)
        turns.append((known, _text(turn.get(text))))
    return turns


def _conversation(turns: list[tuple[str, str]], identifier: str, source: str) -> Sample:
    """A sample of a conversation; replies before the first question and questions after the last reply are cut.

    One plain exchange becomes instruction and output; anything longer, or with a system turn, keeps its
    `turns`, and instruction and output then hold the first exchange.
    """
    questions = [position for position, (role, _) in enumerate(turns) if role == "user"]
    if not questions:
        raise DroppedRowError(DropReason.MISSING_INSTRUCTION)
    kept = [turn for position, turn in enumerate(turns) if position >= questions[0] or turn[0] == "system"]
    while kept and kept[-1][0] != "assistant":
        kept.pop()
    replies = [text for role, text in kept if role == "assistant"]
    if not replies or not all(reply.strip() for reply in replies):
        raise DroppedRowError(DropReason.EMPTY_OUTPUT)
    instruction = next(text for role, text in kept if role == "user")
    single = [role for role, _ in kept] == ["user", "assistant"]
    return Sample(identifier, instruction, "", replies[0], source, () if single else tuple(kept))


def _check(sample: Sample, max_bytes: int) -> None:
    texts = [sample.instruction, sample.input, sample.output, sample.id, sample.source]
    texts += [text for _, text in sample.turns]
    try:
        size = sum(len(text.encode()) for text in texts)
    except UnicodeEncodeError:
        raise DroppedRowError(DropReason.INVALID_UTF8) from None
    if not sample.instruction.strip() and not sample.input.strip():
        raise DroppedRowError(DropReason.MISSING_INSTRUCTION)
    if not sample.output.strip():
        raise DroppedRowError(DropReason.EMPTY_OUTPUT)
    if size > max_bytes:
        raise DroppedRowError(DropReason.TOO_LARGE)
