"""Gradients and weights: that they reach every part, are clipped and cleared, and move what they should."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from utils.findings import Finding, of_some
from utils.health.watch import Step, Watch, Watched, add, taken

LEAST = 3  # steps, for weights to move
SLICE = 32  # values of a tensor that stand for it
EXPLODED, GROWN = 1e3, 1e3  # gradient norm as a multiple of --grad-clip, and of what it was at first
FOLLOWER = re.compile(r"key_side\.(\d+\.)?")


class Gradients(Watch):
    """Norms by group of parameters; which parameters never get one; whether they are cleared and clipped."""

    def __init__(self, watched: Watched):
        super().__init__(watched)
        names = {parameter: name for name, parameter in watched.model.named_parameters()}
        found = [(group["name"], names[p], p) for group in watched.optimizer.param_groups for p in group["params"]]
        found.sort(key=lambda each: each[0])
        self.groups, self.names, self.parameters = ([each[place] for each in found] for place in range(3))
        self.sizes = Counter(self.groups)  # tensors of each group; they lie together

    def before(self, number: int, steps: int, looking: bool) -> None:
        self.looking, self.first = looking, steps == 0
        self.whole: list[Tensor] = []  # of each batch, whether all terms are at work
        self.pairs: list[tuple[Tensor, Tensor]] = []  # gradients of the answers: what they should be, what they are
        if looking:
            add(self.seen, left=self._norms().sum())

    def _norms(self) -> Tensor:
        """Of each parameter's gradient, 0 where there is none. (P,)"""
        found = [p.grad for p in self.parameters if p.grad is not None]
        norms = iter(torch._foreach_norm(found) if found else ())
        none = torch.zeros((), device=self.parameters[0].device)
        return torch.stack([none if p.grad is None else next(norms).float() for p in self.parameters])

    def forward(self, step: Step) -> None:
        if self.looking:
            self.whole.append(torch.stack([part.float() != 0 for part in step.report.parts.values()]).all())
        if self.first:
            self._follow(step)

    def _follow(self, step: Step) -> None:
        """What runs backward should be the objective, and not its opposite or another loss."""
        said = next((part for part in (step.output.logits, step.output.projection) if part is not None), None)
        if said is None or not said.requires_grad or not step.report.total.requires_grad:
            return
        true, = torch.autograd.grad(step.report.total, said, retain_graph=True, allow_unused=True)
        if true is not None:
            pairs = self.pairs  # what runs inside backward must not fail, nor hold this watch
            said.register_hook(lambda gradient: pairs.append((true.float(), gradient.float())))

    def gradients(self, norm: Tensor) -> None:
        for true, got in self.pairs:  # over an empty queue, or without a known label, there is no gradient
            against = F.cosine_similarity(got.flatten(), true.flatten(), dim=0) < 0.99
            add(self.seen, against=against & (true != 0).any() & (got != 0).any())
        self.pairs = []
        if not self.looking:
            return
        finite = torch.isfinite(norm)  # else the scaler skips the step
        norms = self._norms().where(finite, 0)
        totals = torch.stack([part.norm() for part in norms.split(list(self.sizes.values()))])
        clip = self.config.train.grad_clip or math.inf
        whole = finite & torch.stack(self.whole).any()
        # What begins at 0 holds back the gradient of what lies before it, until it has moved.
        begun = self.seen.get("begun", torch.zeros_like(whole)).to(whole.device)
        self.seen["begun"] = begun | whole
        add(self.seen, looks=finite, says=whole & begun, norms=norms, totals=totals,
            unclipped=norms.norm() > 1.01 * clip, before=norm.where(finite, 0))

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        looks, before, says = (taken(self.seen, name) for name in ("looks", "before", "says"))
        norms, totals = self.seen.pop("norms", None), self.seen.pop("totals", None)
        if taken(self.seen, "left"):
            yield Finding("error", "gradients-not-cleared", "gradients of one step are still there in the next",
                          "clear them after each step (zero_grad)")
        if taken(self.seen, "against"):
            yield Finding("error", "another-loss", "what the first step ran backward is not the objective: the gradients "
                          "point elsewhere", "see what stands before .backward()")
        if times := taken(self.seen, "unclipped"):
            yield Finding("error", "gradients-not-clipped", f"after clipping the gradient's norm is over --grad-clip "
                          f"{self.config.train.grad_clip:g}", "clip after unscaling and before the step", int(times))
        if looks:
            row |= {f"health_grad_{name}": total / looks for name, total in zip(self.sizes, totals.tolist())}
            yield from self._exploding(before / looks)
        if says:
            yield from self._without([name for name, norm in zip(self.names, norms.tolist()) if norm == 0])

    def _without(self, silent: list[str]) -> Iterator[Finding]:
        group_of = dict(zip(self.names, self.groups))
        counts = Counter(group_of[name] for name in silent)
        lost = [group for group, count in counts.items() if count == self.sizes[group]]
        for group in lost:
            yield Finding("error", "no-gradient", f"no gradient reaches any parameter of {group}",
                          "see where it is cut off: a detach, a no_grad, an output that no loss takes",
                          **of_some(name for name in silent if group_of[name] == group))
        if rest := [name for name in silent if group_of[name] not in lost]:
            yield Finding("warning", "parameters-without-gradient", f"{len(rest)} trainable tensors get no gradient",
                          "see whether the network uses them", **of_some(rest))

    def _exploding(self, norm: float) -> Iterator[Finding]:
        first = self.seen.setdefault("first", norm)
        limit = max(EXPLODED * (self.config.train.grad_clip or 1.0), GROWN * first)
        if norm > limit:
            yield Finding("warning", "exploding-gradient", f"the gradient's norm is {norm:.3g} in the mean before "
                          f"clipping; in the first epoch it was {first:.3g}", "lower the learning rate")


