"""In which mode the network is run: training or evaluation, with a gradient or without, and in which precision."""

from collections.abc import Iterator

import torch
from torch import nn

from utils.findings import Finding
from utils.health.watch import Step, Watch, Watched, add, taken
from utils.prediction import Predictions

LAYERS = 4  # of those that autocast runs in low precision


class Modes(Watch):
    """What forward hooks see of it."""

    def __init__(self, watched: Watched):
        super().__init__(watched)
        self.runs: list[bool] = []  # of the network since the last step, each with whether it was in training mode
        self.types: set[torch.dtype] = set()
        runs, types = self.runs, self.types  # plain closures: a copy of the network must not copy this watch
        for network in (watched.model, watched.averaged):
            if network is not None:
                network.register_forward_pre_hook(lambda module, _: runs.append(module.training))
        layers = [layer for layer in watched.model.modules() if isinstance(layer, (nn.Linear, nn.Conv2d))]
        for layer in layers[:LAYERS]:
            layer.register_forward_hook(lambda layer, _, out: types.add(out.dtype))

    def before(self, number: int, steps: int, looking: bool) -> None:
        self.runs.clear()
        self.types.clear()

    def forward(self, step: Step) -> None:
        add(self.seen, steps=1, evaluating=not all(self.runs), still=not self.watched.objective.training)
        if (wanted := self.watched.precision.dtype) is not None and self.types:
            add(self.seen, typed=1, low=wanted in self.types)
        self.runs.clear()

    def evaluated(self, split: str, predictions: Predictions) -> None:
        if any(self.runs):
            self.seen.setdefault("training", []).append(split)
        self.runs.clear()

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        steps = taken(self.seen, "steps")
        if times := taken(self.seen, "evaluating"):
            yield Finding("error", "trained-in-evaluation-mode", f"the network was in evaluation mode in {times:.0f} of "
                          f"{steps:.0f} steps: no dropout, and batch norms do not learn", "set it to training mode",
                          int(times))
        if times := taken(self.seen, "still"):
            yield Finding("error", "losses-in-evaluation-mode", f"the objective was in evaluation mode in {times:.0f} of "
                          f"{steps:.0f} steps: queues and bins stand still", "set it to training mode", int(times))
        yield from self.of_evaluation()
        typed, low = taken(self.seen, "typed"), taken(self.seen, "low")
        if typed and not low:
            yield Finding("error", "configured-but-idle", "AMP (--use-amp) is configured and no layer was seen to run in "
                          f"{self.watched.precision.dtype}", "see that the forward pass is inside autocast", int(typed))

    def of_evaluation(self) -> Iterator[Finding]:
        if splits := self.seen.pop("training", []):
            yield Finding("error", "evaluated-in-training-mode", f"{', '.join(splits)} was evaluated in training mode: with "
                          "dropout, and with batch norms of the batch", "set the network to evaluation mode")
