"""Weights: that what learns moves, what is frozen stands still, and what follows the weights follows."""

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor, nn

from utils.distributed import samples
from utils.findings import Finding, of_some
from utils.health.watch import Watch, add, taken

LEAST = 3  # steps, for weights to move
SLICE = 32  # values of a tensor that stand for it
FOLLOWER = re.compile(r"key_side\.(\d+\.)?")


class Movement(Watch):
    """Over an epoch what learns moves, what is frozen stands still, and what follows the weights follows.

    A few values of each parameter stand for it.
    """

    @cached_property
    def named(self) -> dict[str, nn.Parameter]:
        """Asked for in a step: --shard makes other tensors."""
        return dict(self.watched.model.named_parameters())

    @property
    def rate_of(self) -> dict[nn.Parameter, dict]:
        return {p: group for group in self.watched.optimizer.param_groups for p in group["params"]}

    def before(self, number: int, steps: int, looking: bool) -> None:
        self.looking, self.first = looking, steps == 0
        self.steps = steps
        if "start" not in self.seen:
            self.seen["start"] = self._now()
        self.followed = self._averaged() if looking else None

    def _now(self) -> Tensor:
        return samples(self.named.values(), SLICE)

    def _averaged(self) -> Tensor | None:
        return None if self.watched.averaged is None else samples(self.watched.averaged.parameters(), SLICE)

    def gradients(self, norm: Tensor) -> None:
        add(self.seen, steps=(finite := norm.isfinite()))  # else the step is left out
        if self.looking:
            self.weights, parameters, rate_of = self._now(), self.named.values(), self.rate_of
            self.slopes = samples([torch.zeros_like(p) if p.grad is None else p.grad for p in parameters], SLICE)
            rates = [rate_of[p]["lr"] if p in rate_of else 0.0 for p in parameters]
            rates, sizes = (torch.tensor(values, device=norm.device) for values in (rates, self._sizes()))
            rates = rates.repeat_interleave(sizes)
            add(self.seen, pushed=finite & (self.weights - rates * self.slopes != self.weights))

    def after(self) -> None:
        if self.first:  # later ones go on by momentum, which may lead uphill for a while
            self._check_direction()
        if self.followed is not None:
            self._check_average()
        self.followed = self.weights = self.slopes = None

    def _check_direction(self) -> None:
        """Down the gradient, as far as the step is not weight decay."""
        groups = self.watched.optimizer.param_groups
        decay = max(group["lr"] for group in groups) * max(group["weight_decay"] for group in groups)
        uphill = ((self._now() - self.weights) * self.slopes).sum()
        add(self.seen, uphill=uphill > 2 * decay * (self.weights * self.slopes).abs().sum())

    def _check_average(self) -> None:
        decay = min(self.config.train.ema, (2 + self.steps) / (11 + self.steps))
        then, now, new = self.followed, self._now(), self._averaged()
        off = (new - then.lerp(now, 1 - decay)).abs()
        allowed = 0.05 * (1 - decay) * (now - then).abs() + 1e-6 * (now.abs() + then.abs())
        add(self.seen, average_off=(off > allowed).any())

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        start, steps, pushed = self.seen.pop("start", None), taken(self.seen, "steps"), self.seen.pop("pushed", None)
        if taken(self.seen, "uphill"):
            yield Finding("error", "uphill", "the first step went up the gradient, not down",
                          "see the sign of the loss and of the step")
        if times := taken(self.seen, "average_off"):
            yield Finding("error", "average-does-not-follow", f"the averaged weights (--ema {self.config.train.ema:g}) "
                          "do not follow the weights", "they are what is evaluated and kept; update them after each "
                          "step", int(times))
        if start is not None and steps >= LEAST:
            moved = self._names_of(start.cpu() != self._now().cpu())
            parts = self._parts()
            pushed = set() if pushed is None else self._names_of(pushed.cpu())
            yield from self._still(parts["learns"], moved, pushed)
            yield from self._following(parts["follows"], moved)
            if drifted := [name for name in parts["frozen"] if name in moved]:
                yield Finding("error", "frozen-weights-moved", "weights that are frozen have changed",
                              "see what writes to them", **of_some(drifted))

    def _sizes(self) -> list[int]:
        return [min(-(-p.numel() // max(p.numel() // SLICE, 1)), SLICE) for p in self.named.values()]

    def _names_of(self, values: Tensor) -> set[str]:
        """The parameters that have such a value."""
        return {name for name, part in zip(self.named, values.split(self._sizes())) if part.any()}

    def _parts(self) -> dict[str, list[str]]:
        # Rows of words that do not occur stand still; those few values may be of such rows.
        tables = {module.weight for module in self.watched.model.modules() if isinstance(module, nn.Embedding)}
        parts, rate_of = defaultdict(list), self.rate_of
        for name, parameter in self.named.items():
            learns = parameter in rate_of and rate_of[parameter]["full_lr"]
            follows = "follows" if name.startswith("key_side.") else "frozen"
            parts[("table" if parameter in tables else "learns") if learns else follows].append(name)
        return parts

    def _still(self, learning: list[str], moved: set[str], pushed: set[str]) -> Iterator[Finding]:
        """At a small rate a step may be too small for a float32; only what it should have moved counts then."""
        still = [name for name in learning if name not in moved]
        high = any(group["lr"] >= 0.1 * group["full_lr"] > 0 for group in self.watched.optimizer.param_groups)
        held = [name for name in still if name in pushed]
        if still and len(still) == len(learning) and (high or held):
            yield Finding("error", "nothing-learns", "no weight has moved in this epoch",
                          "see that the optimiser steps, and at what learning rate", **of_some(still))
        elif held:
            yield Finding("warning", "weights-stand-still", f"{len(held)} of {len(learning)} trainable tensors have a "
                          "gradient and have not moved in this epoch", "see what writes to them", **of_some(held))

    def _following(self, followers: list[str], moved: set[str]) -> Iterator[Finding]:
        """Where what it follows has moved."""
        tails = {name: "." + FOLLOWER.sub("", name) for name in followers}
        leads = any(other.endswith(tail) for tail in tails.values() for other in moved - tails.keys())
        if leads and getattr(self.config.loss, "moco_m", 0) < 1 and not moved & tails.keys():
            yield Finding("error", "momentum-side-stands-still", "the momentum encoder did not move in this epoch",
                          "it must follow the weights after each step", **of_some(followers))
