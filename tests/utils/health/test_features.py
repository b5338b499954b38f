import pytest
import torch
from torch.nn import functional as F

from tests.utils.health.parts import close, names, parts, reborn, step
from utils.health.features import ClassTexts, Embeddings
from utils.prediction import Predictions
from utils.structures import Output


def look(features, logits=None) -> tuple[list[str], dict]:
    watch, row = Embeddings(parts()), {}
    watch.evaluated("val", Predictions([str(i) for i in range(len(features))], torch.zeros(len(features)),
                                       logits, embedding=features))
    watch = reborn(watch)
    return names(close(watch, row=row)), row


def test_spread_by_hand():
    """Two unit features at right angles: each of two channels has a s.d. of 1/2; the third does not change."""
    found, row = look(torch.tensor([[3.0, 0, 0], [0, 2.0, 0]]))
    assert found == [] and row == pytest.approx({"health_spread": 0.5**0.5, "health_dead_channels": 1 / 3})


@pytest.mark.parametrize("spread, found", [(3e-4, []), (5e-5, ["constant-features"])])
def test_features_that_are_all_alike(spread, found):
    assert look(torch.tensor([[1.0, spread], [1.0, -spread]]))[0] == found


@pytest.mark.parametrize("off, found", [(1e-3, []), (1e-5, ["constant-features"])])
def test_answers_that_are_all_alike(off, found):
    assert look(torch.eye(2), torch.tensor([[1.0, -1.0], [1.0 + off, -1.0]]))[0] == found


@pytest.mark.parametrize("dead, found", [(2, []), (3, ["dead-features"])])
def test_dead_channels(dead, found):
    features = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    features[:, 4 - dead :] = 0
    assert look(features)[0] == found


def test_one_sample_or_another_split_says_nothing():
    watch = Embeddings(parts())
    watch.evaluated("val", Predictions(["a"], torch.zeros(1), embedding=torch.ones(1, 2)))
    watch.evaluated("test", Predictions(["a", "b"], torch.zeros(2), embedding=torch.ones(2, 2)))
    assert close(watch) == []


def texts(distance: float) -> torch.Tensor:
    """x and y are that far apart, z is at right angles to both."""
    angle = torch.tensor(2.0, dtype=torch.float64).mul(torch.asin(torch.tensor(distance / 2, dtype=torch.float64)))
    return torch.stack([torch.tensor([1.0, 0, 0]).double(),
                        torch.stack([angle.cos(), angle.sin(), torch.zeros_like(angle)]),
                        torch.tensor([0, 0, 1.0]).double()]).float()


@pytest.mark.parametrize("first, last, found", [(0.5, 0.011, []), (0.5, 0.009, ["class-texts-collapsed"]),
                                                (0.01, 0.001, []), (2e-6, 2e-6, ["class-texts-collapsed"])])
def test_class_texts_that_fall_together(first, last, found):
    """To a fiftieth of what they were at first."""
    watch, row = ClassTexts(parts()), {}
    for distance in (first, last):
        watch.forward(step(output=Output(text_features=texts(distance))))
        watch = reborn(watch)
    findings = close(watch, row=row)
    assert names(findings) == found and [finding.example for finding in findings] == ["x, y"] * len(found)
    unit = F.normalize(texts(last), dim=-1)
    assert row["health_text_cosine"] == pytest.approx(float((unit @ unit.T).sum() - 3) / 6, abs=1e-5)
    assert close(watch) == []
