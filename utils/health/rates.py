"""The learning rate of each step."""

import math
from collections.abc import Iterator

from utils.findings import Finding
from utils.health.watch import Step, Watch, Watched, add, taken


class Rates(Watch):
    """The learning rate of each step is what the recipe's schedule says."""

    def __init__(self, watched: Watched):
        super().__init__(watched)
        s = self.config.train
        self.full = {name.removeprefix("lr_"): getattr(s, name) for name in vars(s) if name.startswith("lr_")}
        self.layered = getattr(s, "layer_decay", 1.0) != 1.0  # lower layers learn the slower

    def _factor(self, epoch: float) -> float:
        s = self.config.train
        if epoch < s.warmup_epochs:
            return min(1.0, max(epoch, 0.02) / s.warmup_epochs)
        if s.milestones:
            return s.gamma ** len([m for m in s.milestones if m <= epoch])
        return (1 + math.cos(math.pi * (epoch - s.warmup_epochs) / max(s.epochs - s.warmup_epochs, 1e-9))) / 2

    def forward(self, step: Step) -> None:
        factor = self._factor(step.epoch)
        for group in self.watched.optimizer.param_groups:
            full = self.full.get(group["name"], self.config.train.lr)
            low, high = factor * full * 0.999 - 1e-6 * full, factor * full * 1.001 + 1e-6 * full
            if group["lr"] > high or (group["lr"] < low and not self.layered):
                self.seen["wrong"] = f"{group['lr']:.3g} for {group['name']}, and not {factor * full:.3g}"
                add(self.seen, times=1)

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        if times := taken(self.seen, "times"):
            yield Finding("error", "learning-rate", "the learning rate is not what the recipe's schedule says: it was "
                          + self.seen.pop("wrong"), "see where it is set before each step", int(times))
