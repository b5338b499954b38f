"""What contact sheets and pages of explanations show."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
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


@dataclass
class Framed:
    """A clip with the boxes that were found in it, or in the note why it cannot be shown."""

    id: str
    note: str
    pictures: list[np.ndarray] = field(default_factory=list)  # (H, W, 3) uint8, small


@dataclass
class FaceSheet:
    """What a search for faces came to, and some clips of each kind."""

    clips: int = 0
    frames: int = 0
    with_box: int = 0  # frames
    counts: dict[str, int] = field(default_factory=dict)  # of clips by kind
    groups: dict[str, list[Framed]] = field(default_factory=dict)
    notes: Counter = field(default_factory=Counter)
    bad: dict[str, str] = field(default_factory=dict)  # clips that cannot be read, and why
