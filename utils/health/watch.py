"""What watches a training, and what it gets to see."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from utils.config import Config
from utils.findings import Finding
from utils.objective import LossReport
from utils.precision import Precision
from utils.prediction import Predictions
from utils.structures import Batch, Labels, Output


@dataclass(frozen=True)
class Watched:
    """The parts of a training. `loaders` have `ids`, `targets` and `order` of each split."""

    config: Config
    labels: Labels
    model: nn.Module
    averaged: nn.Module | None
    objective: nn.Module
    optimizer: torch.optim.Optimizer
    precision: Precision
    loaders: dict


@dataclass(frozen=True)
class Step:
    """A batch on its way through a step: as loaded, as the network got it, and what came of it."""

    loaded: Batch
    batch: Batch
    output: Output
    report: LossReport
    epoch: float  # 3.5 is halfway through the fourth


class Watch:
    """One thing that may go wrong without a word. Hooks are called in this order, and do nothing by default.

    `seen` is what is known so far, of tensors and plain values: it is kept in the checkpoint, so that a resumed
    training finds what an unbroken one does.
    """

    def __init__(self, watched: Watched):
        self.watched, self.config = watched, watched.config
        self.seen: dict = {}
        self._of_step: list[dict] = []
        self.looking = False

    def loaded(self, batch: Batch) -> None:
        """A training batch, as the loader gives it."""

    def before(self, number: int, steps: int, looking: bool) -> None:
        """Step `number` of this epoch begins, after `steps` in all. Only where `looking` may a hook take its time, or
        wait for the device."""
        self.looking = looking

    def forward(self, step: Step) -> None:
        """A batch has gone forward, not yet backward."""

    def add_of_step(self, **values: Tensor | float) -> None:
        """To what is seen, unless the step turns out to be left out."""
        self._of_step.append(values)

    def gradients(self, norm: Tensor) -> None:
        """They are there, and clipped; `norm` is what it was before. Where that is not finite the step is left out."""
        finite = norm.isfinite()
        for values in self._of_step:
            add(self.seen, **{name: value.where(finite, 0) if isinstance(value, Tensor) else value * finite
                              for name, value in values.items()})
        self._of_step = []

    def after(self) -> None:
        """The weights have moved, and what follows them too."""

    def evaluated(self, split: str, predictions: Predictions) -> None:
        """A split has been predicted."""

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        """The epoch is over: what is wrong. `row` is what is known of it; figures to keep may be added to it."""
        yield from self.of_evaluation()

    def concluded(self, predictions: dict[str, Predictions], weights: Path) -> Iterator[Finding]:
        """The best weights have been loaded, scored and saved: what is wrong. `predictions` are those of each split."""
        yield from self.of_evaluation()

    def of_evaluation(self) -> Iterator[Finding]:
        """What is wrong with the evaluations since this was last asked."""
        yield from ()


def add(seen: dict, **values: Tensor | float) -> None:
    """Sums by name; tensors stay on their device, so that no step waits for a number. Whole numbers stay whole."""
    for name, value in values.items():
        if isinstance(value, Tensor):
            value = value.detach().float() if value.is_floating_point() else value.long()
        if isinstance(value, Tensor) and isinstance(seen.get(name), Tensor):
            seen[name] = seen[name].to(value.device)  # those of a checkpoint come on the CPU
        seen[name] = seen[name] + value if name in seen else value


def taken(seen: dict, name: str) -> float:
    """The sum that has been added up under a name, which starts anew."""
    return float(seen.pop(name, 0.0))
