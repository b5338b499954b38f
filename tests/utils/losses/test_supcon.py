import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_metric_learning.losses import SupConLoss as ReferenceSupCon

from utils.losses import SupConLoss
from utils.losses.supcon import label_agreement


def jaccard(first, second):
    pairs = [{(aspect, s) for aspect, s in enumerate(row) if s != -1} for row in (first, second)]
    union = pairs[0] | pairs[1]
    return len(pairs[0] & pairs[1]) / len(union) if union else 0.0


def slow_supcon(features, labels, temperature):
    """From lists (B, D) unit vectors and (B, A)."""
    anchors, size = [], len(features)
    for i in range(size):
        others = [j for j in range(size) if j != i]
        dot = {j: sum(a * b for a, b in zip(features[i], features[j], strict=True)) for j in others}
        score = {j: dot[j] / temperature for j in others}
        weight = {j: jaccard(labels[i], labels[j]) for j in others}
        if sum(weight.values()) > 0:
            log_sum = math.log(sum(math.exp(s) for s in score.values()))
            total = sum(weight[j] * (score[j] - log_sum) for j in others)
            anchors.append(-total / sum(weight.values()))
    return sum(anchors) / max(len(anchors), 1)


def draw(seed, batch, aspects, sentiments, dim=6):
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.randn(batch, dim, generator=generator)
    return embeddings, torch.randint(-1, sentiments, (batch, aspects), generator=generator)


@settings(max_examples=50)
@given(batch=st.integers(1, 8), aspects=st.integers(1, 5), temperature=st.floats(0.05, 2),
       seed=st.integers(0, 2**31))
def test_equals_the_formula_with_aspect_labels(batch, aspects, temperature, seed):
    embeddings, labels = draw(seed, batch, aspects, 2)
    unit = (embeddings / embeddings.norm(dim=1, keepdim=True)).tolist()
    value = SupConLoss(temperature)(embeddings, labels).item()
    assert value == pytest.approx(slow_supcon(unit, labels.tolist(), temperature), rel=1e-4, abs=1e-4)
    assert value >= 0


@settings(max_examples=20)
@given(batch=st.integers(2, 16), classes=st.integers(2, 5), temperature=st.floats(0.05, 1),
       seed=st.integers(0, 2**31))
def test_value_and_gradient_equal_pytorch_metric_learning(batch, classes, temperature, seed):
    generator = torch.Generator().manual_seed(seed)
    ours = torch.randn(batch, 8, generator=generator, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    labels = torch.randint(classes, (batch,), generator=generator)
    labels[:2] = torch.tensor([0, 1])  # theirs returns 0 for a batch without a negative
    value, reference = SupConLoss(temperature)(ours, labels), ReferenceSupCon(temperature)(theirs, labels)
    value.backward()
    reference.backward()
    torch.testing.assert_close(value, reference, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-4)


def test_agreement_by_hand():
    labels = torch.tensor([[0, 1, -1], [0, 2, -1], [0, 1, 1], [-1, -1, -1], [-1, -1, -1]])
    #   pairs: {a0, b1}, {a0, b2}, {a0, b1, c1}, nothing, nothing
    expected = torch.zeros(5, 5)
    expected[0, 1] = expected[1, 0] = 1 / 3
    expected[0, 2] = expected[2, 0] = 2 / 3
    expected[1, 2] = expected[2, 1] = 1 / 4
    torch.testing.assert_close(label_agreement(labels), expected)


def test_unlabelled_samples_are_negatives_and_no_anchors():
    embeddings = torch.randn(4, 5)
    features = (embeddings / embeddings.norm(dim=1, keepdim=True)).tolist()
    expected = slow_supcon(features, [[0], [0], [-1], [-1]], 0.1)
    value = SupConLoss()(embeddings, torch.tensor([0, 0, -1, -1]))
    assert value.item() == pytest.approx(expected, rel=1e-4)


def test_trap_raw_exp_in_half_precision():
    """exp(1 / 0.1) is 22026 and two of them pass the largest fp16 number."""
    embeddings = torch.randn(1, 8).half().repeat(6, 1).requires_grad_()
    loss = SupConLoss(0.1)(embeddings, torch.tensor([0, 0, 0, 1, 1, 1]))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(5), rel=1e-3)  # all others alike
    assert loss.dtype == torch.float32 and embeddings.grad.isfinite().all()
    assert SupConLoss(0.001)(embeddings, torch.tensor([0, 0, 0, 1, 1, 1])).isfinite()


