"""Known answers of what is made of a pass over a split: predictions in step with ids, scores, and what is written."""

import math

import torch
from torch import nn

from utils.config import SimclrConfig, SimclrTrainConfig, TextConfig, TextLossConfig, TextModelConfig, VideoConfig
from utils.known_answers.answer import Answer, logs
from utils.prediction import Predictions, predict
from utils.structures import NOT_MENTIONED, Batch, Labels, Output
from utils.tally import Tally
from utils.tasks.clips import Clips
from utils.tasks.pretraining import Pretraining
from utils.tasks.reviews import Reviews


class Echo(nn.Module):
    """Of a sample whose target is t: logits t and 2 - t, a feature of -t, a mention of 10 t."""

    def forward(self, batch: Batch) -> Output:
        said = batch.targets.float()[:, None]  # (B, 1)
        return Output(logits=torch.cat([said, 2 - said], dim=1), embedding=-said, mention=10 * said)


def predicted() -> list:
    """Batches of 2, 0 and 1 samples; the network is in training mode again in the end."""
    batches = [Batch(torch.tensor([1, 2]), ["a", "b"]), Batch(torch.zeros(0, dtype=torch.int64), []),
               Batch(torch.tensor([3]), ["c"])]
    echo, tally = Echo().train(), Tally("val", 3, 0)
    found = predict(echo, batches, torch.device("cpu"), tally)
    return [found.ids, found.targets, found.logits, found.embedding, found.mention, tally.seen, echo.training]


# Adding to a row's logits changes none of its probabilities.
SAID = logs([0.5, 0.25, 0.25], [0.125, 0.375, 0.5], [0.25, 0.5, 0.25]).detach() + torch.tensor([[5.0], [0.0], [-5.0]])
TRUTH = torch.tensor([0, 1, 1])


def clips() -> list:
    """Right, wrong, right: recalls 1 and 1/2. Cross entropy (ln 2 + ln 8/3 + ln 2) / 3."""
    task, found = Clips(VideoConfig(), Labels(["x", "y", "z"])), Predictions(["a", "b", "c"], TRUTH, SAID)
    scores = task.score(found)
    recalls = {name: of["recall"] for name, of in scores["per_class"].items()}
    return [*(scores[name] for name in ("uar", "war", "cross_entropy")), recalls, list(task.rows(found))[1],
            sorted(task.worth_showing(found))]


def neighbours() -> list:
    """Of the first, at 0 degrees, the nearest at 8 is of class x, the next two at 18 are of its own, y: by
    exp(cosine / 0.07) they weigh 1 : 0.571 twice. Two neighbours say x, and three say y."""
    angles = torch.tensor([0.0, 8.0, 18.0, -18.0]).deg2rad()
    features = torch.stack([angles.cos(), angles.sin()], 1)  # (N, 2)
    found, labels = Predictions(list("abcd"), torch.tensor([1, 0, 1, 1]), embedding=features), Labels(["x", "y"])
    rows = [next(Pretraining(SimclrConfig(train=SimclrTrainConfig(neighbours=number)), labels).rows(found))
            for number in (2, 3)]
    return [[row["predicted"], float(row["p_y"])] for row in rows]


def lie() -> list[float]:
    """Two pairs of opposite features in three dimensions: standard deviations of sqrt(1/2) twice, and of 0; two
    singular values that are alike."""
    features = torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])
    found = Predictions(list("abcd"), torch.tensor([0, 0, 1, 1]), embedding=features)
    scores = Pretraining(SimclrConfig(), Labels(["x", "y"])).score(found)
    return [scores["feature_spread"], scores["effective_rank"]]


def reader(unmentioned: str = "ignore", threshold: float = 0.5) -> Reviews:
    config = TextConfig(loss=TextLossConfig(unmentioned=unmentioned),
                        model=TextModelConfig(mention_threshold=threshold))
    return Reviews(config, Labels(["p", "n", "not mentioned"][: 3 if unmentioned == "class" else 2], ["a", "b"]))


