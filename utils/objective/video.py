"""The terms of the video task."""

import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn

from utils.config import VideoLossConfig
from utils.errors import UserError
from utils.losses import (
    LSR2,
    DecorrelationLoss,
    MoCoLoss,
    MutualInformationLoss,
    SemanticLDLLoss,
    solve_target_temperature,
    target_distribution,
)
from utils.objective.term import Term, Terms
from utils.schedules import Schedule, before, from_epoch, ramp
from utils.structures import Batch, Labels, Output

log = logging.getLogger("camxuc")


def over_labels(value: Callable[[Tensor], Tensor], batch: Batch) -> Tensor:
    """A label-dependent value; under mixup lam * value(targets) + (1 - lam) * value(other_targets)."""
    if batch.other_targets is None:
        return value(batch.targets)
    return batch.lam * value(batch.targets) + (1 - batch.lam) * value(batch.other_targets)


class Classification(Term):
    """LSR2, until LDL takes its place."""

    def forward(self, output: Output, batch: Batch) -> Tensor:
        return over_labels(lambda labels: self.loss(output.logits, labels), batch)


class LDL(Term):
    """SemanticLDL; its class similarities come from the hand-crafted or the learned text features."""

    def __init__(self, loss: nn.Module, weight: Schedule, features: str):
        super().__init__(loss, weight)
        self.features = features

    def forward(self, output: Output, batch: Batch) -> Tensor:
        features = output.handcrafted if self.features == "handcrafted" else output.text_features
        return over_labels(lambda labels: self.loss(output.logits, labels, features), batch)


class MutualInformation(Term):
    """Learned class features against hand-crafted ones."""

    def forward(self, output: Output, batch: Batch) -> Tensor:
        return self.loss(output.text_features, output.handcrafted)


class Decorrelation(Term):
    """Channels of the video features."""

    def forward(self, output: Output, batch: Batch) -> Tensor:
        return self.loss(output.embedding)


class MoCo(Term):
    """Video features against the momentum side's keys and the queue of past keys."""

    def __init__(self, loss: nn.Module, weight: Schedule, keys: str):
        super().__init__(loss, weight)
        self.keys = keys

    def forward(self, output: Output, batch: Batch) -> Tensor:
        key = (lambda labels: output.key) if self.keys == "video" else (lambda labels: output.key[labels])  # (B, D)
        value = over_labels(lambda labels: self.loss.contrast(output.embedding, key(labels), labels), batch)
        if self.training:  # once, after both halves of a mixup have seen the same queue
            self.loss.enqueue(key(batch.targets), batch.targets)
        return value


def _ldl(config: VideoLossConfig, text_features: dict[str, Tensor], _: Labels) -> LDL:
    features = text_features[config.ldl_features]
    temperature = config.ldl_temperature
    if temperature == "auto":
        try:
            temperature = solve_target_temperature(features, config.ldl_target_mass)
        except ValueError as error:
            raise UserError(f"--ldl-temperature auto: {error}") from None
    targets = target_distribution(features, temperature)  # (C, C)
    entropy = -(targets * targets.clamp(min=1e-12).log()).sum(dim=-1).mean()
    log.info("LDL targets: temperature %.4g, true-class mass %.3f, entropy %.3f nats (uniform: %.3f)",
             temperature, targets.diagonal().mean(), entropy, torch.tensor(len(targets)).log())
    return LDL(SemanticLDLLoss(temperature), from_epoch(config.ldl_warmup), config.ldl_features)


def _moco(config: VideoLossConfig, text_features: dict[str, Tensor], _: Labels) -> MoCo:
    loss = MoCoLoss(text_features["learned"].shape[1], config.moco_k, config.moco_t)
    return MoCo(loss, lambda epoch: config.lambda_moco, config.moco_keys)


def _decorrelation(config: VideoLossConfig, text_features: dict[str, Tensor], _: Labels) -> Decorrelation:
    loss = DecorrelationLoss(config.dc_rows, text_features["learned"].shape[1])
    return Decorrelation(loss, ramp(config.lambda_dc, config.dc_warmup, config.dc_ramp))


TERMS: Terms = {
    "cls": (lambda c: not c.use_ldl or c.ldl_warmup > 0,
            lambda c, *_: Classification(LSR2(c.label_smoothing), before(c.ldl_warmup if c.use_ldl else float("inf")))),
    "ldl": (lambda c: c.use_ldl, _ldl),
    "mi": (lambda c: c.lambda_mi > 0,
           lambda c, *_: MutualInformation(MutualInformationLoss(), ramp(c.lambda_mi, c.mi_warmup, c.mi_ramp))),
    "dc": (lambda c: c.lambda_dc > 0, _decorrelation),
    "moco": (lambda c: c.use_moco and c.lambda_moco > 0, _moco),
}
