import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.chunks import in_chunks
from utils.losses import NTXentLoss


class TwoInputs(nn.Module):
    """An encoder with no batch norm: what it makes of a row depends on that row alone."""

    def __init__(self, dropout: float = 0.0):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.LayerNorm(16), nn.Dropout(dropout),
                                    nn.Linear(16, 5))

    def forward(self, first, second):
        return self.layers(torch.cat([first, second], dim=-1))


def gradients(encoder: nn.Module, inputs: list, size: int) -> tuple[float, list[torch.Tensor]]:
    """NT-Xent over all rows, and what it asks of the encoder."""
    encoder.zero_grad()
    z = in_chunks(encoder, inputs, size)
    loss = NTXentLoss(0.2)(*z.chunk(2))
    loss.backward()
    return float(loss.detach()), [parameter.grad.clone() for parameter in encoder.parameters()]


@given(pairs=st.integers(1, 9), size=st.integers(1, 20), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_the_gradient_is_that_of_the_one_large_batch(pairs, size, seed):
    torch.manual_seed(seed)
    encoder, inputs = TwoInputs(), [torch.randn(2 * pairs, 4), torch.randn(2 * pairs, 2)]
    loss, plain = gradients(encoder, inputs, 0)
    cached_loss, cached = gradients(encoder, inputs, size)
    assert cached_loss == pytest.approx(loss, abs=1e-5)
    for ours, theirs in zip(cached, plain):
        assert torch.allclose(ours, theirs, atol=1e-5, rtol=1e-5)


def test_chunks_that_do_not_know_each_other_have_another_gradient():
    """What accumulation would do, which leaves out the negatives of other chunks: the test above can tell."""
    torch.manual_seed(0)
    encoder, rows = TwoInputs(), [torch.randn(8, 4), torch.randn(8, 2)]
    _, plain = gradients(encoder, rows, 0)
    encoder.zero_grad()
    for part in (slice(0, 2), slice(2, 4)):  # pairs 0-1 and 2-3
        pairs = [torch.cat([row[:4][part], row[4:][part]]) for row in rows]
        (NTXentLoss(0.2)(*encoder(*pairs).chunk(2)) / 2).backward()
    assert not all(torch.allclose(p.grad, theirs, atol=1e-3) for p, theirs in zip(encoder.parameters(), plain))


def saved_bytes(encoder: nn.Module, inputs: list, size: int) -> int:
    """What a forward pass leaves for the backward pass, beside the weights and the inputs."""
    known = {tensor.data_ptr() for tensor in [*encoder.parameters(), *inputs]}
    found = {}

    def note(tensor):
        if tensor.untyped_storage().data_ptr() not in {*known}:
            found[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        in_chunks(encoder, inputs, size)
    return sum(found.values())


def test_no_activation_outlives_the_forward_pass_of_a_chunk():
    inputs = [torch.randn(64, 4), torch.randn(64, 2)]
    assert saved_bytes(TwoInputs(), inputs, 8) == 0 < saved_bytes(TwoInputs(), inputs, 0)


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3, momentum=0.5)

    def forward(self, x):
        return self.norm(x)


def test_running_statistics_take_each_chunk_in_once():
    torch.manual_seed(0)
    encoder, rows = Normed(), torch.randn(6, 3)
    in_chunks(encoder, [rows], 3).square().sum().backward()
    expected = 0.5 * (0.5 * rows[:3].mean(0)) + 0.5 * rows[3:].mean(0)  # from 0, at momentum 0.5
    assert torch.allclose(encoder.norm.running_mean, expected, atol=1e-6)
    assert encoder.norm.momentum == 0.5


def test_dropout_is_drawn_again_alike():
    """The gradient by the recomputed activations is that by those of the forward pass."""
    encoder, inputs = TwoInputs(0.5), [torch.randn(6, 4), torch.randn(6, 2)]
    torch.manual_seed(1)
    in_chunks(encoder, inputs, 2).square().sum().backward()
    cached = [parameter.grad.clone() for parameter in encoder.parameters()]
    encoder.zero_grad()
    torch.manual_seed(1)
    torch.cat([encoder(*chunk) for chunk in zip(*(rows.split(2) for rows in inputs))]).square().sum().backward()
    for ours, theirs in zip(cached, encoder.parameters()):
        assert torch.allclose(ours, theirs.grad, atol=1e-6)
    assert any(grad.abs().max() > 0 for grad in cached)


def test_without_gradients_chunks_are_just_joined():
    encoder, inputs = TwoInputs(), [torch.randn(5, 4), torch.randn(5, 2)]
    with torch.no_grad():
        assert torch.equal(in_chunks(encoder, inputs, 2), torch.cat([encoder(*(r[i:i + 2] for r in inputs))
                                                                     for i in (0, 2, 4)]))
