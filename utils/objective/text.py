"""The terms of the text task."""

import logging

import torch
from torch import Tensor, nn

from utils.cells import sentiment_cells, unmentioned_class
from utils.config import TextLossConfig
from utils.errors import UserError
from utils.losses import FocalLoss, GHMCLoss, SupConLoss, UnifiedFocalLoss, gradient_norm_stats, inverse_frequency_alpha
from utils.objective.term import Term, Terms
from utils.schedules import Schedule
from utils.structures import NOT_MENTIONED, Batch, Labels, Output

log = logging.getLogger("camxuc")


class Sentiments(Term):
    """The sentiment of every aspect at once; all cells are one multi-label loss."""

    def __init__(self, loss: nn.Module, weight: Schedule, unmentioned: int):
        super().__init__(loss, weight)
        self.unmentioned = unmentioned

    def forward(self, output: Output, batch: Batch) -> Tensor:
        return self.loss(output.logits, sentiment_cells(batch.targets, self.unmentioned))

    def stats(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """GHM-C's gradient norms: means over an epoch of each batch's figures."""
        if not isinstance(self.loss, GHMCLoss):
            return {}
        cells = sentiment_cells(batch.targets, self.unmentioned)
        stats = gradient_norm_stats(output.logits, cells, self.loss.bins)
        return {f"ghm_g_{name}": value for name, value in stats.items()}


class Contrast(Term):
    """Reviews that agree in their aspects and sentiments are drawn together."""

    def forward(self, output: Output, batch: Batch) -> Tensor:
        return self.loss(output.projection, batch.targets)


class Mentions(Term):
    """Which aspects a review mentions."""

    def forward(self, output: Output, batch: Batch) -> Tensor:
        return self.loss(output.mention.float(), (batch.targets != NOT_MENTIONED).float())


def _alpha(config: TextLossConfig, labels: Labels) -> Tensor | None:
    """Focal's weights, and a line that says where they come from."""
    alpha, names = config.focal_alpha, labels.classes
    if alpha is None:
        return None
    if alpha == "auto":
        try:
            weights = inverse_frequency_alpha(labels.counts, names)
        except ValueError as error:
            raise UserError(f"--focal-alpha auto: {error}; leave it out of --sentiments, or give the weights") from None
    elif len(alpha) == len(names):
        weights = torch.tensor(alpha)
    else:
        raise UserError(f"--focal-alpha: {len(alpha)} weights for {len(names)} sentiments, {', '.join(names)}")
    total = max(sum(labels.counts), 1)
    log.info("focal alpha, over the cells trained on: %s", "; ".join(
        f"{name} {count} ({count / total:.1%}): {weight:.4f}"
        for name, count, weight in zip(names, labels.counts, weights.tolist())))
    return weights


def _rare(config: TextLossConfig, labels: Labels) -> list[int] | None:
    if unknown := [name for name in config.unified_rare if name not in labels.classes]:
        raise UserError(f"--unified-rare {', '.join(unknown)}: not a sentiment; there are {', '.join(labels.classes)}")
    return [labels.classes.index(name) for name in config.unified_rare] or None


def _classification_loss(config: TextLossConfig, labels: Labels) -> nn.Module:
    if config.loss_type == "focal":
        return FocalLoss(_alpha(config, labels), config.focal_gamma)
    if config.loss_type == "ghm":
        return GHMCLoss(config.ghm_bins, config.ghm_momentum)
    if config.loss_type == "unified":
        rare = _rare(config, labels)
        return UnifiedFocalLoss(config.unified_weight, config.unified_delta, config.unified_gamma, bool(rare), rare)
    return FocalLoss(gamma=0.0)  # plain cross entropy, 0 where all cells are ignored


def _sentiments(config: TextLossConfig, _: dict, labels: Labels) -> Sentiments:
    return Sentiments(_classification_loss(config, labels), lambda epoch: config.classification_weight,
                      unmentioned_class(config.unmentioned, labels.classes))


def _contrast(config: TextLossConfig, *_) -> Contrast:
    loss = SupConLoss(config.contrastive_temperature, config.contrastive_base_weight)
    return Contrast(loss, lambda epoch: config.contrastive_weight)


def _mentions(config: TextLossConfig, *_) -> Mentions:
    return Mentions(nn.BCEWithLogitsLoss(), lambda epoch: config.mention_weight)


TERMS: Terms = {
    "cls": (lambda c: c.classification_weight > 0, _sentiments),
    "con": (lambda c: c.contrastive_weight > 0, _contrast),
    "mention": (lambda c: c.unmentioned == "ignore", _mentions),
}
