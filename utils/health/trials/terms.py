"""Trials of the objective: which terms it has, when, with what weight, and what gets their gradients.

The windows of the terms are written down here again, from the settings alone.
"""

import copy
from collections.abc import Iterator
from dataclasses import fields, replace

import torch
from torch import Tensor, nn

from utils.config import Config, SimclrConfig, TextConfig, VideoConfig
from utils.findings import Finding
from utils.health.trials.bench import Bench, close, fault
from utils.losses import GHMCLoss
from utils.structures import Batch, Output

OBJECTIVE = "utils/objective/"
# What each term must reach; nothing else of the network's output may get its gradient.
REACHES = {
    "video": {"cls": {"logits"}, "ldl": {"logits"}, "mi": {"text_features"}, "dc": {"embedding"},
              "moco": {"embedding"}},
    "text": {"cls": {"logits"}, "con": {"projection"}, "mention": {"mention"}},
    "simclr": {"ntxent": {"projection", "key"}, "moco": {"projection"}},
}
MAY_REACH = {("video", "mi"): {"handcrafted"}}  # a buffer: it takes no gradient


def ramped(weight: float, warmup: float, length: float, epoch: float) -> float:
    if epoch < warmup:
        return 0.0
    return weight * min((epoch - warmup) / length, 1.0) if length else weight


def expected_weights(config: Config, epoch: float) -> dict[str, float]:
    """Of the terms at work, from the recipe."""
    loss = config.loss
    if isinstance(config, TextConfig):
        weights = {"cls": loss.classification_weight, "con": loss.contrastive_weight,
                   "mention": loss.mention_weight if loss.unmentioned == "ignore" else 0.0}
    elif isinstance(config, SimclrConfig):
        weights = {"moco" if loss.ssl == "moco" else "ntxent": 1.0}
    else:
        late = loss.use_ldl and epoch >= loss.ldl_warmup
        weights = {"cls": float(not late), "ldl": float(late),
                   "mi": ramped(loss.lambda_mi, loss.mi_warmup, loss.mi_ramp, epoch),
                   "dc": ramped(loss.lambda_dc, loss.dc_warmup, loss.dc_ramp, epoch),
                   "moco": loss.lambda_moco if loss.use_moco else 0.0}
    return {name: weight for name, weight in weights.items() if weight}


def epochs_tried(config: Config) -> list[float]:
    """The start, both sides of every change, and the end."""
    epochs = {0.0, 0.5, float(config.train.epochs)}
    if isinstance(config, VideoConfig):
        loss = config.loss
        starts = (loss.ldl_warmup, loss.mi_warmup, loss.dc_warmup)
        epochs |= {max(start - 0.01, 0.0) for start in starts} | set(starts)
        epochs |= {loss.mi_warmup + loss.mi_ramp / 2, loss.dc_warmup + loss.dc_ramp / 2}
    return sorted(epochs)


def made_up(bench: Bench, count: int = 6) -> tuple[Output, Batch]:
    """An Output of random numbers in the shape of the network's, as leaves, and a batch for it; no two labels alike
    where there are as many."""
    labels, draw = bench.task.labels, torch.Generator().manual_seed(5)

    def leaf(*shape: int, unit: bool = True) -> Tensor:
        value = torch.randn(*shape, generator=draw).to(bench.device)
        return (nn.functional.normalize(value, dim=-1) if unit else value).requires_grad_()

    classes, ids = len(labels.classes), [str(place) for place in range(count)]
    if isinstance(bench.config, TextConfig):
        cells = torch.randint(-2, classes - (bench.config.loss.unmentioned == "class"), (count, len(labels.aspects)),
                              generator=draw)
        cells[1] = cells[0]  # reviews that agree
        cells[:2, 0] = 0
        output = Output(logits=leaf(count, len(labels.aspects), classes, unit=False),
                        mention=leaf(count, len(labels.aspects), unit=False), projection=leaf(count, 8))
        return output, Batch(cells.to(bench.device), ids)
    targets = torch.arange(count, device=bench.device) % classes
    if isinstance(bench.config, SimclrConfig):
        width = bench.config.loss.projection_width
        return Output(projection=leaf(count, width), key=leaf(count, width)), Batch(
            torch.arange(count, device=bench.device), ids)
    texts = bench.model.class_features()["handcrafted"].detach()  # (C, D), as alike as they are
    width = texts.shape[1]
    keys = classes if bench.config.loss.moco_keys == "text" else count
    return Output(logits=leaf(count, classes, unit=False), embedding=leaf(count, width),
                  text_features=texts.roll(1, 0).requires_grad_(), handcrafted=texts.clone().requires_grad_(),
                  key=leaf(keys, width)), Batch(targets, ids)


