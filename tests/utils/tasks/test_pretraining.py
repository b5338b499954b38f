import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, recall_score
from torch.nn import functional as F

from utils.config import SimclrConfig, SimclrDataConfig, SimclrTrainConfig
from utils.prediction import Predictions
from utils.representation import effective_rank, feature_spread
from utils.structures import Batch, Labels, Output
from utils.tasks.pretraining import Pretraining
from utils.views import view_pairs

CLASSES = ["calm", "not, so", "sad"]


def task(neighbours: int = 3, **data) -> Pretraining:
    return Pretraining(SimclrConfig(data=SimclrDataConfig(**data), train=SimclrTrainConfig(neighbours=neighbours)),
                       Labels(CLASSES))


def drawn(seed: int, number: int = 24, width: int = 8) -> Predictions:
    """Features that have something of their class."""
    stream = torch.Generator().manual_seed(seed)
    targets = torch.arange(number) % 3
    features = torch.randn(number, width, generator=stream) + 1.5 * torch.eye(width)[targets]
    return Predictions([f"clip {i}" for i in range(number)], targets, embedding=features)


def votes(predictions: Predictions, neighbours: int) -> torch.Tensor:
    """Shares (N, 3) of the nearest others, one clip at a time."""
    shares = torch.zeros(len(predictions.ids), 3, dtype=torch.float64)
    unit = F.normalize(predictions.embedding.double(), dim=-1)
    for row in range(len(unit)):
        near = sorted(((float(unit[row] @ unit[other]), other) for other in range(len(unit)) if other != row),
                      reverse=True)[:neighbours]
        for cosine, other in near:
            shares[row, predictions.targets[other]] += np.exp(cosine / 0.07)
    return shares / shares.sum(dim=1, keepdim=True)


@given(seed=st.integers(0, 9999), neighbours=st.sampled_from([1, 3, 8]))
@settings(max_examples=15, deadline=None)
def test_scores_are_those_of_the_vote_of_the_other_clips(seed, neighbours):
    predictions = drawn(seed)
    scores = task(neighbours).score(predictions)
    shares = votes(predictions, neighbours)
    said, targets = shares.argmax(dim=1), predictions.targets
    assert scores["war"] == pytest.approx(accuracy_score(targets, said))
    assert scores["uar"] == pytest.approx(recall_score(targets, said, average="macro"))
    # A share of 0 is held at 1e-6, for its logarithm; shares then sum to a little more than 1.
    held = shares.clamp(min=1e-6)
    entropy = -(held / held.sum(dim=1, keepdim=True)).log()[torch.arange(24), targets].mean()
    assert scores["cross_entropy"] == pytest.approx(float(entropy), rel=1e-3, abs=1e-5)
    assert scores["feature_spread"] == float(feature_spread(predictions.embedding))
    assert scores["effective_rank"] == float(effective_rank(predictions.embedding))
    assert scores["clips"] == 24 and scores["baselines"]["majority"]["war"] == pytest.approx(1 / 3)


def test_a_clip_does_not_vote_for_itself():
    """Each is nearest to one of another class."""
    features = torch.tensor([[1, 0], [1, 0.01], [0, 1], [0.01, 1]])
    predictions = Predictions(list("abcd"), torch.tensor([0, 1, 0, 1]), embedding=features)
    assert task(1).score(predictions)["war"] == 0


def collapsed(kind: str) -> torch.Tensor:
    stream = torch.Generator().manual_seed(0)
    if kind == "point":
        return torch.randn(1, 32, generator=stream) + 1e-6 * torch.randn(64, 32, generator=stream)
    if kind == "cloud":  # in all directions, but a small one
        return torch.randn(1, 32, generator=stream) + 1e-3 * torch.randn(64, 32, generator=stream)
    line = torch.randn(2, 32, generator=stream)
    if kind == "line":
        return line[0] + torch.linspace(-1, 1, 64)[:, None] * line[1] * 0.05
    return torch.ones(64, 1) * line[0]


@pytest.mark.parametrize("kind", ["point", "cloud", "line", "constant"])
def test_a_collapse_is_warned_of(kind, caplog):
    features = collapsed(kind)
    with caplog.at_level(logging.INFO, logger="camxuc"):
        scores = task().score(Predictions(list(map(str, range(64))), torch.arange(64) % 3, embedding=features))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    said = caplog.records[0].getMessage()
    assert said.startswith("the features have collapsed: ")
    assert f"{scores['feature_spread']:.3f} of" in said and f"rank {scores['effective_rank']:.1f} of 32;" in said
    assert (scores["feature_spread"] < 0.005) == (kind != "line")
    assert (scores["effective_rank"] < 2) == (kind != "cloud")


@pytest.mark.parametrize("seed", range(3))
def test_healthy_features_are_not(seed, caplog):
    with caplog.at_level(logging.INFO, logger="camxuc"):
        scores = task().score(drawn(seed, 64, 32))
    assert not caplog.records and scores["feature_spread"] > 0.8 and scores["effective_rank"] > 10


