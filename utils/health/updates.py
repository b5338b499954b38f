"""Gradients and weights: that they reach every part, are clipped and cleared, and move what they should."""

import math
from collections import defaultdict
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from utils.findings import Finding, of_some
from utils.health.watch import Step, Watch, Watched, add, taken

LEAST = 3  # steps, for weights to move
SLICE = 32  # values of a tensor that stand for it
EXPLODED, GROWN = 1e3, 1e3  # gradient norm as a multiple of --grad-clip, and of what it was at first


class Gradients(Watch):
    """Norms by group of parameters; which parameters never get one; whether they are cleared and clipped."""

    def __init__(self, watched: Watched):
        super().__init__(watched)
        names = {parameter: name for name, parameter in watched.model.named_parameters()}
        self.groups = defaultdict(list)
        for group in watched.optimizer.param_groups:
            self.groups[group["name"]] += [(names[parameter], parameter) for parameter in group["params"]]
        self.looking = False

    def before(self, number: int, steps: int, looking: bool) -> None:
        self.looking, self.first = looking, steps == 0
        if looking:
            left = [p.grad for _, p in self._all() if p.grad is not None]
            add(self.seen, looks=1, left=torch.stack(torch._foreach_norm(left)).sum() if left else 0.0)

    def _all(self) -> list[tuple[str, nn.Parameter]]:
        return [pair for group in self.groups.values() for pair in group]

    def forward(self, step: Step) -> None:
        if self.looking:
            add(self.seen, loss=step.report.total.abs())
        if self.first:
            self._follow(step)

    def _follow(self, step: Step) -> None:
        """Whether what runs backward is the objective, and not its opposite or another loss."""
        said = next((part for part in (step.output.logits, step.output.projection) if part is not None), None)
        if said is None or not said.requires_grad:
            return
        true, = torch.autograd.grad(step.report.total, said, retain_graph=True, allow_unused=True)
        if true is not None:
            said.register_hook(lambda gradient: add(self.seen, against=F.cosine_similarity(
                gradient.float().flatten(), true.float().flatten(), dim=0) < 0.99))

    def gradients(self, norm: Tensor) -> None:
        if not self.looking:
            return
        squares = []
        for name, parameters in self.groups.items():
            norms = torch.stack([torch.zeros((), device=p.device) if p.grad is None else p.grad.norm().float()
                                 for _, p in parameters])
            squares.append(norms.square().sum())
            add(self.seen, **{f"norms {name}": norms, f"norm {name}": norms.norm()})
        clip = self.config.train.grad_clip
        if clip:
            add(self.seen, unclipped=torch.stack(squares).sum().sqrt() > 1.01 * clip)
        add(self.seen, before=norm)

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        looks, loss = taken(self.seen, "looks"), taken(self.seen, "loss")
        if not looks or not loss:  # over an empty queue there is no loss yet
            return
        silent = []
        for name, parameters in self.groups.items():
            norms = self.seen.pop(f"norms {name}", torch.zeros(len(parameters)))
            row[f"health_grad_{name}"] = taken(self.seen, f"norm {name}") / looks
            without = [path for (path, _), total in zip(parameters, norms.tolist()) if total == 0]
            if len(without) == len(parameters):
                yield Finding("error", "no-gradient", f"no gradient reaches any parameter of {name}",
                              "see where it is cut off: a detach, a no_grad, an output that no loss takes",
                              **of_some(without))
            else:
                silent += without
        if silent:
            yield Finding("warning", "parameters-without-gradient", f"{len(silent)} trainable tensors get no gradient",
                          "see whether the network uses them", **of_some(silent))
        if taken(self.seen, "left"):
            yield Finding("error", "gradients-not-cleared", "gradients of one step are still there in the next",
                          "clear them after each step (zero_grad)")
        if taken(self.seen, "against"):
            yield Finding("error", "another-loss", "what the first step ran backward is not the objective: the gradients "
                          "point elsewhere", "see what stands before .backward()")
        if times := taken(self.seen, "unclipped"):
            yield Finding("error", "gradients-not-clipped", f"after clipping the gradient's norm is over --grad-clip "
                          f"{self.config.train.grad_clip:g}", "clip after unscaling and before the step", int(times))
        yield from self._exploding(taken(self.seen, "before") / looks)

    def _exploding(self, norm: float) -> Iterator[Finding]:
        first = self.seen.setdefault("first", norm)
        limit = max(EXPLODED * (self.config.train.grad_clip or 1.0), GROWN * first)
        if norm > limit:
            yield Finding("warning", "exploding-gradient", f"the gradient's norm is {norm:.3g} in the mean before "
                          f"clipping; in the first epoch it was {first:.3g}", "lower the learning rate")


