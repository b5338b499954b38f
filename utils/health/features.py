"""Features that have died or fallen together."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from utils.findings import Finding
from utils.health.watch import Step, Watch, taken
from utils.prediction import Predictions

CONSTANT = 1e-4  # spread of unit features, below which all samples look the same to the network
DEAD = 0.5  # share of channels
FALLEN = 0.02  # of the distances that class texts had at first


class Embeddings(Watch):
    """The features of validation: how far apart samples lie, and how many channels never change."""

    def evaluated(self, split: str, predictions: Predictions) -> None:
        if split != "val" or predictions.embedding is None or len(predictions.ids) < 2:
            return
        features = F.normalize(predictions.embedding.float(), dim=-1)  # (N, D)
        channels = features.std(dim=0, correction=0)  # (D,)
        self.seen["spread"] = float(channels.square().sum().sqrt())
        self.seen["dead"] = float((channels < 1e-3 * channels.max()).float().mean())
        self.seen["logits"] = _told_apart(predictions.logits) if predictions.logits is not None else 1.0

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        if "spread" not in self.seen:
            return
        spread, dead, logits = (taken(self.seen, name) for name in ("spread", "dead", "logits"))
        row |= {"health_spread": spread, "health_dead_channels": dead}
        if spread < CONSTANT or logits < CONSTANT:
            yield Finding("error", "constant-features", f"validation samples all look the same to the network: its "
                          f"features spread by {spread:.2g}, its answers by {logits:.2g} of their size",
                          "see whether the input reaches it, and whether the learning rate is too high")
        elif dead > DEAD:
            yield Finding("warning", "dead-features", f"{dead:.0%} of the features' channels are the same for all "
                          "validation samples", "lower the learning rate, or see what shuts them off")


def _told_apart(logits: Tensor) -> float:
    """Spread of the logits over samples (N, ...), as a share of their own size."""
    return float(logits.float().std(dim=0, correction=0).max() / logits.float().abs().mean().clamp(min=1e-12))


class ClassTexts(Watch):
    """The learned text features of the classes, which must stay apart."""

    def forward(self, step: Step) -> None:
        if step.output.text_features is not None:
            self.seen["texts"] = step.output.text_features.detach().float()  # (C, D)
            self.seen.setdefault("first", self.seen["texts"])

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        if (texts := self.seen.pop("texts", None)) is None:
            return
        distance, first = float(_nearest(texts).min()), float(_nearest(self.seen["first"]).min())
        unit = F.normalize(texts, dim=-1)
        cosines = (unit @ unit.T)[~torch.eye(len(texts), dtype=torch.bool, device=texts.device)]
        row["health_text_cosine"] = float(cosines.mean())
        if distance < max(FALLEN * first, 1e-5):
            one, other = _names(unit, self.watched.labels.classes)
            yield Finding("error", "class-texts-collapsed", f"the learned text features of {one} and {other} have "
                          "fallen together: no clip can be told to be one and not the other",
                          "lower --lr-prompt-learner, or see what pulls them together", example=f"{one}, {other}")


def _nearest(texts: Tensor) -> Tensor:
    """Each class's distance to the nearest other, (C,)."""
    unit = F.normalize(texts.cpu().double(), dim=-1)  # on the CPU: MPS has no float64
    return torch.cdist(unit, unit, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(torch.inf).amin(dim=-1)


def _names(unit: Tensor, classes: list[str]) -> tuple[str, str]:
    likest = (unit @ unit.T).fill_diagonal_(-torch.inf).argmax()
    return tuple(classes[int(place)] for place in divmod(int(likest), len(unit)))
