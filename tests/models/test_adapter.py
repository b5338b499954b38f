import pytest
import torch
from torch.nn import functional as F

from models.adapter import Adapter


def test_starts_as_the_identity_and_can_leave_it():
    adapter, x = Adapter(8, 4, 0.0), torch.randn(2, 3, 8)
    assert torch.equal(adapter(x), x)
    adapter(x).square().sum().backward()
    assert adapter.layers[-1].weight.grad.abs().sum() > 0


def test_is_a_residual_bottleneck():
    adapter, x = Adapter(8, 4, 0.0), torch.randn(5, 8)
    norm, down, _, _, up = adapter.layers
    torch.nn.init.normal_(up.weight)
    expected = x + F.linear(F.gelu(down(F.layer_norm(x, (8,)))), up.weight, up.bias)
    assert torch.allclose(adapter(x), expected, atol=1e-6)
    assert down.weight.shape == (2, 8) and norm.weight.shape == (8,)


@pytest.mark.parametrize("ratio, hidden", [(1, 8), (3, 2), (8, 1), (100, 1)])
def test_the_hidden_width_is_never_nought(ratio, hidden):
    assert Adapter(8, ratio, 0.0).layers[1].out_features == hidden