class Movement(Watch):
    """Over an epoch what learns moves, what is frozen stands still, and what follows the weights follows."""

    def before(self, number: int, steps: int, looking: bool) -> None:
        if "start" not in self.seen:
            self.seen["start"] = self._slices()
        self.first = steps == 0
        self.steps, self.seen["steps"] = steps, number + 1
        self.followed = self._averaged() if looking else None

    def _slices(self) -> dict[str, Tensor]:
        """A few values of each parameter: its first, and others evenly through it."""
        return {name: _slice(parameter) for name, parameter in self.watched.model.named_parameters()}

    def _averaged(self) -> dict[str, Tensor] | None:
        averaged = self.watched.averaged
        return averaged and {name: _slice(parameter) for name, parameter in averaged.named_parameters()}

    def gradients(self, norm: Tensor) -> None:
        if self.first:
            self.slopes = {name: (_slice(p), _slice(p.grad)) for name, p in self.watched.model.named_parameters()
                           if p.grad is not None}

    def after(self) -> None:
        if self.first:  # later ones go on by momentum, which may lead uphill for a while
            now = dict(self.watched.model.named_parameters())
            downhill = [((_slice(now[name]) - then) * slope).sum() for name, (then, slope) in self.slopes.items()]
            add(self.seen, uphill=torch.stack(downhill).sum() > 0)
        if self.followed:
            self._check_average()

    def _check_average(self) -> None:
        decay = min(self.config.train.ema, (2 + self.steps) / (11 + self.steps))
        now = {name: _slice(parameter) for name, parameter in self.watched.model.named_parameters()}
        for name, new in self._averaged().items():
            expected = self.followed[name].lerp(now[name], 1 - decay)
            step = (now[name] - self.followed[name]).abs().max()
            off = (new - expected).abs().max() > 0.05 * (1 - decay) * step + 1e-6 * expected.abs().max()
            add(self.seen, average_off=off)

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        then, now = self.seen.pop("start", None), self._slices()
        if then is None or self.seen["steps"] < LEAST:
            return
        learns = {p for group in self.watched.optimizer.param_groups for p in group["params"] if group["full_lr"]}
        # Rows of words that do not occur stand still; those few values may be of such rows.
        tables = {module.weight for module in self.watched.model.modules() if isinstance(module, nn.Embedding)}
        moved = {name: not torch.equal(then[name].to(value.device), value) for name, value in now.items()}
        parts = defaultdict(list)
        for name, parameter in self.watched.model.named_parameters():
            follows = name.startswith("key_side.")
            kind = "table" if parameter in tables & learns else "learns" if parameter in learns else "follows" if follows else "frozen"
            parts[kind].append(name)
        yield from self._still([name for name in parts["learns"] if not moved[name]], len(parts["learns"]))
        if parts["follows"] and not any(moved[name] for name in parts["follows"]):
            yield Finding("error", "momentum-side-stands-still", "the momentum encoder did not move in this epoch",
                          "it must follow the weights after each step", **of_some(parts["follows"]))
        if drifted := [name for name in parts["frozen"] if moved[name]]:
            yield Finding("error", "frozen-weights-moved", "weights that are frozen have changed",
                          "see what writes to them", **of_some(drifted))
        if taken(self.seen, "uphill"):
            yield Finding("error", "uphill", "the first step went up the gradient, not down",
                          "see the sign of the loss and of the step")
        if times := taken(self.seen, "average_off"):
            yield Finding("error", "average-does-not-follow", f"the averaged weights (--ema {self.config.train.ema:g}) "
                          "do not follow the weights", "they are what is evaluated and kept; update them after each "
                          "step", int(times))

    def _still(self, still: list[str], number: int) -> Iterator[Finding]:
        if len(still) == number:
            yield Finding("error", "nothing-learns", "no weight has moved in this epoch",
                          "see that the optimiser steps, and at what learning rate", **of_some(still))
        elif still:
            yield Finding("warning", "weights-stand-still", f"{len(still)} of {number} trainable tensors have not moved "
                          "in this epoch", "see their learning rate and their gradient", **of_some(still))


def _slice(tensor: Tensor) -> Tensor:
    flat = tensor.detach().flatten()
    return flat[:: max(len(flat) // SLICE, 1)][:SLICE].clone()


class Rates(Watch):
    """The learning rate of each step is what the recipe's schedule says."""

    def forward(self, step: Step) -> None:
        s = self.config.train
        if step.epoch < s.warmup_epochs:
            factor = max(step.epoch / s.warmup_epochs, 0.02 / s.warmup_epochs)
        elif s.milestones:
            factor = s.gamma ** len([m for m in s.milestones if m <= step.epoch])
        else:
            done = (step.epoch - s.warmup_epochs) / max(s.epochs - s.warmup_epochs, 1e-9)
            factor = (1 + math.cos(math.pi * done)) / 2
        base = {name.removeprefix("lr_"): getattr(s, name) for name in vars(s) if name.startswith("lr_")}
        for group in self.watched.optimizer.param_groups:
            full = base.get(group["name"], s.lr)
            right = group["lr"] <= (factor + 1e-6) * full
            if getattr(s, "layer_decay", 1.0) == 1.0:  # else lower layers learn the slower
                right = right and group["lr"] >= (factor - 1e-6) * full
            if not right:
                self.seen["wrong"] = f"{group['lr']:.3g} for {group['name']}, and not {factor * full:.3g}"
                add(self.seen, times=1)

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        if times := taken(self.seen, "times"):
            yield Finding("error", "learning-rate", "the learning rate is not what the recipe's schedule says: it was "
                          + self.seen.pop("wrong"), "see where it is set before each step", int(times))
