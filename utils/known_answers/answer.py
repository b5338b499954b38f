"""A known answer: what a function must give on a tiny input, worked out by hand."""

import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from utils.findings import Finding

log = logging.getLogger("camxuc")

TOLERANCE = 2e-4  # of the value, or absolute below 1: hand-worked numbers have six digits


class Answer(NamedTuple):
    what: str  # a name that a person would look for
    file: str  # where it is computed
    compute: Callable[[], object]
    expected: object  # a number, a bool, a string, or lists of them; the number to change where a change is meant


def check(answers: Iterable[Answer]) -> list[Finding]:
    """An error for each that is wrong or cannot be had. What the functions log of their tiny inputs is not heard."""
    heard, log.disabled = not log.disabled, True
    try:
        return [finding for answer in answers if (finding := _wrong(answer))]
    finally:
        log.disabled = not heard


def _wrong(answer: Answer) -> Finding | None:
    try:
        found = plain(answer.compute())
    except Exception as error:  # whatever it is, training would meet it
        found = f"{type(error).__name__}: {error}"
    if _agree(found, plain(answer.expected)):
        return None
    return Finding("error", "known-answer",
                   f"{answer.what} gives {_short(found)} on a known input, not {_short(answer.expected)}",
                   f"{answer.file} was changed; undo that, or correct the known answer if it is meant; --force trains "
                   "all the same", example=answer.file)


def plain(value):
    """Tensors and arrays as lists, tuples too."""
    if isinstance(value, Tensor):
        return value.detach().tolist()
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def _agree(found, expected) -> bool:
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(_agree, found, expected))
    if isinstance(expected, dict):
        return isinstance(found, dict) and found.keys() == expected.keys() and all(
            _agree(found[key], expected[key]) for key in expected)
    if isinstance(expected, float):
        return isinstance(found, float | int) and abs(found - expected) <= TOLERANCE * max(1.0, abs(expected))
    return found == expected


def _short(value) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 90 else f"{text[:87]}..."


def rows(*values: list[float]) -> Tensor:
    """A float tensor that a gradient may reach."""
    return torch.tensor(values, dtype=torch.float32, requires_grad=True)


def logs(*values: list[float]) -> Tensor:
    """Logits whose softmax these probabilities are."""
    return torch.tensor(values).log().requires_grad_()


def reached(value: Tensor, *inputs: Tensor) -> list[bool]:
    """Whether the gradient of `value` reaches each of these."""
    gradients = torch.autograd.grad(value, inputs, allow_unused=True, retain_graph=True)
    return [gradient is not None and bool(gradient.any()) for gradient in gradients]
