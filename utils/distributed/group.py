"""The group of processes that torchrun, or whoever sets its variables, has started."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

from utils.errors import Elsewhere, UserError, first_line
from utils.precision import choose_device

T = TypeVar("T")

# For the slowest process, which may be auditing the data or writing the report, before the others give up.
PATIENCE = timedelta(hours=2)

_here = False  # whether the first process does something that is its own alone


def world_size() -> int:
    """Number of processes; 1 without a group."""
    return 1 if _here or not (dist.is_available() and dist.is_initialized()) else dist.get_world_size()


def rank() -> int:
    """This process's number, from 0."""
    return 0 if world_size() == 1 else dist.get_rank()


def local_world_size() -> int:
    """Processes that share this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1)) if world_size() > 1 else 1


@contextmanager
def processes(device: str) -> Iterator[None]:
    """While entered, this process and those started beside it are a group. Of a single one there is none.

    What stays on the CPU goes through gloo, so that none waits for its GPU to tell the others something.

    Raises:
        UserError: the group cannot be made, or another process has gone.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield
        return
    if ":" in device:
        raise UserError(f"--device {device}: several processes take a GPU each; give `cuda` or `auto`")
    _join(choose_device(device).type == "cuda")
    try:
        yield
    except RuntimeError as error:
        said = first_line(error)
        if "finished reduction" in said:  # DDP waits for a gradient of each
            raise UserError("some weights get no gradient with these settings, and several processes would wait for "
                            "it: train with one, whose log names them") from None
        if not isinstance(error, dist.DistError) and "gloo" not in str(error):
            raise
        raise UserError(f"another process has ended, or does not answer ({said[:100]}); see what it says; --resume "
                        "auto goes on from the last checkpoint") from None
    dist.destroy_process_group()  # not after an error, for then others may be in the middle of something


def _join(cuda: bool) -> None:
    try:
        if cuda:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=PATIENCE)
    except (KeyError, ValueError, RuntimeError) as error:
        said = " ".join(str(error).split())[:160]
        raise UserError(f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, and the processes cannot be joined: {said}; start "
                        "them with torchrun") from None


def common(text: str) -> UserError:
    """An error that all processes come to alike: the first one tells."""
    return UserError(text) if rank() == 0 else Elsewhere(text)


@contextmanager
def here() -> Iterator[None]:
    """While entered, this process is a single one to all that asks."""
    global _here
    before, _here = _here, True
    try:
        yield
    finally:
        _here = before


def exchanged(value: T) -> list[T]:
    """Those of all processes."""
    values = [value]
    if world_size() > 1:
        dist.all_gather_object(values := [None] * world_size(), value)
    return values


def first(function: Callable[[], T]) -> T:
    """What a function gives in the first process; only there it is called, and the others wait.

    Raises:
        UserError: that which it raised.
    """
    if world_size() == 1:
        return function()
    told = [None, None]  # its value, or its error
    if rank() == 0:
        try:
            with here():
                told = [function(), None]
        except UserError as error:
            told = [None, str(error)]
    dist.broadcast_object_list(told, src=0)
    if told[1] is not None:
        raise common(told[1])
    return told[0]
