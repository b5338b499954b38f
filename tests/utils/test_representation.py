import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from utils.representation import alignment, contrastive_accuracy, effective_rank, feature_spread, uniformity


def test_alignment_by_hand():
    first = torch.tensor([[1.0, 0.0], [0.0, 5.0]])
    second = torch.tensor([[3.0, 0.0], [2.0, 0.0]])  # the first pair agrees, the second is at a right angle
    assert float(alignment(first, second)) == pytest.approx((0 + 2) / 2)


def test_uniformity_by_hand():
    features = torch.tensor([[1.0, 0.0], [-2.0, 0.0], [0.0, 1.0]])  # squared distances 4, 2 and 2
    assert float(uniformity(features)) == pytest.approx(math.log((math.exp(-8) + 2 * math.exp(-4)) / 3), abs=1e-5)
    assert float(uniformity(features[:1])) == 0
    assert float(uniformity(features[:1].repeat(3, 1))) == pytest.approx(0, abs=1e-5)


def test_contrastive_accuracy_by_hand():
    first = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    second = torch.tensor([[1.0, 0.1, 0.0], [0.0, 0.1, 1.0], [0.0, 0.2, 1.0]])
    # Rows 0 find each other. Of pair 1, the first finds neither of its own, the second the third's first; pair 2:
    # its first is nearest the second of pair 1, and its second too.
    similarity = F.normalize(torch.cat([first, second])) @ F.normalize(torch.cat([first, second])).T
    nearest = similarity.fill_diagonal_(-9).argmax(1).tolist()
    expected = sum(nearest[row] == (row + 3) % 6 for row in range(6)) / 6
    assert expected == 2 / 6
    assert float(contrastive_accuracy(first, second)) == pytest.approx(expected)


@given(seed=st.integers(0, 99), views=st.integers(2, 12))
@settings(max_examples=20, deadline=None)
def test_views_that_agree_always_find_each_other(seed, views):
    features = torch.randn(views, 8, generator=torch.Generator().manual_seed(seed))
    assert float(contrastive_accuracy(features, 3 * features)) == 1
    assert float(contrastive_accuracy(features, features.roll(1, 0))) == 0


def test_spread_and_rank_of_features_on_the_axes():
    """D orthogonal pairs, +e and -e: as even as can be."""
    axes = torch.cat([torch.eye(8), -torch.eye(8)]) * 7
    assert float(feature_spread(axes)) == pytest.approx(1)
    assert float(effective_rank(axes)) == pytest.approx(8, abs=1e-4)


def test_spread_and_rank_of_collapsed_features():
    constant = torch.ones(10, 8) * torch.arange(1, 11)[:, None]  # of one direction, whatever the length
    assert float(feature_spread(constant)) == pytest.approx(0, abs=1e-6)
    assert float(effective_rank(constant)) == 0
    line = torch.cat([torch.eye(8)[:1].repeat(5, 1), -torch.eye(8)[:1].repeat(5, 1)])
    assert float(effective_rank(line)) == pytest.approx(1, abs=1e-4)


def test_rank_against_the_definition():
    features = torch.randn(40, 6, generator=torch.Generator().manual_seed(3)) * torch.tensor([5.0, 3, 2, 1, 1, 0.1])
    unit = F.normalize(features, dim=-1)
    values = torch.linalg.svdvals((unit - unit.mean(0)).double())
    share = values / values.sum()
    assert float(effective_rank(features)) == pytest.approx(float(torch.exp(-(share * share.log()).sum())), abs=1e-4)


def test_the_measures_do_not_overflow_in_half_precision():
    features = torch.randn(30, 16).half() * 100
    for value in (alignment(features, features), uniformity(features), feature_spread(features),
                  effective_rank(features), contrastive_accuracy(features, features)):
        assert torch.isfinite(value)
