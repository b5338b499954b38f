"""How much of what a device can do is done."""

import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import seconds_of


def flops_of(call: Callable[[], object]) -> int:
    """Floating-point operations of the matrix products and convolutions in one call."""
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


def peak_flops(device: torch.device, dtype: torch.dtype, least_seconds: float = 1.0) -> float:
    """Operations a second of the fastest of some large matrix products on this device."""
    best = 0.0
    for size in (1024, 2048, 4096, 8192) if device.type == "cuda" else (1024, 2048):
        a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
        a @ b
        started = time.perf_counter()
        while time.perf_counter() - started < least_seconds:
            best = max(best, 2 * size**3 / seconds_of(lambda: a @ b))
    return best
