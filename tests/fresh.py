"""A process that no other test has left threads, files or children in."""

import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any


def in_fresh_process(call: Callable, *args) -> Any:
    """What a function of a module gives or raises there; it and what it is given are pickled."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_called, call, *args).result()


def _called(call: Callable, *args) -> Any:
    """Loader processes ignore the SIGTERM that they would get at the end, and be waited for for ever."""
    try:
        return call(*args)
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for child in multiprocessing.active_children():
            child.kill()
