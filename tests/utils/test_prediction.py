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
    assert (tally.clips, tally.bad) == (3, {"lost": "empty"})


def test_half_precision_gives_float32_logits():
    predictions = predict(Linear(), [batch([1], "a")], CPU, Tally("test", 1, 0), torch.bfloat16)
    assert predictions.logits.dtype == torch.float32


def test_probabilities_and_cross_entropy():
    predictions = Predictions(["a", "b"], torch.tensor([0, 2]), torch.tensor([[1.0, 2, 3], [0, 0, 5]]))
    assert torch.allclose(predictions.probabilities, F.softmax(predictions.logits, dim=-1))
    expected = -(predictions.probabilities[0, 0].log() + predictions.probabilities[1, 2].log()) / 2
    assert predictions.cross_entropy == pytest.approx(float(expected))


def test_no_clip_at_all():
    with pytest.raises(UserError, match="test: no clip could be read"):
        predict(Linear(), [EMPTY], CPU, Tally("test", 1, 1))
