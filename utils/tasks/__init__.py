"""What the Trainer and the results must know of a task: what it does to a batch, how it is scored and told."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from torch import Tensor

from utils.config import Config
from utils.prediction import Predictions
from utils.structures import Batch, Labels, Output
from utils.tasks.clips import Clips
from utils.tasks.pretraining import Pretraining
from utils.tasks.reviews import Reviews

__all__ = ["Task", "build_task"]


class Task(Protocol):
    """One implementation a task; `labels` is what it decides."""

    labels: Labels
    best_by: str  # the score whose highest validation value chooses the weights that are kept
    columns: tuple[str, ...]  # the validation scores of an epoch's row

    def prepare(self, batch: Batch, stream: np.random.Generator) -> Batch:
        """What a training batch undergoes on the device, before the network."""

    def accuracy(self, output: Output, batch: Batch) -> Tensor:
        """Share of the batch's decisions that are right."""

    def score(self, predictions: Predictions) -> dict:
        """A split's scores and baselines, in plain JSON types."""

    def describe(self, split: str, scores: dict) -> str:
        """The line that is read first."""

    def worth_showing(self, predictions: Predictions) -> set[str]:
        """Ids of the samples that the report shows."""

    def rows(self, predictions: Predictions) -> Iterator[dict]:
        """The lines of predictions.csv."""


TASKS = {"video": Clips, "text": Reviews, "simclr": Pretraining}


def build_task(config: Config, labels: Labels) -> Task:
    return TASKS[config.model.model](config, labels)
