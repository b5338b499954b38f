"""Known answers of scores, probes, and of how features lie."""

import torch

from utils.config import TextConfig
from utils.known_answers.answer import Answer, logs, rows
from utils.prediction import Predictions
from utils.probe import knn
from utils.representation import alignment, contrastive_accuracy, effective_rank, feature_spread, uniformity
from utils.structures import Labels
from utils.tasks.clip_metrics import score
from utils.tasks.review_metrics import baselines, score_cells
from utils.tasks.reviews import Reviews


def clip_scores() -> list:
    """Truth 0 0 0 1 1 2 of four classes, said 0 0 1 1 1 0.

    WAR 4/6. Recalls 2/3, 1, 0: UAR 5/9. F1 4/6, 4/5, 0: 0.488889. The fourth class, which does not occur, counts for
    none. Always class 0: F1 2 x 0.5 / 1.5 over 3 classes. Priors: 1/4 + 1/9 + 1/36.
    """
    said = torch.nn.functional.one_hot(torch.tensor([0, 0, 1, 1, 1, 0]), 4).float()
    found = score(said, torch.tensor([0, 0, 0, 1, 1, 2]), list("abcd"))
    blind, first, second = found["baselines"], *(found["per_class"][name] for name in "ab")
    return [found["war"], found["uar"], found["macro_f1"], found["confusion_matrix"],
            first["recall"], first["precision"], second["recall"], second["precision"], second["f1"],
            *(blind["majority"][name] for name in ("war", "uar", "macro_f1")), blind["prior"]["war"],
            blind["prior"]["uar"], found["per_class"]["d"]["recall"]]


TRUTH = torch.tensor([[0, -1], [1, -2]])  # two reviews, two aspects; -1 not mentioned, -2 without a sentiment
HEADLINE = ("aspect_micro_f1", "aspect_macro_f1", "pair_micro_f1", "pair_macro_f1", "polarity_accuracy",
            "polarity_macro_f1")


def review_scores() -> list:
    """Said 0 0 / 0 1, and of the last only that it is mentioned is known. Aspects: hits 2 1, said 2 2, true 2 1: 6/7;
    1 and 2/3. Pairs: one hit of three said, two true: 2/5; F1 2/3 and 0 of the two true ones. Polarity 0 for 0 and
    for 1: 1/2; 2/3 and 0."""
    said, polarity = torch.tensor([[0, 0], [0, 1]]), torch.tensor([[0, 0], [0, 1]])
    found = score_cells(said, polarity, TRUTH, ["a", "b"], ["x", "y"])
    return [*(found[name] for name in HEADLINE), found["polarity_matrix"], found["pair_support"], found["mentions"]]


def blind_scores() -> list:
    """Always naming both aspects with sentiment 0: aspects as above; of pairs naming one is better, 2/4, and 2/3, 0."""
    found = baselines(TRUTH, ["x", "y"])
    return [found["majority"][name] for name in HEADLINE]


def reader_says() -> list:
    """Mentioned from 0.5 on: logits -1, 0, 1; the sentiment by its logit; an unrated aspect has none."""
    labels = Labels(["x", "y"], ["a", "b", "c"], unrated=["c"])
    logits = torch.tensor([[[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]])
    predictions = Predictions(["1"], torch.tensor([[1, 1, -2]]), logits, mention=torch.tensor([[-1.0, 0.0, 1.0]]))
    reviews = Reviews(TextConfig(), labels)
    # Right 1 of 2, cross entropies ln(1 + e^-1) and ln(1 + e)
    return [reviews.cells(predictions), reviews._share_right(logits, predictions.targets),
            reviews._cross_entropy(predictions)]


def nearest() -> list:
    """Commonest class 2, so two vote: cosines 1 and 0.6 weigh 1 : exp(-0.4 / 0.07) = 0.003299. No own vote: class 1."""
    features, targets = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.6, 0.8]]), torch.tensor([0, 1, 1])
    return [knn(features, targets, features[:1], 2), knn(features, targets, None, 2)[0]]


E1, E2, CROSS = [1.0, 0.0], [0.0, 2.0], [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
LIE = "utils/representation.py"

ANSWERS = [
    Answer("clip scores", "utils/tasks/clip_metrics.py", clip_scores,
           [4 / 6, 5 / 9, 0.488889, [[2, 1, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], 2 / 3, 2 / 3,
            1.0, 2 / 3, 0.8, 0.5, 1 / 3, 2 / 9, 0.388889, 1 / 3, None]),
    Answer("cross entropy of predictions", "utils/prediction.py",
           lambda: Predictions(["1", "2", "3"], torch.tensor([0, -1, 1]),
                               logs([0.5, 0.5], [0.9, 0.1], [0.9, 0.1])).cross_entropy, 1.497866),  # (ln 2 + ln 10) / 2
    Answer("review scores", "utils/tasks/review_metrics.py", review_scores,
           [6 / 7, 5 / 6, 2 / 5, 1 / 3, 1 / 2, 1 / 3, [[1, 0], [1, 0]], [[1, 1], [0, 0]], 3]),
    Answer("review baselines", "utils/tasks/review_metrics.py", blind_scores,
           [6 / 7, 5 / 6, 1 / 2, 1 / 3, 1 / 2, 1 / 3]),
    Answer("what is said of a review", "utils/tasks/reviews.py", reader_says,
           [[[-1, 0, -2]], 0.5, (0.313262 + 1.313262) / 2]),
    Answer("knn", "utils/probe.py", nearest, [[[0.996712, 0.003288]], [0.0, 1.0]]),
    Answer("alignment", LIE, lambda: alignment(rows(E1, E1), rows(E1, E2)), 1.0),  # squared distances 0 and 2
    Answer("uniformity", LIE, lambda: uniformity(rows(E1, E2)), -4.0),  # log exp(-2 x 2)
    Answer("contrastive_accuracy", LIE, lambda: contrastive_accuracy(rows(E1, E2), rows([0.9, 0.1], [0.2, 0.9])), 1.0),
    Answer("contrastive_accuracy of crossed pairs", LIE,
           lambda: contrastive_accuracy(rows(E1, E2), rows([0.2, 0.9], [0.9, 0.1])), 0.0),
    Answer("feature_spread", LIE, lambda: feature_spread(rows(*CROSS)), 1.0),  # deviations sqrt(1/2), times sqrt(2)
    Answer("effective_rank", LIE, lambda: effective_rank(rows(*CROSS)), 2.0),
]
