"""Data that is made on this machine: written once, whole or not at all."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from utils.errors import UserError


def write_once(folder: Path, name: str, what: str, manifest: dict, write: Callable[[Path], None]) -> None:
    """Have `write` fill `folder`, unless it holds the data of this manifest already.

    Args:
        name: of the manifest's file.
        what: the data, for messages.
        manifest: all that the data depend on, in JSON types, `seed` among it.
        write: makes the folder that it is given, and fills it.
    Raises:
        UserError: `folder` holds anything else.
    """
    text = json.dumps(manifest, indent=1)
    if _is_complete(folder / name, text):
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists and is not the {what} of seed {manifest['seed']}: remove it or name another "
                        "folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.parent / f".{folder.name}.{os.getpid()}.partial"
    shutil.rmtree(unfinished, ignore_errors=True)  # of an earlier process that had this number and was killed
    try:
        write(unfinished)
        (unfinished / name).write_text(text)
        _publish(unfinished, folder, name, text)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _is_complete(path: Path, manifest: str) -> bool:
    return path.is_file() and path.read_text() == manifest


def _publish(unfinished: Path, folder: Path, name: str, manifest: str) -> None:
    try:
        os.replace(unfinished, folder)
    except OSError:
        if not _is_complete(folder / name, manifest):  # else another process was faster, with the same data
            raise
