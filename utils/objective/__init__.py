"""The objective: named, weighted, scheduled terms from the loss core, all of one forward pass."""

from dataclasses import dataclass, field

from torch import Tensor, nn

from utils.config import Config
from utils.objective import simclr, text, video
from utils.objective.term import Term, Terms
from utils.structures import Batch, Labels, Output

# By the recipe's `model`.
TERMS: dict[str, Terms] = {"video": video.TERMS, "text": text.TERMS, "simclr": simclr.TERMS}


@dataclass
class LossReport:
    """`total` to run backward from; `parts` the unweighted values and `weights` of the terms at work; their `stats`."""

    total: Tensor
    parts: dict[str, Tensor]
    weights: dict[str, float]
    stats: dict[str, Tensor] = field(default_factory=dict)

    def metered(self) -> dict[str, Tensor | float]:
        """All of it, by the names that it has in history.csv and TensorBoard."""
        return {"loss": self.total, **{f"loss_{name}": value for name, value in self.parts.items()},
                **{f"weight_{name}": value for name, value in self.weights.items()}, **self.stats}


class Objective(nn.Module):
    """Sum of the terms whose weight is not 0 at this point of training."""

    def __init__(self, terms: dict[str, Term]):
        super().__init__()
        self.terms = nn.ModuleDict(terms)

    def forward(self, output: Output, batch: Batch, epoch: float) -> LossReport:
        """`epoch` is progress in epochs: 3.5 is halfway through the fourth."""
        weights = {name: term.weight(epoch) for name, term in self.terms.items()}
        weights = {name: weight for name, weight in weights.items() if weight}
        parts = {name: self.terms[name](output, batch) for name in weights}
        total = sum(weights[name] * part for name, part in parts.items())
        stats = {key: value for name in weights for key, value in self.terms[name].stats(output, batch).items()}
        return LossReport(total, {name: part.detach() for name, part in parts.items()}, weights, stats)


def build_objective(config: Config, features: dict[str, Tensor], labels: Labels) -> Objective:
    """The terms that the recipe names.

    Args:
        features: of the classes, as the model has them before training.
    """
    terms = TERMS[config.model.model]
    return Objective({name: make(config.loss, features, labels) for name, (has, make) in terms.items()
                      if has(config.loss)})
