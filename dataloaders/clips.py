"""A clip as the data set lists it, before any frame is read."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from utils.errors import UserError

VIDEO = {".avi", ".mp4", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv"}
IMAGE = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}


class ClipError(Exception):
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
        UserError: an absolute path, or one with `..`.
    """
    pure = PurePosixPath(listed.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or ":" in pure.parts[0]:
        raise UserError(f"{where}: {listed!r} leads out of --root-dir; paths must be relative to it")
    return root / pure
