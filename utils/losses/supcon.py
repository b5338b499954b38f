"""Supervised contrastive loss, for one label or for a row of aspect labels per sample."""

import torch
from torch import Tensor, nn

from .numerics import IGNORE, check_positive, in_float32, l2_normalize, masked_mean


def label_agreement(labels: Tensor) -> Tensor:
    """Weight (B, B) of each pair: Jaccard index of the (aspect, sentiment) pairs that two samples mention.

    labels (B, A), -1 where an aspect is not mentioned. One column gives 1 for the same class and 0 otherwise.
    The diagonal is 0, and so is the weight of two samples that mention nothing.
    """
    mentioned = labels != IGNORE  # (B, A)
    same = labels.unsqueeze(1) == labels.unsqueeze(0)
    shared = (same & mentioned.unsqueeze(1)).sum(-1)  # (B, B)
    size = mentioned.sum(-1)
    union = size.unsqueeze(1) + size.unsqueeze(0) - shared
    return (shared / union.clamp(min=1)).fill_diagonal_(0)


@in_float32
def supcon_loss(embeddings: Tensor, labels: Tensor, temperature: float, base_weight: float = 0.0) -> Tensor:
    """-sum_j w_ij log softmax_{j != i}(z_i . z_j / temperature) / sum_j w_ij, mean over anchors with any w.

    Every other sample, positives too, is in the denominator: without them the loss can fall below 0.
    """
    if labels.dim() not in (1, 2) or embeddings.dim() != 2 or len(labels) != len(embeddings):
        raise ValueError(f"embeddings {tuple(embeddings.shape)} do not match labels {tuple(labels.shape)}")
    features = l2_normalize(embeddings)  # (B, D)
    similarity = features @ features.T / temperature  # (B, B)
    itself = torch.eye(len(features), dtype=torch.bool, device=features.device)
    # The lowest finite number, not -inf: the softmax over an empty row would be NaN at B = 1.
    log_prob = similarity.masked_fill(itself, torch.finfo(similarity.dtype).min).log_softmax(-1)
    agreement = label_agreement(labels.view(len(labels), -1))
    weight = (base_weight + (1 - base_weight) * agreement).masked_fill(itself, 0)
    total = weight.sum(-1)
    per_anchor = -(weight * log_prob).sum(-1) / torch.where(total > 0, total, 1)
    return masked_mean(per_anchor, total > 0)


class SupConLoss(nn.Module):
    """Supervised contrastive loss (Khosla et al., 2020, arXiv 2004.11362, eq. 2).

    embeddings (B, D), labels (B), or (B, A) with a sentiment per aspect and -1 where not mentioned. Positives
    weigh 1 for the same class, or base_weight + (1 - base_weight) * `label_agreement`. Value in [0, inf); 0, with a
    gradient of 0, where no anchor has a positive. Raises ValueError for temperature <= 0, base_weight outside
    [0, 1], and for shapes that do not match.
    """

    def __init__(self, temperature: float = 0.1, base_weight: float = 0.0):
        super().__init__()
        self.temperature = check_positive("temperature", temperature)
        if not 0 <= base_weight <= 1:
            raise ValueError(f"base_weight must be in [0, 1], got {base_weight}")
        self.base_weight = base_weight

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return supcon_loss(embeddings, labels, self.temperature, self.base_weight)