def reviews() -> dict:
    """Said p and p / p and nothing, truth p and nothing / n and n.

    Aspects: 2 hits, 3 said, 3 true. Pairs: 1 hit. Polarity of the three true cells, mentioned or not: p, p and n.
    """
    found = Predictions(["1", "2"], torch.tensor([[0, NOT_MENTIONED], [1, 1]]),
                        logs([0.75, 0.25], [0.75, 0.25], [0.625, 0.375], [0.2, 0.8]).view(2, 2, 2),
                        torch.tensor([[2.0, 0.5], [1.0, -1.0]]))
    scores = reader().score(found)
    return {**{name: scores[name] for name in ("aspect_micro_f1", "pair_micro_f1", "polarity_accuracy")},
            "row": list(reader().rows(found))[3], "worst": reader().mistakes(found)[0][:2]}


def by_class() -> list:
    """Probabilities 0.5 0.2 0.3 and 0.1 0.3 0.6, the last of not being mentioned."""
    found = Predictions(["1"], torch.tensor([[0, 1]]), logs([0.5, 0.2, 0.3], [0.1, 0.3, 0.6]).view(1, 2, 3))
    task = reader("class")
    return [task.sentiments, task.cells(found), task.mention_probabilities(found), task.sentiment_probabilities(found)]


def from_threshold() -> list:
    """Of 0.25 and 0.4 only the latter is mentioned from 0.3 on, and only the sure one from 0.5 on."""
    found = Predictions(["1"], torch.tensor([[0, 0]]), torch.tensor([[[1.0, 0.0], [1.0, 0.0]]]),
                        torch.tensor([[-math.log(3), -math.log(1.5)]]))
    return [reader(threshold=threshold).cells(found) for threshold in (0.2, 0.3, 0.5)]


CLIPS, REVIEWS, PRETRAINING = (f"utils/tasks/{name}.py" for name in ("clips", "reviews", "pretraining"))

ANSWERS = [
    Answer("predict", "utils/prediction.py", predicted,
           [["a", "b", "c"], [1, 2, 3], [[1.0, 1.0], [2.0, 0.0], [3.0, -1.0]], [[-1.0], [-2.0], [-3.0]],
            [[10.0], [20.0], [30.0]], 3, True]),
    Answer("probabilities of predictions", "utils/prediction.py", lambda: Predictions([], TRUTH, SAID).probabilities,
           [[0.5, 0.25, 0.25], [0.125, 0.375, 0.5], [0.25, 0.5, 0.25]]),
    Answer("what is said of clips", CLIPS, clips,
           [0.75, 2 / 3, (2 * math.log(2) + math.log(8 / 3)) / 3, {"x": 1.0, "y": 0.5, "z": None},
            {"clip": "b", "true": "y", "predicted": "z", "p_x": "0.125000", "p_y": "0.375000", "p_z": "0.500000"},
            ["a", "b", "c"]]),
    # 0.571 / (1 + 0.571), 2 x 0.571 / (1 + 2 x 0.571)
    Answer("what neighbours say of a clip", PRETRAINING, neighbours, [["x", 0.36351], ["y", 0.533197]]),
    Answer("how features lie", PRETRAINING, lie, [2 * 0.5**0.5 / 3 * 3**0.5, 2.0]),
    Answer("what is said of reviews", REVIEWS, reviews,
           {"aspect_micro_f1": 2 / 3, "pair_micro_f1": 1 / 3, "polarity_accuracy": 2 / 3,
            "row": {"review": "2", "aspect": "b", "true": "n", "predicted": "", "p_mentioned": "0.268941",
                    "p_p": "0.200000", "p_n": "0.800000"}, "worst": [1, 1]}),
    Answer("what is said of reviews by a class", REVIEWS, by_class,
           [["p", "n"], [[0, NOT_MENTIONED]], [[0.7, 0.4]], [[[5 / 7, 2 / 7], [0.25, 0.75]]]]),
    Answer("from when an aspect is mentioned", REVIEWS, from_threshold,
           [[[0, 0]], [[NOT_MENTIONED, 0]], [[NOT_MENTIONED, NOT_MENTIONED]]]),
    Answer("what the best weights are chosen by", "utils/tasks/__init__.py",
           lambda: [Clips.best_by, Pretraining.best_by, Reviews.best_by], ["uar", "uar", "pair_micro_f1"]),
]
