"""Intervals of a difference between runs that were scored on the same samples."""

from collections.abc import Iterator

import numpy as np

from utils.ablation.counts import score
from utils.seeding import BOOTSTRAP, generator

RESAMPLES = 10_000
LEVEL = 0.95
CELLS = 2**22  # of a block of resamples; 32 MB


def resamples(strata: np.ndarray, count: int = RESAMPLES) -> Iterator[np.ndarray]:
    """How often each of N samples is drawn, in blocks (b, N) of `count` resamples in all.

    As many are drawn of each stratum as there are, with replacement.
    """
    stream, block = generator(0, BOOTSTRAP), max(CELLS // len(strata), 1)
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    for start in range(0, count, block):
        rows = min(block, count - start)
        weights = np.empty((rows, len(strata)))
        for places in members:
            drawn = stream.integers(0, len(places), (rows, len(places))) + len(places) * np.arange(rows)[:, None]
            weights[:, places] = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
        yield weights


def resampled_scores(counts: list[np.ndarray], mean: str, strata: np.ndarray, count: int = RESAMPLES) -> np.ndarray:
    """(runs, count): each run's score on the same resamples of N samples.

    Args:
        counts: (N, 3, K) of each run.
        strata: (N,).
    """
    blocks = [[score((weights @ of.reshape(len(of), -1)).reshape(len(weights), *of.shape[1:]), mean) for of in counts]
              for weights in resamples(strata, count)]
    return np.concatenate(blocks, axis=1)


def interval(differences: np.ndarray) -> tuple[float, float]:
    """The percentile interval of LEVEL (Efron & Tibshirani, 1993, chapter 13) of resampled differences (count,)."""
    low, high = np.quantile(differences, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
