"""Trials of contrastive terms: their values worked out again from the settings, pair by pair."""

from collections.abc import Iterator

import torch
from torch import Tensor

from utils.findings import Finding
from utils.health.trials.bench import Bench, close, fault
from utils.health.trials.terms import OBJECTIVE, made_up, objective_of
from utils.losses import MoCoLoss


def against_queue(query: Tensor, key: Tensor, labels: Tensor, queue: MoCoLoss, temperature: float) -> Tensor:
    """InfoNCE of (B, D) against the queue's keys of other labels, all of unit length."""
    others = (query @ queue.queue.T / temperature).exp()  # (B, K)
    usable = (queue.queue_labels >= 0) & (queue.queue_labels != labels[:, None])
    own = ((query * key).sum(-1) / temperature).exp()
    return -(own / (own + (others * usable).sum(-1))).log().mean()


def contrast_of_views(bench: Bench) -> Iterator[Finding]:
    """A view's partner is the other view of its own clip."""
    loss, (output, batch), terms = bench.config.loss, made_up(bench), objective_of(bench).terms
    if loss.ssl == "moco":
        name = "moco"
        value = against_queue(output.projection, output.key, batch.targets, terms[name].loss, loss.moco_t)
    else:
        name, both = "ntxent", torch.cat([output.projection, output.key])  # (2B, P)
        alike = (both @ both.T / loss.temperature).exp().fill_diagonal_(0)
        partners = torch.arange(len(both), device=bench.device).roll(len(batch))
        value = -(alike.gather(1, partners[:, None])[:, 0] / alike.sum(-1)).log().mean()
    yield from _compared(bench, name, terms[name](output, batch), value)


def contrast_of_reviews(bench: Bench) -> Iterator[Finding]:
    """Two reviews agree by the share of what either mentions, as a set of (aspect, sentiment), that both do."""
    loss, (output, batch), terms = bench.config.loss, made_up(bench), objective_of(bench).terms
    if "con" not in terms:
        return
    said = [{(aspect, cell) for aspect, cell in enumerate(row) if cell != -1} for row in batch.targets.tolist()]
    agree = torch.tensor([[len(one & other) / max(len(one | other), 1) for other in said] for one in said])
    weight = loss.contrastive_base_weight + (1 - loss.contrastive_base_weight) * agree.to(bench.device)
    weight = weight.fill_diagonal_(0)  # (B, B)
    alike = (output.projection @ output.projection.T / loss.contrastive_temperature).exp()
    shares = (alike / alike.clone().fill_diagonal_(0).sum(-1, keepdim=True)).log()
    anchors = weight.sum(-1) > 0
    value = -((weight * shares).sum(-1)[anchors] / weight.sum(-1)[anchors]).mean()
    yield from _compared(bench, "con", terms["con"](output, batch), value)


def _compared(bench: Bench, name: str, found: Tensor, value: Tensor) -> Iterator[Finding]:
    if not close(found, value):
        yield fault("value", f"{name} is {float(found):.5g} on made-up projections; from the settings it should be "
                    f"{float(value):.5g}", f"{OBJECTIVE}{bench.config.model.model}.py and utils/losses")
