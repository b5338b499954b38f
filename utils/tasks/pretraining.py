"""Features of clips, learned without labels. Labelled clips of a split only tell what they are worth."""

import logging
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from torch import Tensor

from utils.config import SimclrConfig
from utils.prediction import Predictions
from utils.probe import knn
from utils.representation import contrastive_accuracy, effective_rank, feature_spread
from utils.structures import Batch, Labels, Output
from utils.tasks.clips import Clips
from utils.views import view_pairs

log = logging.getLogger("camxuc")

LEAST_SPREAD, LEAST_RANK = 0.005, 2.0  # healthy features have a spread near 1 and a rank of tens


class Pretraining(Clips):
    """The SimCLR task. A clip's answer is the vote of its nearest neighbours among the split's other clips."""

    columns = ("war", "uar", "feature_spread", "effective_rank")

    def __init__(self, config: SimclrConfig, labels: Labels):
        self.labels, self.views, self.neighbours = labels, config.data, config.train.neighbours

    def prepare(self, batch: Batch, stream: np.random.Generator) -> Batch:
        return view_pairs(batch, self.views, stream)

    def accuracy(self, output: Output, batch: Batch) -> Tensor:
        """Share of views whose nearest other view is of the same clip."""
        return contrastive_accuracy(output.projection, output.key)

    def score(self, predictions: Predictions) -> dict:
        """The vote's scores, and how the features lie; a warning, where they have collapsed."""
        spread, rank = float(feature_spread(predictions.embedding)), float(effective_rank(predictions.embedding))
        width = predictions.embedding.shape[1]
        if spread < LEAST_SPREAD or rank < LEAST_RANK:
            log.warning("the features have collapsed: their standard deviation is %.3f of what it would be if they "
                        "were spread evenly, their effective rank %.1f of %d; lower the learning rate, or raise the "
                        "batch or the temperature", spread, rank, width)
        return super().score(self._voted(predictions)) | {"feature_spread": spread, "effective_rank": rank}

    def describe(self, split: str, scores: dict) -> str:
        return (f"{super().describe(split, scores)}  [{self.neighbours} nearest clips vote; feature spread "
                f"{scores['feature_spread']:.2f}, effective rank {scores['effective_rank']:.1f}]")

    def worth_showing(self, predictions: Predictions) -> set[str]:
        return super().worth_showing(self._voted(predictions))

    def rows(self, predictions: Predictions) -> Iterator[dict]:
        return super().rows(self._voted(predictions))

    def _voted(self, predictions: Predictions) -> Predictions:
        """With the vote's shares as probabilities."""
        votes = knn(predictions.embedding, predictions.targets, None, len(self.labels.classes), self.neighbours)
        return replace(predictions, logits=votes.clamp(min=1e-6).log())
