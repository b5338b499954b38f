import pytest
import torch
from lightly.loss import NTXentLoss as Reference
from torch.nn import functional as F

from utils.config import SimclrConfig, SimclrLossConfig
from utils.objective import build_objective
from utils.representation import alignment, uniformity
from utils.structures import Batch, Labels, Output


def objective(**settings):
    return build_objective(SimclrConfig(loss=SimclrLossConfig(**settings)), {}, Labels(["a", "b"]))


def views(number: int = 6, width: int = 8, seed: int = 0) -> tuple[Output, Batch]:
    stream = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, number, width, generator=stream)
    return (Output(projection=first.requires_grad_(), key=second.requires_grad_()),
            Batch(torch.arange(number) + 10 * seed, list(map(str, range(number)))))


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_simclr_is_lightlys_ntxent_with_its_gradient(temperature):
    output, batch = views()
    report = objective(temperature=temperature)(output, batch, 3.0)
    report.total.backward()
    first, second = (tensor.detach().requires_grad_() for tensor in (output.projection, output.key))
    expected = Reference(temperature)(first, second)
    expected.backward()
    assert float(report.parts["ntxent"]) == pytest.approx(float(expected), abs=1e-5)
    assert report.weights == {"ntxent": 1.0}
    assert torch.allclose(output.projection.grad, first.grad, atol=1e-6)
    assert torch.allclose(output.key.grad, second.grad, atol=1e-6)


def test_moco_contrasts_with_the_queue_of_other_clips():
    """When the same clips come again, a clip's own old key is no negative, and those of the others are."""
    moco = objective(ssl="moco", moco_k=16, moco_t=0.2, projection_width=8).train()
    output, batch = views()
    assert float(moco(output, batch, 0.0).parts["moco"]) == 0  # the queue is empty
    report = moco(output, batch, 1.0)
    query, key = F.normalize(output.projection, dim=-1), F.normalize(output.key, dim=-1)
    similarity = query @ key.T / 0.2  # of the queue's keys those on the diagonal are left out; the positive is there
    expected = (similarity.logsumexp(dim=-1) - similarity.diagonal()).mean()
    assert float(report.parts["moco"]) == pytest.approx(float(expected), abs=1e-5)
    report.total.backward()
    assert output.projection.grad.abs().max() > 0 and output.key.grad is None
    moco.eval()(output, batch, 1.0)
    assert int(moco.terms["moco"].loss.count) == 12


def test_what_is_watched():
    output, batch = views()
    stats = objective()(output, batch, 0.0).stats
    assert float(stats["alignment"]) == pytest.approx(float(alignment(output.projection, output.key)))
    assert float(stats["uniformity"]) == pytest.approx(float(uniformity(output.projection)))
    assert not any(value.requires_grad for value in stats.values())
