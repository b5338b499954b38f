"""Checkpoints: written whole or not at all, read without unpickling code."""

import os
import tempfile
from pathlib import Path

import torch

from utils.errors import UserError


def save(state: dict, path: Path) -> None:
    """Write `state` so that `path` is at every moment the old file or the new one.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, suffix=".tmp", delete=False) as file:
            temporary = Path(file.name)
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        if temporary:
            temporary.unlink(missing_ok=True)
        raise UserError(f"{path}: cannot be written: {str(error).splitlines()[0]}") from None


def load(path: Path) -> dict:
    """What `save` wrote.

    Raises:
        UserError: no such file, truncated, or holding more than tensors and plain values.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle and tensor readers each have their own; all mean the same here
        raise UserError(f"{path}: not a whole checkpoint: {str(error).splitlines()[0][:120]}") from None
