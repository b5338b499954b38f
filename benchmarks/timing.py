"""Times of several ways to do one thing, taken by turns, so that what slows the machine slows all of them."""

import gc
import statistics
import time
from collections.abc import Callable

import torch

Seconds = dict[str, list[float]]  # by case, one for each round


def by_turns(cases: dict[str, Callable[[], object]], rounds: int, warm: int = 1) -> Seconds:
    """Seconds of each case in each round; within a round the cases run one after the other."""
    for case in cases.values():
        for _ in range(warm):
            case()
    seconds: Seconds = {name: [] for name in cases}
    for number in range(rounds):
        order = list(cases) if number % 2 else list(cases)[::-1]  # no case always follows the same one
        for name in order:
            seconds[name].append(seconds_of(cases[name]))
    return seconds


def seconds_of(case: Callable[[], object]) -> float:
    """Of one call, what it left on the device included."""
    gc.collect()
    _settle()
    started = time.perf_counter()
    case()
    _settle()
    return time.perf_counter() - started


def _settle() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def ratios(seconds: Seconds, slow: str, fast: str) -> tuple[float, float, float]:
    """How many times as fast `fast` is: median, least and most over the rounds."""
    each = [s / f for s, f in zip(seconds[slow], seconds[fast])]
    return statistics.median(each), min(each), max(each)
