"""Several processes, as torchrun starts them: each with its number among the environment's variables."""

import contextlib
import itertools
import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from tests.forked import FORKS, Hook, begin
from utils.distributed import processes

FIRST_PORT = 20_000 + 1000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
PORTS = itertools.cycle(range(FIRST_PORT + os.getpid() % 900, FIRST_PORT + 1000))


def train_together(world: int, words: list[str], said: Path, *hooks: Hook) -> list[int]:
    """The exit statuses of a command in all processes; what they say goes to files `said` in a folder, by number."""
    started = begin_together(world, words, said, *hooks)
    for process in started:
        process.join()
    return [process.exitcode for process in started]


def begin_together(world: int, words: list[str], said: Path, *hooks: Hook) -> list:
    """The processes of a command."""
    said.mkdir(exist_ok=True)
    port = _free_port()
    return [begin(words, said / str(rank), partial(be, rank, world, port), *hooks) for rank in range(world)]


def together(world: int, function: Callable, *args) -> list:
    """What a function says in each of the processes: tensors and plain values."""
    port = _free_port()
    with TemporaryDirectory() as folder:
        started = [FORKS.Process(target=_answer, args=(rank, world, port, folder, function, args))
                   for rank in range(world)]
        for process in started:
            process.start()
        for process in started:
            process.join()
        assert [process.exitcode for process in started] == [0] * world
        return [torch.load(Path(folder) / f"{rank}.pt", weights_only=True) for rank in range(world)]


def be(rank: int, world: int, port: int) -> None:
    """Take a number among so many processes."""
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world}
    os.environ |= {name: str(value) for name, value in numbers.items()}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}


def on(rank: int, hook: Hook) -> None:
    """A hook in one of the processes only."""
    if int(os.environ["RANK"]) == rank:
        hook()


def _answer(rank: int, world: int, port: int, folder: str, function: Callable, args: tuple) -> None:
    be(rank, world, port)
    torch.set_num_threads(1)
    with processes("cpu"):
        torch.save(function(*args), Path(folder) / f"{rank}.pt")


def _free_port() -> int:
    """None that the system gives to whoever asks for any, nor that another of the processes that run tests takes."""
    for port in PORTS:
        with contextlib.suppress(OSError), socket.socket() as one:
            one.bind(("127.0.0.1", port))
            return port
