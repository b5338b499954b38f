"""Which clips an epoch visits, and in which order: a function of (seed, epoch) only."""

from typing import NamedTuple

import numpy as np

from utils.seeding import ORDER, generator


class Draw(NamedTuple):
    """One visit to a clip. Its augmentation is drawn from these three numbers and the seed."""

    epoch: int
    index: int
    repeat: int  # how often the epoch has visited the clip before; the weighted sampler repeats


class Order:
    """Batches of draws.

    Args:
        labels: of all clips.
        shuffle: a new permutation each epoch; else as listed.
        weighted: draw with replacement, a clip's chance being count(class) ** -power.
    """

    def __init__(self, labels: list[int], batch_size: int, seed: int, shuffle: bool,
                 weighted: bool = False, power: float = 1.0):
        self.labels, self.batch_size, self.seed, self.shuffle = np.asarray(labels), batch_size, seed, shuffle
        self.weights = np.bincount(self.labels)[self.labels] ** -float(power) if weighted else None

    def __len__(self) -> int:
        return -(-len(self.labels) // self.batch_size)

    def batches(self, epoch: int) -> list[list[Draw]]:
        seen: dict[int, int] = {}
        draws = []
        for index in self._indices(epoch).tolist():
            draws.append(Draw(epoch, index, seen.get(index, 0)))
            seen[index] = seen.get(index, 0) + 1
        return [draws[i : i + self.batch_size] for i in range(0, len(draws), self.batch_size)]

    def _indices(self, epoch: int) -> np.ndarray:
        number, stream = len(self.labels), generator(self.seed, ORDER, epoch)
        if self.weights is not None:
            return stream.choice(number, number, p=self.weights / self.weights.sum())
        return stream.permutation(number) if self.shuffle else np.arange(number)
