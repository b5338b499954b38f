"""How features lie in their space, whatever they are used for."""

import torch
from torch import Tensor

from utils.losses.numerics import in_float32, l2_normalize


@in_float32
def alignment(first: Tensor, second: Tensor) -> Tensor:
    """Mean squared distance of the two views of a sample, (B, D) each, brought to unit length: 0 if they agree.

    Wang and Isola, 2020 (arXiv 2005.10242), eq. 2 with alpha = 2.
    """
    return (l2_normalize(first) - l2_normalize(second)).square().sum(dim=-1).mean()


@in_float32
def uniformity(features: Tensor) -> Tensor:
    """log of the mean of exp(-2 d^2) over pairs of different rows (B, D), brought to unit length.

    0 if all are one, about -4 if they are spread evenly; 0 for a single row. Wang and Isola, 2020 (arXiv
    2005.10242), eq. 3 with t = 2.
    """
    if len(features) < 2:
        return features.new_zeros(())
    distances = torch.pdist(l2_normalize(features))  # (B(B-1)/2,)
    return distances.square().mul(-2).exp().mean().log()


@in_float32
def contrastive_accuracy(first: Tensor, second: Tensor) -> Tensor:
    """Share of views whose nearest other view in the batch is that of the same sample; (B, D) each."""
    views = l2_normalize(torch.cat([first, second]))  # (2B, D)
    similarity = (views @ views.T).fill_diagonal_(-torch.inf)
    partner = torch.arange(len(views), device=views.device).roll(len(first))
    return (similarity.argmax(dim=-1) == partner).float().mean()


@in_float32
def feature_spread(features: Tensor) -> Tensor:
    """Standard deviation of unit features (N, D), mean over channels, times sqrt(D): 1 if spread evenly, 0 if all are
    one (Chen and He, 2021, SimSiam, arXiv 2011.10566, section 4.1)."""
    return l2_normalize(features).std(dim=0, correction=0).mean() * features.shape[-1] ** 0.5


@in_float32
def effective_rank(features: Tensor) -> Tensor:
    """exp of the entropy of the singular values of the centred unit features (N, D): 1 to D; 0 if all are one.

    Roy and Vetterli, 2007 ("The effective rank"), definition 1.
    """
    features = l2_normalize(features)
    centred = features - features.mean(dim=0)
    values = torch.linalg.eigvalsh((centred.T @ centred).double()).clamp(min=0).sqrt()  # (D,) singular values
    values = values[values > 1e-6 * len(features) ** 0.5]
    share = values / values.sum()
    return torch.exp(-(share * share.log()).sum()) * bool(len(values))
