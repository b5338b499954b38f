"""main.py's commands in processes that begin at once: each is forked from one that has imported all they need.

That one has run nothing, so it has no threads, which a fork would lose.
"""

import atexit
import ctypes
import errno
import faulthandler
import io
import math
import multiprocessing
import os
import pathlib
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from pkgutil import walk_packages

import cv2
import matplotlib.figure
import open_clip
import sklearn.manifold
import timm
import torch

import commands.training
import dataloaders
import models
import utils
from benchmarks.resources import descendants
from main import main
from trainer import Trainer
from utils.errors import UserError

LATE = (matplotlib.figure, sklearn.manifold, timm, commands.training)  # which are else imported when they are needed
for room in (dataloaders, models, utils):
    for module in walk_packages(room.__path__, f"{room.__name__}."):
        import_module(module.name)

open_clip.add_model_config(Path(__file__).parent / "clip_configs")
LIBC = ctypes.CDLL(None)
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])

Hook = Callable[[], None]  # called in the process before the command; one that can be pickled


def begin(words: list[str], said: Path, *hooks: Hook) -> BaseProcess:
    """The process of a command; what it says goes to the end of a file."""
    process = FORKS.Process(target=_run, args=(list(map(str, words)), said, hooks))
    process.start()
    return process


def run(words: list[str], said: Path, *hooks: Hook) -> int:
    """The exit status of a command; less than 0 is the signal that has ended it."""
    process = begin(words, said, *hooks)
    process.join()
    return process.exitcode


def ended(process: BaseProcess, seconds: float) -> bool:
    """Whether the process has come to its end in time; else it says where it is, and is killed."""
    if wait([process.sentinel], seconds):
        process.join()
        return True
    os.kill(process.pid, signal.SIGUSR1)
    wait([process.sentinel], 1)
    process.kill()
    return False


def killed_after(process: BaseProcess, seconds: float) -> list[int] | None:
    """The children that the process leaves when it is killed after so much of the processor's time; None, if it came to
    its end before."""
    while not wait([process.sentinel], 0.01):
        if processor_time(process.pid) >= seconds:
            left = descendants(process.pid)
            process.kill()
            process.join()
            return left if process.exitcode == -signal.SIGKILL else None
    process.join()
    return None


def processor_time(process: int) -> float:
    """Seconds that it has used; infinite, if it is gone."""
    try:
        figures = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return math.inf
    return sum(map(int, figures[11:13])) / os.sysconf("SC_CLK_TCK")


def _run(words: list[str], said: Path, hooks: tuple[Hook, ...]) -> None:
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)
    faulthandler.register(signal.SIGUSR1)
    multiprocessing.set_start_method("fork", force=True)  # of its workers, as it is where nothing was forked
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for hook in hooks:
        hook()
    try:
        status = main(words)
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()  # which multiprocessing would leave out
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


# ---------------------------------------------------------------- hooks

def tell_steps(path: Path, folder: Path) -> None:
    """A line for each step of the folder's run when it is done; it stands whatever becomes of the process."""
    file, step = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), Trainer.step

    def told(self, batches):
        step(self, batches)
        if self.run_dir == folder:  # the check before training has a small one of its own
            os.write(file, f"{self.steps}\n".encode())

    Trainer.step = told


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_while_writing(number: int) -> None:
    """At the call of that number of what writes files whole: half-way in a checkpoint, or before one of the others."""
    calls = iter(range(1, number))

    def half(state, file) -> None:
        save(state, written := io.BytesIO())
        file.write(written.getvalue()[: len(written.getvalue()) // 2])
        file.flush()
        die()

    def counted(function: Callable, last: Callable) -> Callable:
        return lambda *args, **options: (last if next(calls, None) is None else function)(*args, **options)

    save = torch.save
    torch.save = counted(save, half)
    for owner, name in ((os, "fsync"), (os, "replace"), (pathlib.Path, "unlink")):
        setattr(owner, name, counted(getattr(owner, name), lambda *args, **options: die()))


def tell_time(path: Path) -> None:
    """The processor's time, in seconds, that the process has used at its end."""
    atexit.register(lambda: path.write_text(str(time.process_time())))


def at_step(folder: Path, number: int, do: Hook) -> None:
    """When the folder's run has done so many steps."""
    step = Trainer.step

    def stepped(self, batches):
        step(self, batches)
        if self.run_dir == folder and self.steps == number:
            do()

    Trainer.step = stepped


def fill(path: Path) -> None:
    """Write to a file until the disk has no byte left."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    for size in (2**16, 1):
        try:
            while os.write(file, bytes(size)):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC


def obey_permissions() -> None:
    """As whoever is not root has to."""
    header = struct.pack("Ii", 0x20080522, 0)
    data = ctypes.create_string_buffer(24)
    assert LIBC.capget(header, data) == 0
    effective, *rest = struct.unpack("6I", data.raw)
    assert LIBC.capset(header, struct.pack("6I", effective & ~0b110, *rest)) == 0  # CAP_DAC_OVERRIDE, _READ_SEARCH


def give_up(text: str) -> None:
    raise UserError(text)
