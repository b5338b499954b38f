"""A clip as the data set lists it, before any frame is read."""

import re
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from utils.errors import Told, UserError

VIDEO = {".avi", ".mp4", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv"}
IMAGE = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}


class ClipError(Told):
    """This clip cannot be read; the text says why. The clip is counted and left out."""


@dataclass(frozen=True)
class Clip:
    """`id` is the path as listed, relative to the root, with `/`."""

    id: str
    path: Path
    label: int


def inside(root: Path, listed: str, where: str) -> Path:
    """The path of a listed file, which must not lead out of the root.

    Raises:
        UserError: an absolute path, one with `..` or NUL, or the root itself.
    """
    pure = PureWindowsPath(listed)  # takes both separators, and knows drives
    if pure.anchor or ".." in pure.parts or not pure.parts or "\0" in listed:
        raise UserError(f"{where}: {listed!r} is no path inside --root-dir; paths must be relative to it")
    return root / pure.as_posix()


def frame_number(name: str) -> int | None:
    """The number in a frame's file name, the last if there are several: 28 for `frame_028.jpg`."""
    stem = PureWindowsPath(name).stem
    numbers = re.findall(r"\d{1,18}", stem)
    return int(numbers[-1]) if numbers else None