def leaves(output: Output) -> dict[str, Tensor]:
    return {f.name: value for f in fields(output) if (value := getattr(output, f.name)) is not None}


def objective_of(bench: Bench) -> nn.Module:
    """A copy in train mode, whose queue has negatives for every class."""
    objective = copy.deepcopy(bench.objective).train()
    if "moco" in objective.terms:
        queue = objective.terms["moco"].loss
        keys = bench.noise(min(8, queue.queue_size), queue.queue.shape[1], seed=9) - 0.5
        labels = torch.arange(len(keys), device=bench.device) % max(2, len(bench.task.labels.classes))
        if isinstance(bench.config, SimclrConfig):
            labels = labels + 1000
        queue.enqueue(keys, labels)
    return objective


def weights_over_training(bench: Bench) -> Iterator[Finding]:
    """Which terms are at work and how heavy, at several epochs; the total is their weighted sum."""
    output, batch = made_up(bench)
    for epoch in epochs_tried(bench.config):
        report, expected = objective_of(bench)(output, batch, epoch), expected_weights(bench.config, epoch)
        if report.weights.keys() != expected.keys():
            yield fault("terms", f"at epoch {epoch:g} the objective has {', '.join(report.weights)}; the recipe says "
                        f"{', '.join(expected)}", OBJECTIVE)
            return
        for name, weight in expected.items():
            if not close(report.weights[name], weight, 1e-5):
                yield fault("weights", f"at epoch {epoch:g} {name} weighs {report.weights[name]:.4g}; the recipe says "
                            f"{weight:.4g}", f"{OBJECTIVE} and utils/schedules.py")
        total = sum(expected[name] * float(report.parts[name]) for name in expected)
        if not close(report.total, total, 1e-4) or not torch.isfinite(report.total):
            yield fault("total", f"at epoch {epoch:g} the loss is {float(report.total):.5g}, its terms times their "
                        f"weights {total:.5g}", f"{OBJECTIVE}__init__.py")
            return


def terms_reach(bench: Bench) -> Iterator[Finding]:
    """Each term's gradient reaches what it should learn from, and nothing else; raising the true logit lowers it."""
    kind, (output, batch) = bench.config.model.model, made_up(bench)
    named = leaves(output)
    for name, term in objective_of(bench).terms.items():
        value = term(output, batch)
        if not torch.isfinite(value) or not value.requires_grad:
            yield fault("term-gradient", f"{name} is {float(value):.4g} and has "
                        f"{'a' if value.requires_grad else 'no'} gradient", OBJECTIVE + kind + ".py")
            continue
        gradients = dict(zip(named, torch.autograd.grad(value, list(named.values()), allow_unused=True)))
        reached = {key for key, gradient in gradients.items() if gradient is not None and gradient.any()}
        expected = REACHES[kind].get(name)
        if expected is not None and reached - MAY_REACH.get((kind, name), set()) != expected:
            yield fault("term-gradient", f"{name} reaches {', '.join(sorted(reached)) or 'nothing'}; it should reach "
                        f"{', '.join(sorted(expected))}", OBJECTIVE + kind + ".py and utils/losses")


def steps_down(bench: Bench) -> Iterator[Finding]:
    """A step along the gradient of the total, in the network's output, lowers it."""
    if any(isinstance(part, GHMCLoss) for part in bench.objective.modules()):
        return  # a cell that steps over the border of a bin gets another weight
    output, batch = made_up(bench)
    named, epoch = leaves(output), float(bench.config.train.epochs)
    objective = objective_of(bench).eval()  # a queue, or bins, that stand still
    report = objective(output, batch, epoch)
    gradients = torch.autograd.grad(report.total, list(named.values()), allow_unused=True)
    size = torch.cat([g.flatten() for g in gradients if g is not None]).norm()
    moved = {name: value.detach() if g is None else value.detach() - 1e-3 * g / size.clamp(min=1e-12)
             for (name, value), g in zip(named.items(), gradients)}
    after = objective(replace(output, **moved), batch, epoch).total
    if not float(after.detach()) < float(report.total.detach()):
        yield fault("total", "a small step against the loss's gradient does not lower it", OBJECTIVE)
