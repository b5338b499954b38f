"""A process that no other test has left threads, files or children in."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any


def in_fresh_process(call: Callable, *args) -> Any:
    """What a function of a module gives or raises there; it and what it is given are pickled."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(call, *args).result()
