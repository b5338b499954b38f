import pytest
import torch
from timm.layers import BatchNormAct2d
from torch import nn

from tests.several import together
from utils.distributed import averaged_after, joined, rank, spread, world_size

SHARES = [3, 2]


def network(norm: str) -> nn.Module:
    torch.manual_seed(0)
    if norm == "1d":
        return nn.Sequential(nn.Flatten(), nn.Linear(32, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)).double()
    norms = {"2d": nn.BatchNorm2d(4), "timm": BatchNormAct2d(4), "cumulative": nn.BatchNorm2d(4, momentum=None),
             "plain": nn.BatchNorm2d(4, affine=False, track_running_stats=False)}
    return nn.Sequential(nn.Conv2d(2, 4, 2), norms[norm], nn.Flatten(), nn.Linear(36, 3)).double()


def train(norm: str) -> dict:
    """Two steps of the rows that are this process's, and an evaluation."""
    rows = torch.randn(5, 2, 4, 4, generator=torch.Generator().manual_seed(1)).double()
    shares = SHARES if world_size() > 1 else None
    own = rows.split(SHARES)[rank()] if shares else rows
    model = network(norm)
    parallel, optimizer = spread(model, torch.device("cpu")), torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(2):
        optimizer.zero_grad()
        joined(parallel(own), shares).square().mean().backward()
        optimizer.step()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    return {"gradients": gradients, "state": dict(model.state_dict()), "evaluated": model.eval()(rows).detach()}


@pytest.mark.parametrize("norm", ["1d", "2d", "timm", "cumulative", "plain"])
def test_batch_norms_take_the_statistics_of_all_rows(norm):
    """As torch's and timm's own in one process with all of them."""
    [alone], beside = together(1, train, norm), together(2, train, norm)
    for found in beside:
        assert len(found["gradients"]) == len(alone["gradients"])
        for one, other in zip(alone["gradients"], found["gradients"]):
            assert torch.allclose(one, other, rtol=1e-9, atol=1e-9)
        assert alone["state"].keys() == found["state"].keys()
        for name, value in alone["state"].items():
            assert torch.allclose(value.double(), found["state"][name].double(), rtol=1e-9, atol=1e-9), name
        assert torch.allclose(alone["evaluated"], found["evaluated"], rtol=1e-9, atol=1e-9)


def test_norms_that_see_all_rows_are_left_as_they_are():
    assert together(2, untouched) == [[False, True]] * 2


def untouched() -> list[bool]:
    model = nn.ModuleDict({"tower": network("2d"), "head": network("1d")})
    model["head"].takes_all_rows = True
    spread(model, torch.device("cpu"))
    return [type(model["tower"][1]) is nn.BatchNorm2d, type(model["head"][2]) is nn.BatchNorm1d]


def accumulate(last_only: bool) -> list:
    """The gradient of two backward passes, of a weight with the rank as its gradient in the first, 1 in the second."""
    model = nn.Linear(1, 1, bias=False)
    parallel = spread(model, torch.device("cpu"))
    seen = []
    for number, value in enumerate((rank(), 1.0)):
        with averaged_after(parallel, last=number == 1 or not last_only):
            parallel(torch.tensor([[float(value)]])).sum().backward()
        seen.append(float(model.weight.grad))
    return seen


def test_gradients_are_averaged_in_the_last_backward_pass_of_a_step():
    assert together(2, accumulate, True) == [[0.0, 1.5], [1.0, 1.5]]
    assert together(2, accumulate, False) == [[0.5, 1.5], [0.5, 1.5]]


def weights() -> torch.Tensor:
    model = nn.Linear(2, 2)
    nn.init.constant_(model.weight, float(rank()))
    spread(model, torch.device("cpu"))
    return model.weight.detach().clone()


def test_all_begin_with_the_weights_of_the_first():
    assert all(torch.equal(found, torch.zeros(2, 2)) for found in together(3, weights))


def test_a_single_process_goes_through_the_network_itself():
    model = nn.Linear(1, 1)
    assert spread(model, torch.device("cpu"))
    with averaged_after(model, last=False):
        pass
