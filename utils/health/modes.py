"""How the network is run: which of its weights, in training or evaluation mode, and in which precision."""

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
        self.runs: list[tuple[bool, bool]] = []  # since the last step: whether in training mode, and of the average
        self.types: set[torch.dtype] = set()
        runs, types = self.runs, self.types  # plain closures: a copy of the network must not copy this watch
        watched.model.register_forward_pre_hook(lambda module, _: runs.append((module.training, False)))
        if watched.averaged is not None:
            watched.averaged.register_forward_pre_hook(lambda module, _: runs.append((module.training, True)))
        layers = [layer for layer in watched.model.modules() if isinstance(layer, (nn.Linear, nn.Conv2d))]
        for layer in layers[:LAYERS]:
            layer.register_forward_hook(lambda layer, _, out: types.add(out.dtype))

    def before(self, number: int, steps: int, looking: bool) -> None:
        self.runs.clear()
        self.types.clear()

    def forward(self, step: Step) -> None:
        add(self.seen, steps=1, evaluating=not all(training for training, _ in self.runs),
            still=not self.watched.objective.training)
        if (wanted := self.watched.precision.dtype) is not None and self.types:
            add(self.seen, typed=1, low=wanted in self.types)
        self.runs.clear()

    def evaluated(self, split: str, predictions: Predictions) -> None:
        if any(training for training, _ in self.runs):
            self.seen.setdefault("training", []).append(split)
        if self.watched.averaged is not None and not all(averaged for _, averaged in self.runs):
            self.seen.setdefault("not averaged", []).append(split)
        self.runs.clear()

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        steps = taken(self.seen, "steps")
        if times := taken(self.seen, "evaluating"):
            yield Finding("error", "trained-in-evaluation-mode", f"the network was in evaluation mode in {times:.0f} "
                          f"of {steps:.0f} steps: no dropout, and batch norms do not learn",
                          "set it to training mode", int(times))
        if times := taken(self.seen, "still"):
            yield Finding("error", "losses-in-evaluation-mode", f"the objective was in evaluation mode in {times:.0f} "
                          f"of {steps:.0f} steps: queues and bins stand still", "set it to training mode", int(times))
        yield from self.of_evaluation()
        yield from self._idle(int(taken(self.seen, "typed")), bool(taken(self.seen, "low")))

    def _idle(self, typed: int, low: bool) -> Iterator[Finding]:
        """What the Trainer sets up by itself: AMP and EMA."""
        train, dtype = self.config.train, self.watched.precision.dtype
        if typed and not low:
            yield Finding("error", "configured-but-idle", "AMP (--use-amp) is configured and no layer was seen to run "
                          f"in {dtype}", "see that the forward pass is inside autocast", typed)
        if train.use_amp and train.amp_dtype != "auto" and dtype is None:
            yield Finding("error", "configured-but-idle", f"AMP (--amp-dtype {train.amp_dtype}) is configured and the "
                          "precision that was chosen is float32", "see utils/precision.py")
        if train.ema and self.watched.averaged is None:
            yield Finding("error", "configured-but-idle", f"averaged weights (--ema {train.ema:g}) are configured and "
                          "there are none", "see where the Trainer makes them")

    def of_evaluation(self) -> Iterator[Finding]:
        if splits := self.seen.pop("training", []):
            yield Finding("error", "evaluated-in-training-mode", f"{', '.join(splits)} was evaluated in training mode: "
                          "with dropout, and with batch norms of the batch", "set the network to evaluation mode")
        if splits := self.seen.pop("not averaged", []):
            yield Finding("error", "average-not-evaluated", f"{', '.join(splits)} was evaluated with the last weights, "
                          "not with the averaged ones (--ema)", "see which network is evaluated and kept")
