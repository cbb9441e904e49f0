"""GPUs by name: what they can do at best, from their makers' data sheets."""

from __future__ import annotations

import re
from dataclasses import dataclass

from suite.errors import UnknownNameError

GIB = 2**30
GB = 10**9
TERA = 10**12


@dataclass(frozen=True)
class Card:
    """Dense peak FLOP/s of bfloat16 matrix units and of float32 outside them, memory bytes and bytes/s, the source.

    `memory` is what the driver shows (with error correction on, where a card's maker sells it so), in whole GiB;
    `pattern` finds the card in the driver's name of it.
    """

    name: str
    bfloat16: float
    float32: float
    memory: int
    bandwidth: float
    pattern: str
    source: str

    def peak(self, dtype: str) -> float:
        """Peak FLOP/s in that precision."""
        return self.bfloat16 if dtype == "bfloat16" else self.float32


def _card(name: str, bf16: float, fp32: float, memory: int, bandwidth: float, pattern: str, source: str) -> Card:
    return Card(name, bf16 * TERA, fp32 * TERA, memory * GIB, bandwidth * GB, pattern, source)


# Matrix rates without sparsity: data sheets that print rates with it are halved.
CARDS = (
    _card("B200", 2250, 75, 178, 7700, r"\bB200\b", "NVIDIA HGX B200 data sheet, 2024, per GPU"),
    _card("H200", 989.5, 67, 140, 4800, r"\bH200\b", "NVIDIA H200 data sheet, 2024, SXM"),
    _card("H100-PCIe", 756.5, 51, 79, 2000, r"\bH100 PCIe", "NVIDIA H100 data sheet, 2023, PCIe"),
    _card("H100", 989.5, 67, 79, 3350, r"\bH100\b", "NVIDIA H100 data sheet, 2023, SXM"),
    _card("A100-40GB", 312, 19.5, 40, 1555, r"\bA100\S*[ -]40GB", "NVIDIA A100 data sheet, 2021, 40 GB"),
    _card("A100", 312, 19.5, 80, 2039, r"\bA100\b", "NVIDIA A100 data sheet, 2021, 80 GB SXM"),
    _card("L40S", 362, 91.6, 44, 864, r"\bL40S\b", "NVIDIA L40S data sheet, 2023"),
    _card("L4", 121, 30.3, 22, 300, r"\bL4\b", "NVIDIA L4 data sheet, 2023"),
    _card("A10", 125, 31.2, 22, 600, r"\bA10\b", "NVIDIA A10 data sheet, 2021"),
    _card("RTX-4090", 165.2, 82.6, 24, 1008, r"RTX 4090", "NVIDIA Ada GPU architecture paper, 2023, appendix A"),
    _card("RTX-3090", 71, 35.6, 24, 936, r"RTX 3090\b", "NVIDIA Ampere GA102 architecture paper, 2021, table 9"),
)
DEFAULT = "H100"


def card_of(driver_name: str) -> Card | None:
    """The card that a driver names so (`NVIDIA H200, 143771 MiB`); None for one that is not listed, or a processor."""
    return next((card for card in CARDS if re.search(card.pattern, driver_name)), None)


def find_card(asked: str | None) -> Card:
    """The card asked for by name, whatever its case; else the first of this machine, or an H100 where there is none.

    Raises UnknownNameError that lists those there are.
    """
    if asked is None:
        from suite.machine import gpus

        here = [card for name in gpus() if (card := card_of(name)) is not None]
        return here[0] if here else find_card(DEFAULT)
    named = {card.name.lower(): card for card in CARDS}
    if asked.lower() not in named:
        raise UnknownNameError("card", asked, [card.name for card in CARDS])
    return named[asked.lower()]
