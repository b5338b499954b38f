"""The sentiment that each aspect of a review is taught, and what an aspect not mentioned counts as."""

import torch
from torch import Tensor

from utils.errors import UserError
from utils.structures import NOT_MENTIONED

IGNORE = -1
NEUTRAL = ("neutral", "trung tính")


def unmentioned_class(unmentioned: str, classes: list[str]) -> int:
    """The class number that stands for "not mentioned"; IGNORE, if none does.

    Raises:
        UserError: it is to be Neutral, and no class is called that.
    """
    if unmentioned == "ignore":
        return IGNORE
    if unmentioned == "class":
        return len(classes) - 1
    found = [number for number, name in enumerate(classes) if name.lower() in NEUTRAL]
    if not found:
        raise UserError(f"--unmentioned neutral: no sentiment is called Neutral, among {', '.join(classes)}")
    return found[0]


def sentiment_cells(targets: Tensor, unmentioned: int) -> Tensor:
    """Targets (B, A) as class numbers, IGNORE where there is nothing to learn."""
    return torch.where(targets == NOT_MENTIONED, unmentioned, targets).clamp(min=IGNORE)
