"""A contact sheet of each split: how many samples it has of what, and some of them as the network sees them."""

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor


@dataclass(frozen=True)
class Piece:
    """A stretch of a text: a token, one of the encoder's own (`special`), one that it does not know (`unknown`), what
    lies between tokens (`gap`), or what is cut off (`cut`)."""

    text: str
    kind: Literal["token", "special", "unknown", "gap", "cut"]


@dataclass(frozen=True)
class Weighed:
    """A piece of a review, and what it adds to an aspect's mention and to its sentiment: logits, 0 between tokens."""

    piece: Piece
    mention: float
    sentiment: float


@dataclass
class Shown:
    """A sample as the network sees it, or why it cannot be read."""

    id: str
    labels: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what the loader did
    strips: dict[str, Tensor] = field(default_factory=dict)  # (T, 3, H, W) uint8 of each stream
    pieces: list[Piece] = field(default_factory=list)
    bad: str = ""


@dataclass
class Sheet:
    """A split: how many samples it has, how many of each class by what they are counted, and some of each group."""

    split: str
    unit: str
    size: int
    how: str  # a sentence on what is done to the samples
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    groups: dict[str, list[Shown]] = field(default_factory=dict)
    hidden: int = 0  # classes not shown for want of room
