"""A fault that said nothing elsewhere: in the data, in the settings, or in one line of the code."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Fault:
    """`finding` is what must be said of it, by name, before training or at the end of the first epoch."""

    name: str
    shows: str  # what its user sees elsewhere
    finding: str
    base: str = "video"
    data: Callable[[Path], None] | None = None  # edits the files under a root
    flags: str = ""
    line: tuple[Callable, str, str] | None = None  # in a function, old text and new
