"""Label distribution learning with targets from the similarity of class texts."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .numerics import IGNORE, check_positive, in_float32, l2_normalize, masked_mean


@in_float32
def log_target_distribution(text_features: Tensor, temperature: float | Tensor) -> Tensor:
    """log of `target_distribution`: exact where a target underflows to 0."""
    features = l2_normalize(text_features)  # (C, D)
    return (features @ features.T / temperature).log_softmax(-1)  # (C, C)


def target_distribution(text_features: Tensor, temperature: float | Tensor) -> Tensor:
    """Targets (C, C) of class texts (C, D): row y is softmax(cos(T_y, T) / temperature), for class y."""
    return log_target_distribution(text_features, temperature).exp()


def true_class_mass(text_features: Tensor, temperature: float | Tensor) -> Tensor:
    """Mean over classes of what the target gives to the true class: a scalar in [1/C, 1]."""
    return target_distribution(text_features, temperature).diagonal().mean()


@torch.no_grad()
def solve_target_temperature(text_features: Tensor, target_mass: float) -> float:
    """The temperature at which `true_class_mass` is `target_mass`, by bisection.

    Raises ValueError if target_mass is not in (1/C, 1), or if the texts are too alike to reach it.
    """
    chance = 1 / len(text_features)
    if not chance < target_mass < 1:
        raise ValueError(f"target_mass must be in (1/C, 1) = ({chance:.4g}, 1), got {target_mass}")
    features = text_features.double()
    cold, hot = math.log(1e-6), math.log(1e6)
    most, least = (float(true_class_mass(features, math.exp(t))) for t in (cold, hot))
    if not least <= target_mass <= most:
        raise ValueError(f"no temperature gives a true-class mass of {target_mass}: these class texts allow "
                         f"{least:.4g} to {most:.4g}; are two of them the same?")
    for _ in range(60):  # the mass falls steadily as the temperature rises
        middle = (cold + hot) / 2
        too_sharp = true_class_mass(features, math.exp(middle)) > target_mass
        cold, hot = (middle, hot) if too_sharp else (cold, middle)
    return math.exp((cold + hot) / 2)


@in_float32
def semantic_ldl_loss(logits: Tensor, target: Tensor, text_features: Tensor,
                      target_temperature: float | Tensor, temperature: float) -> Tensor:
    """KL(q || softmax(logits / temperature)), q the detached target of a label; mean over labels not -1."""
    if logits.shape != (*target.shape, len(text_features)):
        raise ValueError(f"logits {tuple(logits.shape)} do not match target {tuple(target.shape)} and "
                         f"{len(text_features)} class texts")
    valid = target != IGNORE
    log_targets = log_target_distribution(text_features.detach(), target_temperature)  # (C, C)
    log_q = log_targets[target.masked_fill(~valid, 0)]  # (B, C)
    log_p = (logits / temperature).log_softmax(-1)
    return masked_mean(F.kl_div(log_p, log_q, log_target=True, reduction="none").sum(-1), valid)


class SemanticLDLLoss(nn.Module):
    """Label distribution learning (Geng, 2016) with targets from the cosines between class texts.

    logits (B, C), target (B), text_features (C, D); value in [0, inf). No gradient reaches text_features.
    `target_temperature` is a buffer: set it from `solve_target_temperature` and it stays in state_dict.
    Raises ValueError for a temperature that is not above 0 and for shapes that do not match.
    """

    def __init__(self, target_temperature: float = 0.1, temperature: float = 1.0):
        super().__init__()
        self.temperature = check_positive("temperature", temperature)
        check_positive("target_temperature", target_temperature)
        self.register_buffer("target_temperature", torch.tensor(float(target_temperature)))

    def forward(self, logits: Tensor, target: Tensor, text_features: Tensor) -> Tensor:
        return semantic_ldl_loss(logits, target, text_features, self.target_temperature, self.temperature)
