"""What frozen features are worth: classifiers that are fitted to a few labelled ones."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

NEIGHBOURS = 20  # that vote
VOTE_TEMPERATURE = 0.07
REGULARISATION = 10.0  # sklearn's C, of unit features


def knn(features: Tensor, targets: Tensor, queries: Tensor | None, classes: int,
        neighbours: int = NEIGHBOURS) -> Tensor:
    """Class shares (M, C) among each query's nearest features by cosine, weighed by exp(cosine / 0.07).

    Wu et al., 2018 (arXiv 1805.01978), section 3.4. No more vote than the commonest class has features.

    Args:
        features: (N, D), and their `targets` (N,).
        queries: (M, D); None are the features themselves, each without its own vote.
    """
    commonest = int(torch.bincount(targets).max())
    others = len(features) - (queries is None)
    if others < 1:
        return torch.full((len(features), classes), 1 / classes)
    from sklearn.neighbors import NearestNeighbors  # seconds to import, and seldom needed

    index = NearestNeighbors(n_neighbors=min(neighbours, commonest, others), metric="cosine", algorithm="brute")
    index.fit(_unit(features))
    distances, places = index.kneighbors(None if queries is None else _unit(queries))  # (M, k)
    weights = (-torch.from_numpy(distances) / VOTE_TEMPERATURE).softmax(dim=-1)
    votes = F.one_hot(targets[torch.from_numpy(places)], classes)  # (M, k, C)
    return (weights[..., None] * votes).sum(dim=1).float()


def linear(features: Tensor, targets: Tensor, queries: Tensor, classes: int) -> Tensor:
    """Class probabilities (M, C) by logistic regression on unit features, classes weighed alike."""
    found, numbers = torch.unique(targets, return_inverse=True)
    shares = torch.zeros(len(queries), classes)
    if len(found) == 1:
        shares[:, found] = 1
        return shares
    from sklearn.linear_model import LogisticRegression  # seconds to import, and seldom needed

    model = LogisticRegression(C=REGULARISATION, max_iter=1000, class_weight="balanced")
    model.fit(_unit(features), numbers.numpy())
    shares[:, found] = torch.from_numpy(model.predict_proba(_unit(queries))).float()
    return shares


def _unit(features: Tensor) -> np.ndarray:
    return F.normalize(features.double(), dim=-1).numpy()


PROBES = {"linear": linear, "knn": knn}
