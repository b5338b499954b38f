"""Clips of one class each."""

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from utils.config import VideoConfig
from utils.mixup import mixup
from utils.prediction import Predictions
from utils.structures import Batch, Labels, Output
from utils.tasks.clip_metrics import score

SHOWN = 2  # surest hits, and surest errors, of a class


class Clips:
    """The video task."""

    best_by = "uar"
    columns = ("cross_entropy", "war", "uar", "macro_f1")

    def __init__(self, config: VideoConfig, labels: Labels):
        self.labels, self.mixup_alpha = labels, config.loss.mixup_alpha

    def prepare(self, batch: Batch, stream: np.random.Generator) -> Batch:
        return mixup(batch, self.mixup_alpha, stream)

    def accuracy(self, output: Output, batch: Batch) -> Tensor:
        """Under mixup, scored with its lam."""
        predicted = output.logits.argmax(dim=-1)
        accuracy = (predicted == batch.targets).float().mean()
        if batch.other_targets is None:
            return accuracy
        return batch.lam * accuracy + (1 - batch.lam) * (predicted == batch.other_targets).float().mean()

    def score(self, predictions: Predictions) -> dict:
        scores = score(predictions.probabilities, predictions.targets, self.labels.classes)
        return scores | {"cross_entropy": predictions.cross_entropy}

    def describe(self, split: str, scores: dict) -> str:
        """Scores beside what no look at a clip would give."""
        line = "  ".join(f"{name} {scores[key]:.3f}" for name, key in
                         (("WAR", "war"), ("UAR", "uar"), ("macro-F1", "macro_f1")))
        majority, prior = scores["baselines"]["majority"], scores["baselines"]["prior"]
        return (f"{split}: {line}  ({scores['clips']} clips; always {majority['class']}: WAR {majority['war']:.3f}, "
                f"UAR {majority['uar']:.3f}; drawing from the priors: WAR {prior['war']:.3f}, UAR {prior['uar']:.3f})")

    def worth_showing(self, predictions: Predictions) -> set[str]:
        """For each class its surest hits and errors."""
        sure, predicted = predictions.probabilities.max(dim=-1)
        chosen = []
        for label in range(len(self.labels.classes)):
            for right in (True, False):
                of_class = (predictions.targets == label) & ((predicted == label) == right)
                places = of_class.nonzero().flatten()
                chosen += places[sure[places].argsort(descending=True)][:SHOWN].tolist()
        return {predictions.ids[place] for place in chosen}

    def rows(self, predictions: Predictions) -> Iterator[dict]:
        """A line a clip."""
        names = self.labels.classes
        for clip, target, row in zip(predictions.ids, predictions.targets.tolist(), predictions.probabilities):
            yield {"clip": clip, "true": names[target], "predicted": names[int(row.argmax())],
                   **{f"p_{name}": f"{p:.6f}" for name, p in zip(names, row.tolist())}}
