import logging
import math

import pytest
import torch
from torch.nn import functional as F

from utils.config import VideoConfig, VideoLossConfig
from utils.errors import UserError
from utils.losses import (
    LSR2,
    DecorrelationLoss,
    MoCoLoss,
    MutualInformationLoss,
    SemanticLDLLoss,
    target_distribution,
    true_class_mass,
)
from utils.objective import build_objective
from utils.structures import Batch, Labels, Output

B, C, D = 6, 4, 8
OFF = dict(use_ldl=False, lambda_mi=0, lambda_dc=0, use_moco=False)


def unit(*shape: int, seed: int) -> torch.Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def texts() -> dict[str, torch.Tensor]:
    """Alike, as CLIP's class texts are: cosines of 0.8 and more."""
    common = unit(1, D, seed=9)
    return {"learned": F.normalize(common + 0.5 * unit(C, D, seed=1), dim=-1),
            "handcrafted": F.normalize(common + 0.3 * unit(C, D, seed=2), dim=-1)}


def output(keys: str = "text", seed: int = 0) -> Output:
    embedding = unit(B, D, seed=seed).requires_grad_()
    learned = texts()["learned"].requires_grad_()
    key = unit(C if keys == "text" else B, D, seed=seed + 50)
    return Output(logits=embedding @ learned.T / 0.1, embedding=embedding, text_features=learned,
                  handcrafted=texts()["handcrafted"], key=key)


def batch(mixed: bool = False) -> Batch:
    targets = torch.tensor([0, 1, 2, 3, 0, 1])
    other = torch.tensor([2, 2, 0, 1, 3, 1]) if mixed else None
    return Batch(targets, list("abcdef"), other_targets=other, lam=0.3 if mixed else 1.0)


def built_from(features: dict[str, torch.Tensor], **settings):
    return build_objective(VideoConfig(loss=VideoLossConfig(**settings)), features, Labels(list("abcd")))


def objective(**settings):
    return built_from(texts(), **OFF | settings)


EVERYTHING = dict(use_ldl=True, lambda_mi=0.2, lambda_dc=0.5, use_moco=True)


@pytest.mark.parametrize("settings, names", [
    ({}, {"cls"}), (dict(use_ldl=True), {"cls", "ldl"}), (dict(use_ldl=True, ldl_warmup=0), {"ldl"}),
    (dict(lambda_mi=0.1), {"cls", "mi"}), (dict(lambda_dc=0.1), {"cls", "dc"}), (dict(use_moco=True), {"cls", "moco"}),
    (EVERYTHING, {"cls", "ldl", "mi", "dc", "moco"}),
])
def test_a_recipe_turns_terms_on_and_off(settings, names):
    assert set(objective(**settings).terms) == names


@pytest.mark.parametrize("epoch, weights", [
    (0, {"cls": 1, "moco": 0.7}),
    (1.5, {"cls": 1, "moco": 0.7, "mi": 0.2 * 0.5 / 4}),
    (2.999, {"cls": 1, "moco": 0.7, "mi": 0.2 * 1.999 / 4}),
    (3, {"ldl": 1, "moco": 0.7, "mi": 0.1}),
    (5, {"ldl": 1, "moco": 0.7, "mi": 0.2}),
    (6, {"ldl": 1, "moco": 0.7, "mi": 0.2, "dc": 0.25}),
    (50, {"ldl": 1, "moco": 0.7, "mi": 0.2, "dc": 0.5}),
])
def test_weights_over_training(epoch, weights):
    built = objective(**EVERYTHING, ldl_warmup=3, mi_warmup=1, mi_ramp=4, dc_warmup=5, dc_ramp=2, lambda_moco=0.7)
    report = built(output(), batch(), epoch)
    assert report.weights == pytest.approx(weights)
    assert set(report.parts) == set(weights)
    assert float(report.total) == pytest.approx(sum(weights[n] * float(report.parts[n]) for n in weights), rel=1e-5)


@pytest.mark.parametrize("features", ["handcrafted", "learned"])
def test_each_term_is_its_loss_on_its_parts_of_the_output(features):
    said, labels = output(), batch().targets
    built = objective(**EVERYTHING, ldl_warmup=0, label_smoothing=0.1, ldl_temperature=0.2, ldl_features=features,
                      mi_ramp=0, dc_ramp=0)
    parts = built(said, batch(), 0).parts
    text = said.handcrafted if features == "handcrafted" else said.text_features
    expected = {"ldl": SemanticLDLLoss(0.2)(said.logits, labels, text),
                "mi": MutualInformationLoss()(said.text_features, said.handcrafted),
                "dc": DecorrelationLoss()(said.embedding),
                "moco": MoCoLoss(D)(said.embedding, said.key[labels], labels)}
    assert {n: float(v) for n, v in parts.items()} == pytest.approx({n: float(v) for n, v in expected.items()})
    cls = objective(label_smoothing=0.1)(said, batch(), 0).parts["cls"]
    assert float(cls) == pytest.approx(float(LSR2(0.1)(said.logits, labels)))


