"""Whether a figure that is looked at again and again stands still."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import theilslopes

WARM = 0.2  # of a series, left out: caches fill
LEAST = 6  # figures in each half that is judged
SHARE, COUNT = 0.01, 0.5  # of its median, by which a figure may grow over the second half; something counted, by this


@dataclass
class Trend:
    """Medians of the slopes between all pairs, a step: of both halves, and of the second the interval of 95 %."""

    first: float
    second: float
    low: float
    high: float
    growth: float  # over the second half, at the rate of the slower half of that: a step is in one of them only
    bound: float

    @property
    def grows(self) -> bool:
        """Still in the second half, surely, all along it, and by more than the bound; what has filled does not."""
        return self.low > 0 and self.growth > self.bound

    def __str__(self) -> str:
        return f"{self.second:+.3g} an epoch ({self.low:+.3g} to {self.high:+.3g}), before {self.first:+.3g}"


def trend(series: Sequence[float]) -> Trend | None:
    """Of a figure's values, behind the first of them; None, if they are too few."""
    warm = list(series)[int(WARM * len(series)) :]
    first, second = halves(warm)
    if len(first) < LEAST:
        return None
    counted = all(isinstance(value, int) for value in second)
    bound = COUNT if counted else SHARE * statistics.median(second)
    slope, _, low, high = theilslopes(second)
    slower = min(theilslopes(half).slope for half in halves(second))
    return Trend(float(theilslopes(first).slope), float(slope), float(low), float(high),
                 float(slower * (len(second) - 1)), bound)


def halves(values: list) -> tuple[list, list]:
    return values[: len(values) // 2], values[len(values) // 2 :]
