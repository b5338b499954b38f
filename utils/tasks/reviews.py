"""Reviews, with a sentiment for each aspect that they mention."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from utils.cells import IGNORE, sentiment_cells, unmentioned_class
from utils.config import TextConfig
from utils.distributed import own_rows
from utils.prediction import Predictions
from utils.structures import NO_POLARITY, NOT_MENTIONED, Batch, Labels, Output
from utils.tasks.review_metrics import HEADLINE, baselines, score_cells

WORST = 20  # mistakes that the report shows


class Reviews:
    """The text task.

    With `unmentioned: ignore` a head of its own says which aspects are mentioned. Else a class stands for those
    that are not, and an aspect counts as mentioned where another class is likelier: with `class` one more, the last;
    with `neutral` Neutral itself, so that a Neutral mention cannot be told from none.
    """

    best_by = "pair_micro_f1"
    columns = ("cross_entropy", *HEADLINE)

    def __init__(self, config: TextConfig, labels: Labels):
        self.labels, self.unmentioned = labels, config.loss.unmentioned
        self.threshold, self.token_dropout = config.model.mention_threshold, config.train.token_dropout
        self.longest = -(-config.data.max_tokens // 8) * 8  # to which a batch is padded at most
        self.fill = unmentioned_class(self.unmentioned, labels.classes)

    @property
    def sentiments(self) -> list[str]:
        """The classes without that of an aspect not mentioned."""
        return self.labels.classes[:-1] if self.unmentioned == "class" else self.labels.classes

    def prepare(self, batch: Batch, stream: np.random.Generator) -> Batch:
        """Hide some tokens, as if they were padding; never the first, which some networks read alone."""
        if not self.token_dropout:
            return batch
        # Of the longest that may come, so that a token's draw does not hang on how far a batch is padded.
        drawn = stream.random((len(batch), self.longest))[own_rows(batch), : batch.mask.shape[1]]
        kept = torch.from_numpy(drawn >= self.token_dropout)
        kept[:, 0] = True
        return replace(batch, mask=batch.mask * kept.to(batch.mask.device, non_blocking=True))

    def accuracy(self, output: Output, batch: Batch) -> Tensor:
        """Over the cells that the classification loss sees."""
        return self._share_right(output.logits, batch.targets)

    def _share_right(self, logits: Tensor, targets: Tensor) -> Tensor:
        cells = sentiment_cells(targets, self.fill)
        known = cells != IGNORE
        return ((logits.argmax(dim=-1) == cells) & known).sum() / known.sum().clamp(min=1)

    def mention_probabilities(self, predictions: Predictions) -> Tensor:
        """(N, A): of being mentioned; from the head for it, or of not being the class that stands for it."""
        if predictions.mention is not None:
            return predictions.mention.sigmoid()
        return 1 - predictions.probabilities[..., self.fill]

    def sentiment_probabilities(self, predictions: Predictions) -> Tensor:
        """(N, A, S): of each sentiment, given that the aspect is mentioned."""
        return predictions.logits[..., : len(self.sentiments)].softmax(dim=-1)

    def cells(self, predictions: Predictions) -> Tensor:
        """(N, A): the sentiment said of each cell, NO_POLARITY of an unrated aspect, or NOT_MENTIONED."""
        unrated = torch.tensor([name in self.labels.unrated for name in self.labels.aspects])
        polarity = self.sentiment_probabilities(predictions).argmax(dim=-1).masked_fill(unrated, NO_POLARITY)
        if predictions.mention is None:
            said = predictions.logits.argmax(dim=-1) != self.fill
        else:
            said = self.mention_probabilities(predictions) >= self.threshold
        return torch.where(said, polarity, NOT_MENTIONED)

    def score(self, predictions: Predictions) -> dict:
        truth = predictions.targets
        polarity = self.sentiment_probabilities(predictions).argmax(dim=-1)
        scores = score_cells(self.cells(predictions), polarity, truth, self.labels.aspects, self.sentiments)
        scores["cross_entropy"] = self._cross_entropy(predictions)
        if self.unmentioned == "neutral":
            scores |= self._filled(predictions)
        return scores | {"baselines": baselines(truth, self.sentiments)}

    def _cross_entropy(self, predictions: Predictions) -> float:
        """Mean over the cells that the classification loss sees; 0 if it sees none."""
        cells = sentiment_cells(predictions.targets, self.fill)
        total = F.cross_entropy(predictions.logits.flatten(0, 1), cells.flatten(), ignore_index=IGNORE, reduction="sum")
        return float(total / (cells != IGNORE).sum().clamp(min=1))

    def _filled(self, predictions: Predictions) -> dict[str, float]:
        """Accuracy over all cells with those not mentioned as Neutral, and what always saying Neutral gets."""
        neutral = F.one_hot(torch.full_like(predictions.targets, self.fill), len(self.sentiments))
        return {"filled_accuracy": float(self._share_right(predictions.logits, predictions.targets)),
                "always_neutral_accuracy": float(self._share_right(neutral, predictions.targets))}

    def describe(self, split: str, scores: dict) -> str:
        """Scores beside what no look at a review would give."""
        def line(of: dict) -> str:
            return (f"aspect F1 {of['aspect_micro_f1']:.3f}/{of['aspect_macro_f1']:.3f}, aspect+polarity F1 "
                    f"{of['pair_micro_f1']:.3f}/{of['pair_macro_f1']:.3f} (micro/macro), polarity accuracy "
                    f"{of['polarity_accuracy']:.3f}, macro-F1 {of['polarity_macro_f1']:.3f}")
        parts = [f"{split}: {line(scores)}  ({scores['reviews']} reviews)"]
        parts += [f"{split}, always {name}: {line(of)}" for name, of in scores["baselines"].items()]
        if "filled_accuracy" in scores:
            parts.append(f"{split}, not mentioned as Neutral: accuracy {scores['filled_accuracy']:.3f}; always saying "
                         f"Neutral gets {scores['always_neutral_accuracy']:.3f}")
        return "\n".join(parts)

    def worth_showing(self, predictions: Predictions) -> set[str]:
        """The reviews of the worst mistakes."""
        return {predictions.ids[review] for review, _, _ in self.mistakes(predictions)}

    def mistakes(self, predictions: Predictions) -> list[tuple[int, int, float]]:
        """The WORST cells that are most surely wrong, worst first: (review, aspect, probability of what is said)."""
        said, truth = self.cells(predictions), predictions.targets
        sure = self._sureness(predictions, said)
        wrong = torch.where(truth == NO_POLARITY, said == NOT_MENTIONED, said != truth)
        if self.unmentioned == "neutral":  # says nothing else of a Neutral mention
            wrong &= (truth != self.fill) | (said != NOT_MENTIONED)
        order = sure.masked_fill(~wrong, -1).flatten().argsort(descending=True, stable=True)
        places = [divmod(place, truth.shape[1]) for place in order[: min(WORST, int(wrong.sum()))].tolist()]
        return [(review, aspect, float(sure[review, aspect])) for review, aspect in places]

    def _sureness(self, predictions: Predictions, said: Tensor) -> Tensor:
        """(N, A): the probability of what is said of each cell."""
        mentioned = self.mention_probabilities(predictions)
        if predictions.mention is None:
            sentiment = predictions.probabilities.amax(dim=-1)
        else:
            sentiment = mentioned * self.sentiment_probabilities(predictions).amax(dim=-1)
        sure = torch.where(said == NO_POLARITY, mentioned, sentiment)
        return torch.where(said == NOT_MENTIONED, 1 - mentioned, sure)

    def name_of(self, cell: int) -> str:
        """A cell's value as predictions.csv says it; blank is not mentioned."""
        return {NOT_MENTIONED: "", NO_POLARITY: "mentioned"}[cell] if cell < 0 else self.sentiments[cell]

    def rows(self, predictions: Predictions) -> Iterator[dict]:
        """A line a cell: a review has one for each aspect. `p_` of a sentiment is given that it is mentioned."""
        said, truth = self.cells(predictions).tolist(), predictions.targets.tolist()
        mentioned = self.mention_probabilities(predictions).tolist()
        of = self.sentiment_probabilities(predictions).tolist()
        for i, review in enumerate(predictions.ids):
            for a, aspect in enumerate(self.labels.aspects):
                yield {"review": review, "aspect": aspect, "true": self.name_of(truth[i][a]),
                       "predicted": self.name_of(said[i][a]), "p_mentioned": f"{mentioned[i][a]:.6f}",
                       **{f"p_{name}": f"{p:.6f}" for name, p in zip(self.sentiments, of[i][a])}}
