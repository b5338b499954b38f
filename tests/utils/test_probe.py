import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from utils.probe import knn, linear


def by_hand(features, targets, queries, classes, k, leave_out):
    """The vote, one query at a time."""
    shares = torch.zeros(len(queries), classes)
    for row, query in enumerate(queries):
        similarity = F.cosine_similarity(features.double(), query.double()[None])
        if leave_out:
            similarity[row] = -9
        best = similarity.topk(k)
        weights = (best.values / 0.07).exp()
        for weight, place in zip(weights / weights.sum(), best.indices):
            shares[row, targets[place]] += weight
    return shares


@given(seed=st.integers(0, 999), k=st.integers(1, 30), n=st.integers(2, 25))
@settings(max_examples=40, deadline=None)
def test_knn_is_the_weighed_vote(seed, k, n):
    stream = torch.Generator().manual_seed(seed)
    features, queries = torch.randn(n, 5, generator=stream), torch.randn(4, 5, generator=stream)
    targets = torch.randint(3, (n,), generator=stream)
    commonest = int(targets.bincount().max())
    shares = knn(features, targets, queries, 3, k)
    assert torch.allclose(shares, by_hand(features, targets, queries, 3, min(k, commonest, n), False), atol=1e-5)
    among = knn(features, targets, None, 3, k)
    assert torch.allclose(among, by_hand(features, targets, features, 3, min(k, commonest, n - 1), True), atol=1e-5)


def test_a_clip_has_no_vote_of_its_own():
    features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    assert knn(features, torch.tensor([0, 1, 1]), None, 2, 1).argmax(1).tolist() == [1, 0, 1]


def test_a_clip_by_itself_is_told_nothing():
    assert knn(torch.ones(1, 4), torch.tensor([1]), None, 4).tolist() == [[0.25] * 4]


def test_with_a_label_a_class_one_neighbour_votes():
    """Else all labels would vote, and the votes would tell little apart."""
    assert knn(torch.eye(3), torch.arange(3), torch.eye(3) + 0.2, 3, 20).tolist() == torch.eye(3).tolist()


def test_linear_separates_what_can_be():
    stream = torch.Generator().manual_seed(0)
    centres = torch.eye(4)[[0, 1, 3]]
    targets = torch.arange(3).repeat(20)
    features = centres[targets] + 0.1 * torch.randn(60, 4, generator=stream)
    shares = linear(features, targets, 5 * features, 3)  # the length of a feature says nothing
    assert (shares.argmax(1) == targets).all()
    assert torch.allclose(shares.sum(1), torch.ones(60), atol=1e-5)


def test_a_rare_class_weighs_as_much_as_a_frequent_one():
    stream = torch.Generator().manual_seed(0)
    features = torch.cat([torch.tensor([[1.0, 0.2]]).repeat(200, 1), torch.tensor([[1.0, -0.2]]).repeat(4, 1)])
    features += 0.3 * torch.randn(features.shape, generator=stream)
    targets = torch.tensor([0] * 200 + [1] * 4)
    middle = linear(features, targets, torch.tensor([[1.0, -0.2]]), 2)
    assert middle.argmax() == 1


@pytest.mark.parametrize("labels, absent", [([0, 0, 2, 2], [1, 3]), ([2, 2, 2, 2], [0, 1, 3])])
def test_a_class_without_a_label_is_never_said(labels, absent):
    shares = linear(torch.randn(4, 3), torch.tensor(labels), torch.randn(5, 3), 4)
    assert shares[:, absent].abs().max() == 0 and torch.allclose(shares.sum(1), torch.ones(5), atol=1e-5)
