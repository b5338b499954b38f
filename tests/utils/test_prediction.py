import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from utils.errors import UserError
from utils.prediction import Predictions, predict
from utils.structures import Batch, Output
from utils.tally import Tally

CPU = torch.device("cpu")


class Linear(nn.Module):
    """Logits from the frames' mean; dropout shows whether it is in eval mode."""

    def __init__(self):
        super().__init__()
        self.layer, self.dropout = nn.Linear(3, 4), nn.Dropout(0.5)

    def forward(self, batch: Batch) -> Output:
        return Output(logits=self.layer(self.dropout(batch.face.float().mean(dim=(1, 3, 4)))))


def batch(labels: list[int], names: str) -> Batch:
    return Batch(torch.tensor(labels), list(names), torch.rand(len(labels), 2, 3, 4, 4))


EMPTY = Batch(torch.empty(0, dtype=torch.int64), [], bad=[("lost", "empty")])


@pytest.mark.parametrize("training", [True, False])
def test_every_clip_in_order_in_eval_mode_and_the_mode_comes_back(training):
    model = Linear().train(training)
    batches = [batch([3, 1], "ab"), EMPTY, batch([0], "c")]
    tally = Tally("test", 4, 0.5)
    predictions = predict(model, batches, CPU, tally)
    assert model.training is training
    assert predictions.ids == ["a", "b", "c"] and predictions.targets.tolist() == [3, 1, 0]
    frames = torch.cat([batches[0].face, batches[2].face]).mean(dim=(1, 3, 4))
    assert torch.allclose(predictions.logits, model.layer(frames), atol=1e-6)
    assert not predictions.logits.requires_grad
    assert (tally.seen, tally.bad) == (3, {"lost": "empty"})


def test_half_precision_gives_float32_logits():
    predictions = predict(Linear(), [batch([1], "a")], CPU, Tally("test", 1, 0), torch.bfloat16)
    assert predictions.logits.dtype == torch.float32


def test_probabilities_and_cross_entropy():
    predictions = Predictions(["a", "b"], torch.tensor([0, 2]), torch.tensor([[1.0, 2, 3], [0, 0, 5]]))
    assert torch.allclose(predictions.probabilities, F.softmax(predictions.logits, dim=-1))
    expected = -(predictions.probabilities[0, 0].log() + predictions.probabilities[1, 2].log()) / 2
    assert predictions.cross_entropy == pytest.approx(float(expected))


class Reader(nn.Module):
    """Of reviews: what it says of a cell is told by the tokens."""

    def forward(self, batch: Batch) -> Output:
        tokens = batch.tokens.float()  # (B, A)
        return Output(logits=torch.stack([tokens, -tokens], dim=-1), mention=tokens + 10, embedding=tokens[:, :1] * 3)


def reviews(tokens: list[list[int]], names: str) -> Batch:
    tokens = torch.tensor(tokens)
    return Batch(tokens % 2, list(names), tokens=tokens, mask=torch.ones_like(tokens))


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_mentions_and_embeddings_are_kept_beside_the_logits(dtype):
    batches = [reviews([[1, 2], [3, 4]], "ab"), EMPTY, reviews([[5, 6]], "c")]
    predictions = predict(Reader(), batches, CPU, Tally("test", 4, 0.5), dtype)
    assert predictions.ids == ["a", "b", "c"] and predictions.targets.tolist() == [[1, 0], [1, 0], [1, 0]]
    assert predictions.logits.tolist() == [[[1, -1], [2, -2]], [[3, -3], [4, -4]], [[5, -5], [6, -6]]]
    assert predictions.mention.tolist() == [[11, 12], [13, 14], [15, 16]]
    assert predictions.embedding.tolist() == [[3], [9], [15]]


def test_what_a_network_does_not_say_is_none():
    predictions = predict(Linear(), [batch([1], "a")], CPU, Tally("test", 1, 0))
    assert predictions.mention is None and predictions.embedding is None


class Encoder(nn.Module):
    """Features and nothing else, as of a network that has seen no label."""

    def forward(self, batch: Batch) -> Output:
        return Output(embedding=1 / batch.face.float().mean(dim=(1, 3, 4)))


def test_features_without_logits():
    batches = [batch([3, 1], "ab"), EMPTY, batch([0], "c")]
    predictions = predict(Encoder(), batches, CPU, Tally("val", 4, 0.5))
    assert predictions.logits is None and predictions.mention is None
    assert predictions.ids == ["a", "b", "c"] and predictions.targets.tolist() == [3, 1, 0]
    frames = torch.cat([batches[0].face, batches[2].face]).mean(dim=(1, 3, 4))
    assert torch.allclose(predictions.embedding, 1 / frames)


def test_features_that_are_not_finite_are_an_error():
    bad = batch([2, 0], "cd")
    bad.face[1, :, 0] = 0
    with pytest.raises(UserError, match="^val: the network's output is not finite, among c, d; its weights"):
        predict(Encoder(), [batch([3, 1], "ab"), bad], CPU, Tally("val", 4, 0.5))


def test_cross_entropy_of_reviews_is_over_the_cells_that_have_a_class():
    """-1 is not mentioned, -2 is mentioned without a polarity."""
    logits = torch.tensor([[[0.0, 1], [2, 0]], [[5, 5], [0, 3]]])
    predictions = Predictions(["a", "b"], torch.tensor([[0, -1], [-2, 1]]), logits)
    expected = (math.log(1 + math.e) + math.log(1 + math.exp(-3))) / 2
    assert predictions.cross_entropy == pytest.approx(expected)


def test_no_clip_at_all():
    with pytest.raises(UserError, match="test: nothing could be read"):
        predict(Linear(), [EMPTY], CPU, Tally("test", 1, 1))


def test_cross_entropy_of_no_cell_at_all_is_0():
    assert Predictions(["a"], torch.tensor([[-1, -2]]), torch.randn(1, 2, 3)).cross_entropy == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_output_that_is_not_finite_is_an_error(bad):
    model = Linear()
    with torch.no_grad():
        model.layer.bias.fill_(bad)
    with pytest.raises(UserError, match="test: the network's output is not finite, among a, b"):
        predict(model, [batch([3, 1], "ab")], CPU, Tally("test", 2, 0.5))
