"""What torch.save wrote, read from anybody: nothing is unpickled but tensors and plain values, and nothing swells."""

import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

SWELLING = 16  # times a file's bytes that its tensors may claim together; in the file of one small one 2**20 bytes


def read_tensors(path: Path, mmap: bool = False):
    """What the file holds, on the CPU.

    Raises:
        Exception: of many kinds; pickle.UnpicklingError, where it holds more than tensors and plain values.
    """
    if zipped := zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            check_stored(archive.infolist(), path)
    with warnings.catch_warnings(action="ignore"):  # of pickle protocols, said of files that are refused
        value = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap and zipped)
    claimed = sum(tensor.numel() * tensor.element_size() for tensor in _tensors(value))
    if claimed > max(SWELLING * path.stat().st_size, 2**20):  # a view can repeat one number a billion times
        raise ValueError(f"its tensors claim {claimed:,} bytes, more than it can hold")
    return value


def check_stored(members: list[zipfile.ZipInfo], path: Path) -> None:
    """torch writes them as they are. Of a compressed megabyte there can come gigabytes.

    Raises:
        ValueError: one is compressed, or they claim more bytes than the file has.
    """
    if any(member.compress_type != zipfile.ZIP_STORED for member in members) or (
            sum(member.file_size for member in members) > path.stat().st_size):
        raise ValueError("it is compressed, or claims more than it holds")


def _tensors(value) -> Iterator[Tensor]:
    """All within it, each once, however deep."""
    left, seen = [value], set()
    while left:
        value = left.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, dict):
            left += value.values()
        elif isinstance(value, (list, tuple, set)):
            left += value