def batch(targets: list[int]) -> Batch:
    stream = np.random.default_rng(0)
    face, context = (torch.from_numpy(stream.integers(0, 256, (len(targets), 2, 2, 3, 24, 24), np.uint8))
                     for _ in range(2))
    return Batch(torch.tensor(targets), list(map(str, range(len(targets)))), face, context)


def test_preparing_makes_views_by_the_stream_alone():
    one = task(image_size=16)
    found, again, other, relabelled = (one.prepare(batch(targets), np.random.default_rng(seed)) for targets, seed in (
        ([0, 1, 2], 3), ([0, 1, 2], 3), ([0, 1, 2], 4), ([2, 2, 0], 3)))
    for name in ("face", "context"):
        views = getattr(found, name)
        assert views.shape == (3, 2, 2, 3, 16, 16) and views.dtype == torch.uint8
        assert torch.equal(views, getattr(again, name)) and torch.equal(views, getattr(relabelled, name))
        assert not torch.equal(views, getattr(other, name))
    assert found.targets.tolist() == [0, 1, 2] and found.other_targets is None
    expected = view_pairs(batch([0, 1, 2]), SimclrDataConfig(image_size=16), np.random.default_rng(3))
    assert torch.equal(found.face, expected.face)


def test_preparing_follows_the_recipes_settings():
    still = dict(crop_scale=1, flip=0, colour=0, grey=0, blur=0, image_size=24)
    as_it_was = batch([0, 1])
    assert torch.equal(task(**still).prepare(batch([0, 1]), np.random.default_rng(0)).face, as_it_was.face)
    grey = task(**still | {"grey": 1}).prepare(batch([0, 1]), np.random.default_rng(0)).face
    assert torch.equal(grey[..., 0, :, :], grey[..., 2, :, :]) and not torch.equal(grey, as_it_was.face)


def test_accuracy_is_the_share_of_views_next_to_their_partner():
    """Of the first views the second is nearer to the third clip's; so is its partner. Lengths say nothing."""
    first = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.1]])
    second = torch.tensor([[5.0, 0.1, 0.0], [-1.0, 0.0, 1.0], [0.0, 0.2, 0.1]])
    found = task().accuracy(Output(projection=first, key=second), batch([2, 2, 2]))
    # Nearest: 0-0', 1-2, 2-1 (0.995 against 0.939), 0'-0, 1'-2' (0.316; its own: 0), 2'-2.
    assert float(found) == pytest.approx(3 / 6)


def test_rows_tell_of_the_vote():
    features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    predictions = Predictions(["a b.avi", "c", "d", "e"], torch.tensor([0, 0, 1, 2]), embedding=features)
    rows = list(task(1).rows(predictions))
    assert [(row["clip"], row["true"], row["predicted"]) for row in rows] == [
        ("a b.avi", "calm", "calm"), ("c", "calm", "calm"), ("d", "not, so", "sad"), ("e", "sad", "not, so")]
    assert rows[0].keys() == {"clip", "true", "predicted", "p_calm", "p_not, so", "p_sad"}
    assert rows[2]["p_sad"] == "0.999998" and float(rows[0]["p_calm"]) > 0.9999


def test_the_surest_two_hits_and_errors_of_each_class_are_worth_showing():
    predictions = drawn(0, 60)
    shares = votes(predictions, 7)
    sure, said = shares.max(dim=1)
    expected = 0
    shown = task(7).worth_showing(predictions)
    for label in range(3):
        for right in (True, False):
            places = [i for i in range(60) if predictions.targets[i] == label and (said[i] == label) == right]
            chosen = [i for i in places if f"clip {i}" in shown]
            expected += min(2, len(places))
            assert len(chosen) == min(2, len(places))
            if chosen:
                least = min(float(sure[i]) for i in chosen)
                assert all(float(sure[i]) <= least + 1e-6 for i in places if i not in chosen)
    assert len(shown) == expected


def test_the_line_read_first():
    scores = {"war": 0.5, "uar": 0.4, "macro_f1": 0.3, "clips": 7, "feature_spread": 0.987, "effective_rank": 12.34,
              "baselines": {"majority": {"class": "calm", "war": 0.25, "uar": 1 / 3},
                            "prior": {"war": 0.2, "uar": 0.3}}}
    assert task(5).describe("val", scores) == (
        "val: WAR 0.500  UAR 0.400  macro-F1 0.300  (7 clips; always calm: WAR 0.250, UAR 0.333; drawing from the "
        "priors: WAR 0.200, UAR 0.300)  [5 nearest clips vote; feature spread 0.99, effective rank 12.3]")


def test_what_is_shown_of_an_epoch_is_scored():
    assert task().best_by == "uar" and {*task().columns, "uar"} <= task().score(drawn(0)).keys()
    assert task().columns == ("war", "uar", "feature_spread", "effective_rank")