@pytest.mark.parametrize("keys", ["text", "video"])
def test_mixup_blends_every_label_dependent_term(keys):
    built = objective(**EVERYTHING, ldl_warmup=1, moco_keys=keys, moco_k=12, moco_t=0.2, ldl_temperature=0.2)
    queue = MoCoLoss(D, 12, 0.2)
    for seed in (1, 2):  # so that there are negatives
        earlier = output(keys, seed)
        built(earlier, batch(), 0)
        queue.enqueue(earlier.key[batch().targets] if keys == "text" else earlier.key, batch().targets)
    said, mixed = output(keys, 3), batch(mixed=True)

    def blend(value):
        return 0.3 * float(value(mixed.targets)) + 0.7 * float(value(mixed.other_targets))

    def contrast(labels):
        return queue.contrast(said.embedding, said.key[labels] if keys == "text" else said.key, labels)

    expected_moco = blend(contrast)
    early, late = built(said, mixed, 0.5).parts, built(said, mixed, 1).parts
    assert float(early["cls"]) == pytest.approx(blend(lambda labels: LSR2(0.05)(said.logits, labels)))
    assert float(early["moco"]) == pytest.approx(expected_moco)
    assert float(late["ldl"]) == pytest.approx(
        blend(lambda labels: SemanticLDLLoss(0.2)(said.logits, labels, said.handcrafted)))
    assert float(late["mi"]) == pytest.approx(float(MutualInformationLoss()(said.text_features, said.handcrafted)))


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("keys", ["text", "video"])
def test_the_queue_takes_one_batch_a_step(keys, mixed):
    built, said = objective(use_moco=True, moco_keys=keys, moco_k=20), output(keys)
    built(said, batch(mixed), 0)
    queue = built.terms["moco"].loss
    assert (int(queue.count), int(queue.pointer)) == (B, B)
    assert torch.equal(queue.queue_labels[:B], batch().targets)
    assert torch.allclose(queue.queue[:B], said.key[batch().targets] if keys == "text" else said.key)
    built.eval()(said, batch(mixed), 0)
    assert int(queue.count) == B


def test_the_total_has_a_gradient_and_the_parts_have_none():
    said = output()
    said.embedding.retain_grad()
    report = objective(**EVERYTHING, ldl_warmup=0)(said, batch(True), 3)
    assert not any(part.requires_grad for part in report.parts.values())
    report.total.backward()
    assert said.embedding.grad.abs().sum() > 0 and said.text_features.grad.abs().sum() > 0


@pytest.mark.parametrize("features", ["handcrafted", "learned"])
def test_auto_temperature_gives_the_target_mass_and_says_so(caplog, features):
    with caplog.at_level(logging.INFO, "camxuc"):
        built = objective(use_ldl=True, ldl_target_mass=0.7, ldl_features=features)
    temperature = float(built.terms["ldl"].loss.target_temperature)
    assert float(true_class_mass(texts()[features], temperature)) == pytest.approx(0.7, abs=1e-3)
    targets = target_distribution(texts()[features], temperature)
    entropy = -(targets * targets.log()).sum(-1).mean()
    assert caplog.messages == [f"LDL targets: temperature {temperature:.4g}, true-class mass 0.700, "
                               f"entropy {entropy:.3f} nats (uniform: {math.log(C):.3f})"]


def test_auto_temperature_that_cannot_be_had():
    same = {name: value[:1].repeat(C, 1) for name, value in texts().items()}
    with pytest.raises(UserError, match="--ldl-temperature auto: no temperature gives"):
        built_from(same)
    with pytest.raises(UserError, match="--ldl-temperature auto: target_mass must be in"):
        objective(use_ldl=True, ldl_target_mass=0.2)


def test_state_goes_on_in_another_objective():
    first, second = (objective(**EVERYTHING, moco_k=16, dc_rows=4, ldl_warmup=0, ldl_temperature=t) for t in (0.3, 0.1))
    for seed in range(3):
        first(output(seed=seed), batch(), 1)
    second.load_state_dict(first.state_dict())
    said = output(seed=7)
    assert float(second(said, batch(), 9).total) == pytest.approx(float(first(said, batch(), 9).total), rel=1e-6)
    queue, ldl = second.terms["moco"].loss, second.terms["ldl"].loss
    assert int(queue.count) == 16 and float(ldl.target_temperature) == pytest.approx(0.3)
