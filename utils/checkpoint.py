"""Checkpoints: written whole or not at all, read without unpickling code."""

import os
import pickle
from pathlib import Path

import torch

from utils.errors import UserError, first_line
from utils.unpickling import read_tensors


def save(state: dict, path: Path) -> None:
    """Write `state` so that `path` is at every moment the old file or the new one.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        raise UserError(f"{path}: cannot be written: {first_line(error)}") from None
    finally:
        if temporary.exists():  # the save broke off, whatever the reason
            temporary.unlink()


def load(path: Path) -> dict:
    """What `save` wrote.

    Raises:
        UserError: no such file, truncated, compressed, or holding more than tensors and plain values.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint")
    try:
        state = read_tensors(path)
    except pickle.UnpicklingError:  # torch's text advises to unpickle it
        raise UserError(f"{path}: not a whole checkpoint: holds more than tensors and plain values") from None
    except Exception as error:  # zip, pickle and tensor readers each have their own; all mean the same here
        raise UserError(f"{path}: not a whole checkpoint: {first_line(error)[:120]}") from None
    if not isinstance(state, dict):
        raise UserError(f"{path}: not a whole checkpoint: holds a {type(state).__name__}, not a state by name")
    return state
