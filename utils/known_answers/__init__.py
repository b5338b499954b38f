"""Known-answer tests, as cryptographic libraries run them at start, of whatever fails silently.

Each is an Answer: a name, the file, a function of tiny fixed inputs, and the number that it must give, with the
arithmetic beside it. Who changes a loss on purpose changes the one number.
"""

import warnings

import torch

from utils.findings import Finding
from utils.known_answers import losses, predictions, scores, training
from utils.known_answers.answer import check

__all__ = ["known_answers"]

ANSWERS = [*losses.ANSWERS, *training.ANSWERS, *scores.ANSWERS, *predictions.ANSWERS]


def known_answers() -> list[Finding]:
    """An error for each function that does not give its known answer. Draws nothing, and leaves nothing behind."""
    with warnings.catch_warnings(action="ignore"), torch.enable_grad():
        return check(ANSWERS)
