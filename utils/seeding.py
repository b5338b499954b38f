"""Randomness as a function of where training stands, never of what ran before.

A resumed run then equals an unbroken one, whatever the number of workers.
"""

import numpy as np
import torch

# One number per use, so that two uses with equal counters never share a stream.
ORDER, AUGMENT, STEP, SPLIT, INITIAL, SUBSET, BOOTSTRAP, LANES = range(8)


def generator(seed: int, use: int, *counters: int) -> np.random.Generator:
    """A random stream that depends on its arguments only."""
    return np.random.default_rng((seed, use, *counters))


def seed_torch(seed: int, use: int, *counters: int) -> np.random.Generator:
    """Seed torch's own draws (initial weights, dropout), and return the stream for further ones."""
    stream = generator(seed, use, *counters)
    torch.manual_seed(int(stream.integers(2**63)))
    return stream
