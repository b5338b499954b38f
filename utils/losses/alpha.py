"""Class weights by inverse frequency."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .numerics import IGNORE


def class_counts(labels: Tensor, num_classes: int) -> Tensor:
    """Number of labels of each class (num_classes,), -1 left out. Give it the labels as they are sampled."""
    return torch.bincount(labels[labels != IGNORE].flatten(), minlength=num_classes)


def inverse_frequency_alpha(counts: Tensor | Sequence[float], names: Sequence[str] | None = None) -> Tensor:
    """Weights total / (S * count) of S classes, float32 (S,): all 1 where the classes are balanced.

    Raises ValueError, with the indices or `names` of the classes, if some have no sample.
    """
    counts = torch.as_tensor(counts, dtype=torch.float64)
    absent = [str(names[c]) if names else str(c) for c, count in enumerate(counts.tolist()) if not count > 0]
    if absent:
        raise ValueError(f"no weight for a class without samples: {', '.join(absent)}")
    return (counts.sum() / (len(counts) * counts)).float()
