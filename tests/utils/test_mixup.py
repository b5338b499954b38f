import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.mixup import mixup
from utils.structures import Batch


def numbered(size: int, two_streams: bool = True) -> Batch:
    """Clip i's face is all i and its context all 100 + i; its label is 10 + i."""
    face = torch.arange(size, dtype=torch.uint8).view(-1, 1, 1, 1, 1).expand(size, 2, 3, 4, 4)
    return Batch(torch.arange(size) + 10, list(map(str, range(size))), face, face + 100 if two_streams else None)


@settings(deadline=None)
@given(st.integers(2, 12), st.floats(0.05, 5), st.integers(0, 2**31))
def test_labels_and_both_streams_come_from_the_same_partner(size, alpha, seed):
    mixed = mixup(numbered(size), alpha, np.random.default_rng(seed))
    own = torch.arange(size)
    partner = mixed.other_targets - 10  # labels, not positions: a permutation would start from 0
    assert sorted(partner.tolist()) == own.tolist()
    expected = mixed.lam * own + (1 - mixed.lam) * partner
    assert torch.allclose(mixed.face, expected.view(-1, 1, 1, 1, 1).expand(size, 2, 3, 4, 4).float(), atol=1e-4)
    assert torch.allclose(mixed.context, mixed.face + 100, atol=1e-3)
    assert torch.equal(mixed.targets, own + 10)


def test_lam_is_beta_distributed():
    """Beta(a, a) has mean 1/2 and variance 1 / (4 (2a + 1))."""
    stream, batch = np.random.default_rng(0), numbered(2)
    for alpha in (0.2, 2.0):
        lam = np.array([mixup(batch, alpha, stream).lam for _ in range(2000)])
        assert abs(lam.mean() - 0.5) < 0.04
        assert abs(lam.var() - 1 / (4 * (2 * alpha + 1))) < 0.015


def test_alpha_nought_and_single_clips_stay_as_they_are():
    for batch, alpha in ((numbered(4), 0.0), (numbered(1), 1.0)):
        assert mixup(batch, alpha, np.random.default_rng(0)) is batch


def test_one_stream():
    assert mixup(numbered(3, two_streams=False), 1.0, np.random.default_rng(0)).context is None


def test_the_batch_given_is_not_changed():
    batch = numbered(5)
    mixup(batch, 1.0, np.random.default_rng(0))
    assert torch.equal(batch.face, numbered(5).face) and batch.other_targets is None and batch.lam == 1
