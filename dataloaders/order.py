"""Which samples an epoch visits, and in which order: a function of (seed, epoch) only."""

from typing import NamedTuple

import numpy as np

from utils.seeding import ORDER, generator

WINDOW = 50  # batches among which samples of like length are brought together


class Draw(NamedTuple):
    """One visit to a sample. Its augmentation is drawn from these three numbers and the seed."""

    epoch: int
    index: int
    repeat: int  # how often the epoch has visited the sample before


def class_weights(labels: list[int], power: float = 1.0) -> np.ndarray:
    """Each sample's weight for Order, count(class) ** -power: 1 makes classes equally likely."""
    return np.bincount(labels)[labels] ** -float(power)


class Order:
    """Batches of draws.

    Args:
        size: number of samples.
        shuffle: a new permutation each epoch; else as listed.
        weights: (size,); draw with replacement, with chances that are proportional to them.
        repeats: (size,); how often an epoch visits each sample; once, if not given.
        lengths: (size,); a shuffled epoch's batches are of like lengths, so that little of them is padding.
    """

    def __init__(self, size: int, batch_size: int, seed: int, shuffle: bool, weights: np.ndarray | None = None,
                 repeats: np.ndarray | None = None, lengths: np.ndarray | None = None):
        self.batch_size, self.seed, self.shuffle = batch_size, seed, shuffle
        self.weights, self.lengths = weights, lengths
        self.visits = np.repeat(np.arange(size), 1 if repeats is None else repeats)
        self.once = weights is None and len(self.visits) == size

    def __len__(self) -> int:
        return -(-len(self.visits) // self.batch_size)

    def batches(self, epoch: int) -> list[list[Draw]]:
        stream = generator(self.seed, ORDER, epoch)
        batches, seen = self._batched(self._indices(stream)), {}
        if self.shuffle and self.lengths is not None:
            batches = self._by_length(batches, stream)
        return [[self._draw(epoch, index, seen) for index in batch] for batch in batches]

    def _draw(self, epoch: int, index: int, seen: dict[int, int]) -> Draw:
        seen[index] = seen.get(index, -1) + 1
        return Draw(epoch, index, seen[index])

    def _indices(self, stream: np.random.Generator) -> np.ndarray:
        if self.weights is not None:
            return stream.choice(len(self.visits), len(self.visits), p=self.weights / self.weights.sum())
        return stream.permutation(self.visits) if self.shuffle else self.visits

    def _batched(self, indices: np.ndarray) -> list[list[int]]:
        return [indices[i : i + self.batch_size].tolist() for i in range(0, len(indices), self.batch_size)]

    def _by_length(self, batches: list[list[int]], stream: np.random.Generator) -> list[list[int]]:
        """The same samples, sorted by length within each window of batches; then the batches shuffled."""
        sorted_batches = []
        for start in range(0, len(batches), WINDOW):
            window = np.concatenate(batches[start : start + WINDOW])
            sorted_batches += self._batched(window[np.argsort(self.lengths[window], kind="stable")])
        return [sorted_batches[i] for i in stream.permutation(len(sorted_batches))]