@pytest.mark.parametrize("batch", [2, 3, 8])
@pytest.mark.parametrize("same_embedding", [True, False])
@pytest.mark.parametrize("aspects", [0, 3])
def test_trap_negative_on_identical_labels(batch, same_embedding, aspects):
    """Positives belong in the denominator: with B - 1 of them alike the loss is log(B - 1), never below 0."""
    embeddings = torch.randn(1, 4).expand(batch, 4) if same_embedding else torch.randn(batch, 4)
    labels = torch.ones((batch, aspects) if aspects else (batch,), dtype=torch.long)
    value = SupConLoss()(embeddings, labels).item()
    assert value >= math.log(batch - 1) - 1e-5
    if same_embedding:
        assert value == pytest.approx(math.log(batch - 1), abs=1e-5)


@pytest.mark.parametrize("labels", [[3], [-1]])
def test_trap_batch_of_one_is_a_constant_without_gradient(labels):
    embeddings = torch.randn(1, 4, requires_grad=True)
    loss = SupConLoss()(embeddings, torch.tensor(labels))
    loss.backward()
    assert loss == 0 and (embeddings.grad == 0).all()


def test_gradient_by_finite_differences():
    embeddings, labels = draw(7, 5, 3, 2)
    embeddings = embeddings.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: SupConLoss(0.2)(x, labels), embeddings)


def test_the_length_of_embeddings_does_not_matter():
    embeddings, labels = torch.randn(6, 4), torch.randint(2, (6,))
    scaled = embeddings * torch.rand(6, 1).add(0.1).mul(100)
    torch.testing.assert_close(SupConLoss()(scaled, labels), SupConLoss()(embeddings, labels))


def test_rejects_temperature_and_shapes():
    with pytest.raises(ValueError, match="temperature"):
        SupConLoss(0)
    for labels in (torch.zeros(3), torch.zeros(2, 1, 1)):
        with pytest.raises(ValueError, match="do not match"):
            SupConLoss()(torch.randn(2, 4), labels)


def test_base_weight_by_hand():
    """Three reviews at right angles but for the first two, which are alike; agreements of 1/3, 0 and 0."""
    embeddings = torch.tensor([[1.0, 0], [1, 0], [0, 1]])
    labels = torch.tensor([[0, 1], [0, 2], [-1, -1]])
    near, far = -math.log(math.e / (math.e + 1)), -math.log(1 / (math.e + 1))  # -log softmax at temperature 1
    first = (0.6 * near + 0.4 * far) / (0.6 + 0.4)  # weights 0.4 + 0.6 / 3 and 0.4
    third = math.log(2)
    value = SupConLoss(1.0, base_weight=0.4)(embeddings, labels).item()
    assert value == pytest.approx((2 * first + third) / 3, rel=1e-5)
    assert SupConLoss(1.0)(embeddings, labels).item() == pytest.approx(near, rel=1e-5)


@settings(max_examples=20)
@given(batch=st.integers(2, 8), aspects=st.integers(1, 4), seed=st.integers(0, 2**31))
def test_base_weight_of_one_makes_every_other_review_a_positive(batch, aspects, seed):
    embeddings, labels = draw(seed, batch, aspects, 2)
    alike = torch.zeros(batch, dtype=torch.long)
    torch.testing.assert_close(SupConLoss(0.3, base_weight=1)(embeddings, labels), SupConLoss(0.3)(embeddings, alike))


@settings(max_examples=20)
@given(batch=st.integers(2, 6), aspects=st.integers(1, 4), base=st.just(0.0) | st.floats(0.01, 1),
       seed=st.integers(0, 2**31))
def test_base_weight_equals_the_formula(batch, aspects, base, seed):
    embeddings, labels = draw(seed, batch, aspects, 2)
    log_prob = (F.normalize(embeddings) @ F.normalize(embeddings).T / 0.5).fill_diagonal_(-math.inf).log_softmax(-1)
    anchors = []
    for i, row in enumerate(labels.tolist()):
        weights = [(j, base + (1 - base) * jaccard(row, labels[j].tolist())) for j in range(batch) if j != i]
        if total := sum(weight for _, weight in weights):
            anchors.append(-sum(weight * log_prob[i, j].item() for j, weight in weights) / total)
    expected = sum(anchors) / max(len(anchors), 1)
    assert SupConLoss(0.5, base)(embeddings, labels).item() == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_base_weight_of_a_batch_of_one():
    embeddings = torch.randn(1, 4, requires_grad=True)
    loss = SupConLoss(base_weight=0.5)(embeddings, torch.tensor([[0, 1]]))
    loss.backward()
    assert loss == 0 and (embeddings.grad == 0).all()


@pytest.mark.parametrize("base", [-0.1, 1.1])
def test_rejects_base_weight(base):
    with pytest.raises(ValueError, match="base_weight"):
        SupConLoss(base_weight=base)
