"""Weights and learning rates as functions of progress, in epochs (3.5 is halfway through the fourth)."""

import math
from collections.abc import Callable

Schedule = Callable[[float], float]


def ramp(value: float, warmup: float, length: float) -> Schedule:
    """0 until `warmup` epochs are over, then linear up to `value` over `length` epochs."""

    def weight(epoch: float) -> float:
        if epoch < warmup:
            return 0.0
        return value * min(1.0, (epoch - warmup) / length) if length > 0 else value

    return weight


def before(end: float) -> Schedule:
    """1 before epoch `end`, 0 from there on."""
    return lambda epoch: float(epoch < end)


def from_epoch(start: float) -> Schedule:
    """0 before epoch `start`, 1 from there on."""
    return lambda epoch: float(epoch >= start)


def learning_rate_factor(
    epoch: float, epochs: int, warmup: float, milestones: tuple[int, ...], gamma: float
) -> float:
    """Linear warm-up, then a factor `gamma` at each milestone, or a half cosine to 0 if there is none."""
    if epoch < warmup:
        return min(1.0, max(epoch, 0.02) / warmup)  # never 0: the first step should move
    if milestones:
        return gamma ** sum(epoch >= milestone for milestone in milestones)
    return 0.5 * (1 + math.cos(math.pi * (epoch - warmup) / max(epochs - warmup, 1e-9)))
