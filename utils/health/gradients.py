"""Gradients: that they are the objective's, reach every part, are clipped and cleared."""

import math
from collections import Counter
from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from utils.distributed import norms
from utils.findings import Finding, of_some
from utils.health.watch import Step, Watch, add, taken

EXPLODED, GROWN = 1e3, 1e3  # gradient norm as a multiple of --grad-clip, and of what it was at first


class Gradients(Watch):
    """Norms by group of parameters; which parameters never get one; whether they are cleared and clipped."""

    @cached_property
    def learning(self) -> list[tuple[str, str, nn.Parameter]]:
        """Group, name and tensor of what learns, group by group. Asked for in a step: --shard makes other tensors."""
        names = {parameter: name for name, parameter in self.watched.model.named_parameters()}
        groups = self.watched.optimizer.param_groups
        return sorted([(group["name"], names[p], p) for group in groups for p in group["params"]],
                      key=lambda each: each[0])

    @property
    def sizes(self) -> Counter:
        """Tensors of each group."""
        return Counter(group for group, _, _ in self.learning)

    def before(self, number: int, steps: int, looking: bool) -> None:
        self.looking, self.first = looking, steps == 0
        self.whole: list[Tensor] = []  # of each batch, whether all terms are at work
        self.pairs: list[tuple[Tensor, Tensor]] = []  # gradients of the answers: what they should be, what they are
        if looking:
            add(self.seen, left=self._norms().sum())

    def _norms(self) -> Tensor:
        """Of each parameter's gradient, 0 where there is none. (P,)"""
        parameters = [p for _, _, p in self.learning]
        found = iter(norms([p.grad for p in parameters if p.grad is not None]))
        none = torch.zeros((), device=parameters[0].device)
        return torch.stack([none if p.grad is None else next(found).float() for p in parameters])

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
        each = self._norms().where(finite, 0)
        totals = torch.stack([part.norm() for part in each.split(list(self.sizes.values()))])
        clip = self.config.train.grad_clip or math.inf
        whole = finite & torch.stack(self.whole).any()
        # What begins at 0 holds back the gradient of what lies before it, until it has moved.
        begun = self.seen.get("begun", torch.zeros_like(whole)).to(whole.device)
        self.seen["begun"] = begun | whole
        add(self.seen, looks=finite, says=whole & begun, norms=each, totals=totals,
            unclipped=each.norm() > 1.01 * clip, before=norm.where(finite, 0))

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        looks, before, says = (taken(self.seen, name) for name in ("looks", "before", "says"))
        each, totals = self.seen.pop("norms", None), self.seen.pop("totals", None)
        if taken(self.seen, "left"):
            yield Finding("error", "gradients-not-cleared", "gradients of one step are still there in the next",
                          "clear them after each step (zero_grad)")
        if taken(self.seen, "against"):
            yield Finding("error", "another-loss", "what the first step ran backward is not the objective: the "
                          "gradients point elsewhere", "see what stands before .backward()")
        if times := taken(self.seen, "unclipped"):
            yield Finding("error", "gradients-not-clipped", f"after clipping the gradient's norm is over --grad-clip "
                          f"{self.config.train.grad_clip:g}", "clip after unscaling and before the step", int(times))
        if looks:
            row |= {f"health_grad_{name}": total / looks for name, total in zip(self.sizes, totals.tolist())}
            yield from self._exploding(before / looks)
        if says:
            yield from self._without([name for (_, name, _), norm in zip(self.learning, each.tolist()) if norm == 0])

    def _without(self, silent: list[str]) -> Iterator[Finding]:
        group_of = {name: group for group, name, _ in self.learning}
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
