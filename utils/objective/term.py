"""What an objective is made of."""

from collections.abc import Callable

from torch import Tensor, nn

from utils.schedules import Schedule
from utils.structures import Batch, Output

# name: (whether a recipe's loss settings have the term,
#        how it is made of them, the features that the model has of the classes, and the Labels)
Terms = dict[str, tuple[Callable, Callable]]


class Term(nn.Module):
    """A loss, and its weight over training. A subclass says which parts of an Output the loss takes."""

    def __init__(self, loss: nn.Module, weight: Schedule):
        super().__init__()
        self.loss, self.weight = loss, weight

    def stats(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Figures to watch beside the loss."""
        return {}
