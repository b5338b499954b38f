"""Losses that are low for nothing: flat targets, and an objective that falls while nothing is learned."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from utils.cells import sentiment_cells, unmentioned_class
from utils.findings import Finding
from utils.health.watch import Step, Watch, Watched, taken

FLAT, SHARP = 0.2, 0.995  # of the way from chance to 1: true-class mass below which, and above which, LDL is none
TURN = 8  # a step in so many is counted
PHANTOM = 0.1  # of ln C: a classification loss below it says that nearly all is known
POINTS = 0.1  # above always saying the commonest class, as a share of what is left: less is chance


class Targets(Watch):
    """LDL's target distributions: the mass that they give to the true class, and their entropy."""

    turn = True

    def before(self, number: int, steps: int, looking: bool) -> None:
        self.turn = looking or number % TURN == 0

    def forward(self, step: Step) -> None:
        if not self.turn or not step.report.weights.get("ldl"):
            return
        ldl = self.watched.objective.terms["ldl"]
        features = step.output.handcrafted if self.config.loss.ldl_features == "handcrafted" else (
            step.output.text_features)
        targets = _targets(features.detach(), ldl.loss.target_temperature)  # (C, C)
        entropy = (targets * -targets.clamp(1e-12, 1).log()).sum(dim=-1).mean()
        self.add_of_step(steps=1, mass=targets.diagonal().mean(), entropy=entropy)
        self.seen["classes"] = len(targets)

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        if not (steps := taken(self.seen, "steps")):
            return
        mass, entropy = (taken(self.seen, name) / steps for name in ("mass", "entropy"))
        row |= {"health_ldl_mass": mass, "health_ldl_entropy": entropy}
        chance = 1 / self.seen["classes"]
        way = (mass - chance) / (1 - chance)
        told = (f"LDL's targets give the true class {mass:.3f} (chance: {chance:.3f}); their entropy is {entropy:.2f} "
                f"of {math.log(self.seen['classes']):.2f} nats")
        if way < self._flat(chance):
            yield Finding("error", "flat-targets", f"{told}: they are flat, and nothing can be learned from them",
                          "--ldl-temperature auto, or a lower one")
        elif way > SHARP:
            yield Finding("warning", "one-hot-targets", f"{told}: no class is told to be like another",
                          "--ldl-temperature auto, or a higher one")

    def _flat(self, chance: float) -> float:
        """A recipe that asks for little mass gets it."""
        loss = self.config.loss
        asked = (loss.ldl_target_mass - chance) / (1 - chance) if loss.ldl_temperature == "auto" else 1.0
        return min(FLAT, 0.5 * asked)


def _targets(features: Tensor, temperature: Tensor) -> Tensor:
    unit = F.normalize(features.float(), dim=-1)
    return (unit @ unit.T / temperature).softmax(dim=-1)


class Phantom(Watch):
    """The classification loss, beside the cross entropy with hard labels and the accuracy that it should bring."""

    NAMES = ("cls", "ldl")
    turn = True
    SMALL = ("focal", "unified")  # losses that are far below a cross entropy whatever is known

    def __init__(self, watched: Watched):
        super().__init__(watched)
        self.fill, self.small = None, getattr(self.config.loss, "loss_type", "") in self.SMALL
        if self.config.model.model == "text":
            self.fill = unmentioned_class(self.config.loss.unmentioned, watched.labels.classes)

    def before(self, number: int, steps: int, looking: bool) -> None:
        self.turn = looking or number % TURN == 0

    def forward(self, step: Step) -> None:
        if not self.turn or step.output.logits is None or not any(step.report.weights.get(name) for name in self.NAMES):
            return
        logits, targets = step.output.logits.detach().float(), step.batch.targets
        if targets.ndim > 1:
            targets = sentiment_cells(targets, self.fill)
        logits, targets = logits.flatten(0, -2), targets.flatten()
        # -1 is what is not known: equal to no class, so that no mask is needed, and no step waits for one.
        counts = (targets[:, None] == torch.arange(logits.shape[-1], device=targets.device)).sum(dim=0)  # (C,)
        hard = F.cross_entropy(logits, targets, ignore_index=-1, reduction="sum")
        value = sum(step.report.parts[name] for name in self.NAMES if step.report.weights.get(name))
        said = logits.argmax(dim=-1)
        right = (said == targets).float()
        if step.batch.other_targets is not None:  # a part of what a blended clip shows is another's
            right = right.lerp((said == step.batch.other_targets).float(), 1 - step.batch.lam)
        self.add_of_step(steps=1, value=value, hard=hard, right=right.sum(), counts=counts)

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        if not (steps := taken(self.seen, "steps")):
            return
        counts = self.seen.pop("counts")
        known = max(float(counts.sum()), 1)
        value = taken(self.seen, "value") / steps
        hard, right = (taken(self.seen, name) / known for name in ("hard", "right"))
        row["health_hard_cross_entropy"] = hard
        majority = float(counts.max()) / known
        low = value < PHANTOM * math.log(len(counts))
        chance = right < majority + POINTS * (1 - majority)
        if low and chance and not self.small and hard > 0.7 * math.log(len(counts)):
            yield Finding("error", "phantom-loss", f"the classification loss is {value:.3f}, as if nearly all were "
                          f"known, and yet {right:.1%} of the training answers are right (always the commonest: "
                          f"{majority:.1%}) and cross entropy with the labels is {hard:.2f}",
                          "see the loss's targets: they do not tell the classes apart")