class Movement(Watch):
    """Over an epoch what learns moves, what is frozen stands still, and what follows the weights follows.

    A few values of each parameter stand for it.
    """

    def __init__(self, watched: Watched):
        super().__init__(watched)
        self.named = dict(watched.model.named_parameters())
        self.parameters = list(self.named.values())
        self.rate_of = {p: group for group in watched.optimizer.param_groups for p in group["params"]}
        self.sizes = [len(_slice(p)) for p in self.parameters]
        self.followed = None

    def before(self, number: int, steps: int, looking: bool) -> None:
        self.looking, self.first = looking, steps == 0
        self.steps = steps
        if "start" not in self.seen:
            self.seen["start"] = _slices(self.parameters)
        self.followed = self._averaged() if looking else None

    def _averaged(self) -> Tensor | None:
        return None if self.watched.averaged is None else _slices(self.watched.averaged.parameters())

    def gradients(self, norm: Tensor) -> None:
        add(self.seen, steps=torch.isfinite(norm))  # else the scaler skips the step
        if self.looking:
            self.weights = _slices(self.parameters)
            self.slopes = _slices(torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters)
            rates = [self.rate_of[p]["lr"] if p in self.rate_of else 0.0 for p in self.parameters]
            rates = torch.tensor(rates, device=norm.device).repeat_interleave(torch.tensor(self.sizes, device=norm.device))
            add(self.seen, pushed=self.weights - rates * self.slopes != self.weights)

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
        uphill = ((_slices(self.parameters) - self.weights) * self.slopes).sum()
        add(self.seen, uphill=uphill > 2 * decay * (self.weights * self.slopes).abs().sum())

    def _check_average(self) -> None:
        decay = min(self.config.train.ema, (2 + self.steps) / (11 + self.steps))
        then, now, new = self.followed, _slices(self.parameters), self._averaged()
        off = (new - then.lerp(now, 1 - decay)).abs()
        add(self.seen, average_off=(off > 0.05 * (1 - decay) * (now - then).abs() + 1e-6 * (now.abs() + then.abs())).any())

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
            moved = self._names_of(start.cpu() != _slices(self.parameters).cpu())
            parts = self._parts()
            yield from self._still(parts["learns"], moved, self._names_of(pushed.cpu()) if pushed is not None else set())
            yield from self._following(parts["follows"], moved)
            if drifted := [name for name in parts["frozen"] if name in moved]:
                yield Finding("error", "frozen-weights-moved", "weights that are frozen have changed",
                              "see what writes to them", **of_some(drifted))

    def _names_of(self, values: Tensor) -> set[str]:
        """The parameters that have such a value."""
        return {name for name, part in zip(self.named, values.split(self.sizes)) if part.any()}

    def _parts(self) -> dict[str, list[str]]:
        # Rows of words that do not occur stand still; those few values may be of such rows.
        tables = {module.weight for module in self.watched.model.modules() if isinstance(module, nn.Embedding)}
        parts = defaultdict(list)
        for name, parameter in self.named.items():
            learns = parameter in self.rate_of and self.rate_of[parameter]["full_lr"]
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


def _slice(tensor: Tensor) -> Tensor:
    """Up to SLICE values, its first and others evenly through it."""
    flat = tensor.detach().flatten()
    return flat[:: max(len(flat) // SLICE, 1)][:SLICE]


def _slices(tensors: Iterable[Tensor]) -> Tensor:
    """Those of all tensors, one after the other. (n,)"""
    return torch.cat([_slice(tensor).float() for tensor in tensors])


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
            return max(epoch, 0.02) / s.warmup_epochs
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
