"""What the network answers on validation: one class for all, a class never found, far worse than in training."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from utils.findings import Finding, of_some
from utils.health.watch import Watch
from utils.prediction import Predictions

PATIENCE = 5  # epochs
LEAST = 5  # samples of a class, for its recall to say something
REMEDY = "raise the learning rate, or see whether the input tells the classes apart"
GAP = 0.4  # between training accuracy and validation UAR, where validation is near chance


class Answers(Watch):
    """Recalls of each class, epoch by epoch. Of reviews the cells whose sentiment is known are the samples."""

    def evaluated(self, split: str, predictions: Predictions) -> None:
        if split == "val" and predictions.logits is not None:
            known = predictions.targets >= 0
            said, truth = predictions.logits.argmax(dim=-1)[known], predictions.targets[known]
            self.seen["said"] = torch.bincount(said, minlength=predictions.logits.shape[-1])
            self.seen["hits"] = torch.bincount(truth[said == truth], minlength=predictions.logits.shape[-1])
            self.seen["truth"] = torch.bincount(truth, minlength=predictions.logits.shape[-1])

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        if "truth" not in self.seen:
            return
        said, hits, truth = (self.seen.pop(name) for name in ("said", "hits", "truth"))
        present = truth > 0
        recalls = (hits / truth.clamp(min=1))[present]
        if epoch > self.config.train.warmup_epochs:
            yield from self._one_class(said, present)
            yield from self._never_found((truth >= LEAST) & (hits == 0))
        # Where training fills in what is not mentioned, its accuracy is of other cells.
        if getattr(self.config.loss, "unmentioned", "ignore") != "ignore" or "accuracy" not in row:
            return
        row["health_gap"] = gap = row["accuracy"] - float(hits.sum() / truth.sum().clamp(min=1))
        chance = 1 / max(int(present.sum()), 1)
        if gap > GAP and float(recalls.mean()) < 1.25 * chance and int(truth.sum()) >= LEAST * len(truth):
            yield Finding("warning", "nothing-carries-over", f"training accuracy is {row['accuracy']:.1%}, and on "
                          f"validation the mean recall is {float(recalls.mean()):.1%} (chance: {chance:.1%})",
                          "see that both splits have the same labels and are cut alike; or regularise")

    def concluded(self, predictions: dict[str, Predictions], weights: Path) -> Iterator[Finding]:
        """Of the weights that are kept; in a training of few epochs it is only told."""
        self.evaluated("val", predictions.get("val", Predictions([], torch.zeros(0, dtype=torch.int64))))
        if "truth" not in self.seen:
            return
        said, hits, truth = (self.seen.pop(name) for name in ("said", "hits", "truth"))
        names, level = self.watched.labels.classes, "warning" if self.config.train.epochs >= PATIENCE else "note"
        lost = [name for name, hit, of in zip(names, hits.tolist(), truth.tolist()) if not hit and of >= LEAST]
        if int((said > 0).sum()) == 1 < int((truth > 0).sum()):
            yield Finding(level, "one-class-only", "the weights that are kept call all validation samples "
                          f"{names[int(said.argmax())]}", REMEDY, int(said.sum()), names[int(said.argmax())])
        elif lost:
            yield Finding(level, "class-never-found", "the weights that are kept recognise no validation sample of "
                          f"{', '.join(lost)}", "weigh or draw it more, or get more samples of it", **of_some(lost))

    def _one_class(self, said: Tensor, present: Tensor) -> Iterator[Finding]:
        alone = bool((said > 0).sum() == 1) and int(present.sum()) > 1
        self.seen["alone"] = self.seen.get("alone", 0) + 1 if alone else 0
        if self.seen["alone"] == 1 or _is_due(self.seen["alone"]):  # at first it may be that little is learned yet
            name, times = self.watched.labels.classes[int(said.argmax())], self.seen["alone"]
            yield Finding("note" if times < PATIENCE else "warning", "one-class-only", "all validation samples have "
                          f"been called {name} for {times} epoch{'s' * (times > 1)}", REMEDY, int(said.sum()), name)

    def _never_found(self, lost: Tensor) -> Iterator[Finding]:
        epochs = self.seen.get("epochs_lost", torch.zeros(len(lost), dtype=torch.int64))
        self.seen["epochs_lost"] = epochs = torch.where(lost, epochs + 1, 0)
        names = [name for name, times in zip(self.watched.labels.classes, epochs.tolist()) if _is_due(times)]
        if names and not self.seen["alone"]:  # else one-class-only says it
            yield Finding("warning", "class-never-found", f"for {PATIENCE} epochs and more no validation sample of "
                          f"{', '.join(names)} was recognised", "weigh or draw it more, or get more samples of it",
                          **of_some(names))


def _is_due(epochs: int) -> bool:
    """It is said after PATIENCE epochs, and after as many more."""
    return epochs > 0 and epochs % PATIENCE == 0
