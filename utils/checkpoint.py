"""Checkpoints: written whole or not at all, the last beside the one before it, read without unpickling code."""

import contextlib
import logging
import os
import pickle
import zipfile
from pathlib import Path

import torch

from utils.errors import UserError, first_line
from utils.unpickling import read_tensors
from utils.whole_file import cannot_be_written, whole_file

log = logging.getLogger("camxuc")

LAST, PREVIOUS, DAMAGED = "last.pt", "previous.pt", "damaged.pt"


def save(state: dict, path: Path, former: Path | None = None) -> None:
    """Write `state` so that `path` is at every moment the old file or the new one.

    Args:
        former: where the old file goes; see whole_file.
    Raises:
        UserError: the folder cannot be written to, or the disk is full.
    """
    with whole_file(path, "wb", former=former) as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:  # torch's word for a write that has failed; the system's own stands behind it
            raise UserError(cannot_be_written(path, error.__context__ or error)) from None


def save_last(state: dict, folder: Path) -> None:
    """`save` as last.pt; the one that was the last becomes previous.pt."""
    save(state, folder / LAST, folder / PREVIOUS)


def load(path: Path) -> dict:
    """What `save` wrote.

    Raises:
        UserError: no such file, truncated, changed since it was written, compressed, or holding more than tensors and
            plain values.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint")
    try:
        state = read_tensors(path)
        with zipfile.ZipFile(path) as archive:  # torch itself compares no checksums
            if changed := archive.testzip():
                raise ValueError(f"{changed} is not as it was written")
    except pickle.UnpicklingError:  # torch's text advises to unpickle it
        raise UserError(f"{path}: not a whole checkpoint: holds more than tensors and plain values") from None
    except Exception as error:  # zip, pickle and tensor readers each have their own; all mean the same here
        raise UserError(f"{path}: not a whole checkpoint: {first_line(error)[:120]}") from None
    if not isinstance(state, dict):
        raise UserError(f"{path}: not a whole checkpoint: holds a {type(state).__name__}, not a state by name")
    return state


def has_last(folder: Path) -> bool:
    """Whether `load_last` has something to load."""
    return any((folder / name).is_file() for name in (LAST, PREVIOUS))


def load_last(folder: Path, ours: bool = True) -> dict:
    """What `save_last` wrote last or, where that is damaged or absent, before it; a warning says so.

    Args:
        ours: it is saved into this folder from here on. A damaged last.pt is then kept as damaged.pt: at the next save
            it would take the place of the whole one.
    Raises:
        UserError: neither is there and whole.
    """
    try:
        return load(folder / LAST)
    except UserError as error:
        if not (folder / PREVIOUS).is_file():
            raise
        of_last = error
    try:
        state = load(folder / PREVIOUS)
    except UserError as error:
        raise UserError(f"{of_last}; nor can the one before be read: {error}; train anew, into another --output-dir"
                        ) from None
    if ours:
        with contextlib.suppress(OSError):  # it is absent; or else the first save will tell
            os.replace(folder / LAST, folder / DAMAGED)
    log.warning("%s; going on from the one before it: %s, step %s", of_last, folder / PREVIOUS, state.get("steps"))
    return state
