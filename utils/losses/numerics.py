"""What the losses share: precision, normalisation, means over masks, and the checks of their arguments."""

import functools

import torch
from torch import Tensor

IGNORE = -1  # the label of a cell or sample without a class


def in_float32(function):
    """Decorator: autocast off, half-precision inputs raised to float32. The first argument is a tensor.

    float64 stays as it is, so that gradients can be checked by finite differences.
    """

    def widen(value):
        if isinstance(value, Tensor) and value.is_floating_point():
            return value.to(torch.promote_types(value.dtype, torch.float32))
        return value

    @functools.wraps(function)
    def run(*args, **kwargs):
        with torch.autocast(device_type=args[0].device.type, enabled=False):
            return function(*map(widen, args), **{name: widen(value) for name, value in kwargs.items()})

    return run


def l2_normalize(features: Tensor, eps: float = 1e-6) -> Tensor:
    """Rows of `features` (..., D) at length 1; a row shorter than `eps` becomes 0, with a gradient of 0."""
    norm = features.norm(dim=-1, keepdim=True)
    # Over infinity, not over eps: a dead row would get a gradient of 1 / eps, too large for fp16.
    return features / norm.masked_fill(norm < eps, torch.inf)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of `values` where `mask` is true; 0, with a gradient of 0, where it is true nowhere."""
    return torch.where(mask, values, 0).sum() / mask.sum().clamp(min=1)


def true_class_log_probs(logits: Tensor, target: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    """log p_y of each cell, and which cells count; both in the shape of `target`.

    Raises ValueError unless logits are (..., S) for a target (...).
    """
    if logits.shape[:-1] != target.shape:
        raise ValueError(f"logits {tuple(logits.shape)} do not match target {tuple(target.shape)}")
    valid = target != ignore_index
    label = target.masked_fill(~valid, 0).unsqueeze(-1)  # (..., 1)
    return logits.log_softmax(-1).gather(-1, label).squeeze(-1), valid


def power_of_error(log_p: Tensor, exponent: float) -> Tensor:
    """(1 - p)^exponent from log p. A fractional power has an infinite slope at 0, hence the clamp."""
    return (-torch.expm1(log_p)).clamp(min=1e-7) ** exponent


def check_positive(name: str, value: float) -> float:
    """`value`, or ValueError unless it is above 0."""
    if not value > 0:
        raise ValueError(f"{name} must be above 0, got {value}")
    return value


def check_pairs(first: Tensor, second: Tensor) -> None:
    """ValueError unless both are (N, D) of the same N and D."""
    if first.dim() != 2 or first.shape != second.shape:
        raise ValueError(f"need two (N, D) of one shape, got {tuple(first.shape)}, {tuple(second.shape)}")
