"""Trials of any network in eval mode: samples do not know of each other, and nothing is left behind."""

import math
from collections.abc import Iterator

import numpy as np
import torch

from utils.findings import Finding
from utils.health.trials.bench import Bench, fault, rows, same, told
from utils.health.trials.terms import leaves, objective_of
from utils.structures import Batch

RESHAPES = "reshapes, means and softmaxes over the wrong axis, and batch norms left in train mode"


def samples_are_apart(bench: Bench, batch: Batch) -> Iterator[Finding]:
    """A sample gets what it gets alone, and in any company and order; in eval mode nothing is drawn or kept."""
    before = {name: buffer.clone() for name, buffer in bench.model.named_buffers()}
    with bench.awake():
        first = told(bench.say(batch))
        last = len(batch) - 1
        turned = told(bench.say(rows(batch, [*range(last, -1, -1)])))
        alone = told(bench.say(rows(batch, [last])))
        for name, value in first.items():
            if not torch.isfinite(value).all():
                yield fault("not-finite", f"the network's {name} is not finite in eval mode", "its weights")
                return
            if not same(value, turned[name].flip(0)):
                if not same(value, told(bench.say(batch))[name]):
                    yield fault("not-repeatable", f"the same batch gives another {name} in eval mode",
                                "dropout or noise that does not ask self.training")
                else:
                    yield fault("batch-order", f"a sample's {name} changes with the order of the batch", RESHAPES)
            elif not same(value[last:], alone[name], value):
                yield fault("batch-leak", f"a sample's {name} changes with the other samples of its batch", RESHAPES)
            if len(value) > 1 and float((value[0] - value[last]).abs().max()) <= 1e-6 * float(value.abs().max()):
                yield fault("same-for-all", f"two different samples get the same {name}",
                            "what of the batch reaches the network's output")
    changed = [name for name, buffer in bench.model.named_buffers() if not torch.equal(buffer, before[name])]
    if changed:
        yield fault("eval-changes-state", f"a pass in eval mode changes {', '.join(changed[:3])}",
                    "train() and eval() of the network")


def learned_once(bench: Bench) -> Iterator[Finding]:
    """What requires a gradient stands in one group of the optimiser, and in one only."""
    chosen = [id(p) for group in bench.model.parameter_groups().values() for _, p in group]
    twice = len(chosen) - len(set(chosen))
    for name, parameter in bench.model.named_parameters():
        if parameter.requires_grad != (id(parameter) in chosen):
            yield fault("parameter-groups", f"{name} is in no parameter group, or frozen and in one",
                        "parameter_groups of the network")
            return
    if twice:
        yield fault("parameter-groups", f"{twice} parameters are in two parameter groups",
                    "parameter_groups of the network")


def everything_learns(bench: Bench) -> Iterator[Finding]:
    """The first loss is finite, and from what the network says a gradient reaches every parameter that is to learn."""
    groups, train = bench.model.parameter_groups(), bench.config.train
    named = [(key, weight) for name, group in groups.items() if getattr(train, f"lr_{name}" if name else "lr")
             for key, weight in group if weight.requires_grad]
    bench.model.train()
    torch.manual_seed(0)
    batch = bench.task.prepare(bench.batch, np.random.default_rng(0))
    with torch.no_grad():
        loss = float(objective_of(bench)(bench.model(batch), batch, float(train.epochs)).total)
    if not math.isfinite(loss):
        yield fault("not-finite", f"the loss of the first batch is {loss}", "the first batch, and utils/losses")
    with bench.awake():
        said = [value for value in leaves(bench.model(batch)).values() if value.requires_grad]
        total = sum((value * (bench.noise(*value.shape) - 0.5)).sum() for value in said)
        gradients = torch.autograd.grad(total, [weight for _, weight in named], allow_unused=True)
    dead = [key for (key, _), gradient in zip(named, gradients) if gradient is None or not gradient.any()]
    if dead:
        yield fault("no-gradient", f"no gradient reaches {len(dead)} of {len(named)} weights that are to learn, e.g. "
                    f"{dead[0]}", "detach, no_grad and what the forward pass leaves out", level="warning")


# Groups of weights that learn from each part of the output.
LEARN_FROM = {
    "video": {"logits": ("image_encoder", "prompt_learner", "adapter", ""),
              "embedding": ("image_encoder", "adapter", ""),
              "text_features": ("prompt_learner",)},
    "text": {"logits": ("encoder", ""), "mention": ("encoder", ""), "projection": ("encoder", "")},
    "simclr": {"projection": ("",)},
}


def each_part_teaches(bench: Bench) -> Iterator[Finding]:
    """From each part of the output that a loss may take a gradient goes to all weights that make it."""
    groups, train = bench.model.parameter_groups(), bench.config.train
    bench.model.train()
    batch = bench.task.prepare(bench.batch, np.random.default_rng(0))
    with bench.awake():
        said = leaves(bench.model(batch))
        for part, names in LEARN_FROM[bench.config.model.model].items():
            learning = {name: [weight for _, weight in groups[name] if weight.requires_grad] for name in names
                        if getattr(train, f"lr_{name}" if name else "lr")}
            if part not in said or not any(learning.values()):
                continue
            value, lost = said[part], list(learning)
            if value.requires_grad:
                total = (value * (bench.noise(*value.shape) - 0.5)).sum()
                lost = [name for name, weights in learning.items() if weights and not any(
                    gradient is not None and gradient.any() for gradient in
                    torch.autograd.grad(total, weights, retain_graph=True, allow_unused=True))]
            if lost:
                yield fault("part-without-gradient", f"from the network's {part} no gradient reaches the weights of "
                            f"{', '.join(name or 'the rest' for name in lost)}",
                            "detach and no_grad in forward() of the network")


def frozen_stands_still(bench: Bench) -> Iterator[Finding]:
    """In training, what does not learn is in eval mode: its batch norms would drift, its dropout would blur."""
    model, train = bench.model.train(), bench.config.train
    frozen = {"the text tower": getattr(model, "text_tower", None)}
    if not getattr(train, "lr_image_encoder", 1):
        frozen |= {"the image tower": model.video.visual,
                   "the momentum side's image tower": getattr(model.key_side, "visual", None)}
    if not getattr(train, "lr_encoder", 1):
        frozen["the encoder"] = model.encoder
    for name, module in frozen.items():
        if module is not None and any(part.training for part in module.modules()):
            yield fault("frozen", f"{name} does not learn, and is in train mode", "train() of the network")
    if not all(part.training for name, part in model.named_children() if name in ("sentiments", "mentions", "head")):
        yield fault("frozen", "the network's heads are in eval mode while training", "train() of the network")
