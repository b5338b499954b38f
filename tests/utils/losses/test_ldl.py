import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.losses import SemanticLDLLoss, solve_target_temperature, target_distribution, true_class_mass


def slow_targets(texts, temperature):
    def cosine(a, b):
        dot = sum(x * y for x, y in zip(a, b, strict=True))
        return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))

    rows = [[math.exp(cosine(a, b) / temperature) for b in texts] for a in texts]
    return [[value / sum(row) for value in row] for row in rows]


def slow_ldl(logits, target, texts, target_temperature, temperature):
    total = 0.0
    for row, label in zip(logits, target, strict=True):
        exps = [math.exp(x / temperature) for x in row]
        q = slow_targets(texts, target_temperature)[label]
        total += sum(q_k * math.log(q_k / (e / sum(exps))) for q_k, e in zip(q, exps, strict=True))
    return total / len(logits)


def clip_like_texts(classes, dim=64, cosine=0.9, generator=None):
    """Unit rows with pairwise cosines near `cosine`, as the class prompts of CLIP have."""
    shared = torch.randn(1, dim, generator=generator)
    own = torch.randn(classes, dim, generator=generator)
    unit_shared, unit_own = shared / shared.norm(), own / own.norm(dim=1, keepdim=True)
    return math.sqrt(cosine) * unit_shared + math.sqrt(1 - cosine) * unit_own


@settings(max_examples=40)
@given(batch=st.integers(1, 5), classes=st.integers(2, 6), tau_t=st.floats(0.05, 2), tau=st.floats(0.3, 2),
       seed=st.integers(0, 2**31))
def test_equals_the_formula(batch, classes, tau_t, tau, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(batch, classes, generator=generator)
    texts = torch.randn(classes, 5, generator=generator)
    target = torch.randint(classes, (batch,), generator=generator)
    expected = slow_ldl(logits.tolist(), target.tolist(), texts.tolist(), tau_t, tau)
    value = SemanticLDLLoss(tau_t, tau)(logits, target, 3 * texts)  # of any length
    torch.testing.assert_close(value.item(), expected, rtol=1e-3, atol=1e-5)


def test_target_distribution_by_hand():
    texts = torch.tensor([[2.0, 0.0], [0.0, 5.0], [-1.0, 0.0]])  # cosines 1, 0 and -1
    e = math.e
    first = torch.tensor([e, 1, 1 / e]) / (e + 1 + 1 / e)
    second = torch.tensor([1, e, 1]) / (e + 2)
    torch.testing.assert_close(target_distribution(texts, 1.0), torch.stack((first, second, first.flip(0))))
    torch.testing.assert_close(true_class_mass(texts, 1.0), (2 * first[0] + second[1]) / 3)


def test_is_zero_where_the_prediction_is_the_target():
    texts = torch.randn(4, 8)
    logits = 0.5 * target_distribution(texts, 0.2).log()[torch.tensor([3, 1, 1])]
    loss = SemanticLDLLoss(0.2, temperature=0.5)(logits, torch.tensor([3, 1, 1]), texts)
    torch.testing.assert_close(loss, torch.tensor(0.0), atol=1e-6, rtol=0)


def test_trap_targets_not_detached():
    texts, logits = torch.randn(3, 8, requires_grad=True), torch.randn(2, 3, requires_grad=True)
    SemanticLDLLoss()(logits, torch.tensor([0, 2]), texts).backward()
    assert texts.grad is None
    assert logits.grad.abs().sum() > 0


def test_ignored_labels_are_left_out_of_the_mean():
    logits, texts, loss = torch.randn(3, 4), torch.randn(4, 8), SemanticLDLLoss()
    kept = loss(logits[[0, 2]], torch.tensor([1, 3]), texts)
    torch.testing.assert_close(loss(logits, torch.tensor([1, -1, 3]), texts), kept)


@settings(max_examples=30)
@given(classes=st.integers(2, 12), share=st.floats(0.05, 0.98), seed=st.integers(0, 2**31))
def test_solved_temperature_gives_the_mass(classes, share, seed):
    texts = clip_like_texts(classes, generator=torch.Generator().manual_seed(seed))
    mass = 1 / classes + share * (1 - 1 / classes)
    solved = solve_target_temperature(texts, mass)
    assert true_class_mass(texts.double(), solved).item() == pytest.approx(mass, abs=1e-6)


def test_temperature_one_is_flat_on_clip_like_texts_and_the_solved_one_is_not():
    texts = clip_like_texts(7)
    assert true_class_mass(texts, 1.0) < 1 / 7 + 0.02
    solved = solve_target_temperature(texts, 0.7)
    assert solved < 0.1
    assert true_class_mass(texts, solved).item() == pytest.approx(0.7, abs=1e-4)


@pytest.mark.parametrize("texts, mass", [
    (torch.ones(3, 4), 0.7),                                        # all the same
    (torch.tensor([[1.0, 0], [1, 0], [0, 1]]), 0.7),                # two the same: 2/3 at most
    (torch.eye(3), 1 / 3), (torch.eye(3), 1.0), (torch.eye(3), 0.1), (torch.eye(1), 0.7),
    (torch.full((3, 4), float("nan")), 0.7),
])
def test_mass_out_of_reach_is_an_error(texts, mass):
    with pytest.raises(ValueError, match="mass"):
        solve_target_temperature(texts, mass)


def test_target_temperature_is_in_the_state_dict():
    loss, restored = SemanticLDLLoss(0.037), SemanticLDLLoss(0.5)
    restored.load_state_dict(loss.state_dict())
    logits, target, texts = torch.randn(2, 3), torch.tensor([0, 2]), torch.randn(3, 4)
    assert restored(logits, target, texts) == loss(logits, target, texts)


@pytest.mark.parametrize("settings_", [{"target_temperature": 0}, {"temperature": -1.0}])
def test_rejects_temperatures(settings_):
    with pytest.raises(ValueError, match="temperature must be above 0"):
        SemanticLDLLoss(**settings_)


def test_rejects_shapes():
    with pytest.raises(ValueError, match="do not match"):
        SemanticLDLLoss()(torch.randn(2, 3), torch.tensor([0, 1]), torch.randn(4, 8))
