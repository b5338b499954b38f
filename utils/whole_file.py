"""Files that are there whole or not at all, whatever ends the process or the machine."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from utils.errors import UserError, first_line


@contextlib.contextmanager
def whole_file(path: Path, mode: str = "w", former: Path | None = None, **options) -> Iterator[IO]:
    """A file to write to that takes the place of `path` when the block ends, its bytes on the disk.

    `path` is at every moment the old file or the new one. What a killed process leaves beside it has one name, and
    the next writer takes it away.

    Args:
        mode, options: as those of `open`; text is UTF-8.
        former: where the old file goes. Then `path` is absent for a moment, in which this one is there.
    Raises:
        UserError: the folder cannot be made or written to, or the disk is full; the old file stays.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open(mode, encoding=None if "b" in mode else "utf-8", **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if former and path.exists():
            os.replace(path, former)
        os.replace(temporary, path)
        sync_names(path.parent)
    except OSError as error:
        raise UserError(cannot_be_written(path, error)) from None
    finally:
        with contextlib.suppress(OSError):  # there is none, or no folder
            temporary.unlink()


def cannot_be_written(path: Path, error: Exception) -> str:
    return f"{path}: cannot be written: {getattr(error, 'strerror', None) or first_line(error)}"


def sync_names(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system lets one: Windows and some network disks do not."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
