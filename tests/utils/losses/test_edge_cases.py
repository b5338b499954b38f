"""Every loss under every condition that a training run can meet: a finite value with a finite gradient."""

import pytest
import torch

from tests.waiting import Waiting
from utils.losses import (
    LSR2,
    DecorrelationLoss,
    FocalLoss,
    GHMCLoss,
    MoCoLoss,
    MutualInformationLoss,
    NTXentLoss,
    SemanticLDLLoss,
    SupConLoss,
    UnifiedFocalLoss,
)

CLASSES, DIM, ASPECTS = 5, 8, 4


def classify(loss):
    return lambda case: (loss(), (case.logits(), case.labels()))


def classify_aspects(loss):
    return lambda case: (loss(), (case.logits(ASPECTS), case.labels(ASPECTS)))


def classify_by_text(loss):
    return lambda case: (loss(), (case.logits(), case.labels(), torch.randn(CLASSES, DIM)))


def contrast(loss):
    return lambda case: (loss(), (case.features(), case.labels()))


def filled_moco():
    loss = MoCoLoss(DIM, queue_size=6)
    loss.enqueue(torch.randn(4, DIM), torch.arange(4))
    return loss


def filled_decorrelation():
    loss = DecorrelationLoss(rows=6, dim=DIM)
    loss(torch.randn(4, DIM))
    return loss


# name -> function of a case: the loss and its arguments, of which the first must get a gradient
LOSSES = {
    "LSR2": classify(LSR2),
    "LSR2 without smoothing": classify(lambda: LSR2(0)),
    "SemanticLDL": classify_by_text(SemanticLDLLoss),
    "SemanticLDL, cold": classify_by_text(lambda: SemanticLDLLoss(target_temperature=1e-3)),
    "Focal": classify(lambda: FocalLoss([1.0, 2, 3, 4, 5])),
    "Focal, fractional gamma": classify(lambda: FocalLoss(gamma=0.5)),
    "Focal, sum": classify(lambda: FocalLoss(reduction="sum")),
    "Focal of aspects": classify_aspects(FocalLoss),
    "GHMC": classify(GHMCLoss),
    "GHMC of aspects": classify_aspects(GHMCLoss),
    "GHMC in eval mode": classify(lambda: GHMCLoss().eval()),
    "UnifiedFocal": classify(UnifiedFocalLoss),
    "UnifiedFocal of aspects": classify_aspects(UnifiedFocalLoss),
    "UnifiedFocal, asymmetric": classify(lambda: UnifiedFocalLoss(gamma=0.2, asymmetric=True, rare=[1, 4])),
    "SupCon": contrast(SupConLoss),
    "SupCon of aspects": lambda case: (SupConLoss(), (case.features(), case.labels(ASPECTS))),
    "NTXent": lambda case: (NTXentLoss(), (case.features(), case.features())),
    "MutualInformation": lambda case: (MutualInformationLoss(), (case.features(), case.features())),
    "Decorrelation": lambda case: (DecorrelationLoss(), (case.features(),)),
    "Decorrelation with rows": lambda case: (filled_decorrelation(), (case.features(),)),
    "MoCo": lambda case: (filled_moco(), (case.features(), case.features(), case.labels())),
    "MoCo, empty queue": lambda case: (MoCoLoss(DIM, 6), (case.features(), case.features(), case.labels())),
}


class Case:
    """A batch of 6 with labels -1 to 3 (class 4 is absent), to be bent by the conditions."""

    batch, dtype, autocast = 6, torch.float32, None

    def labels(self, *shape):
        labels = torch.arange(self.batch).view(-1, *[1] * len(shape)).expand(self.batch, *shape)
        return labels % (CLASSES - 1) - (labels == 2).long() * 3

    def logits(self, *shape):
        return torch.randn(self.batch, *shape, CLASSES).to(self.dtype).requires_grad_()

    def features(self):
        return torch.randn(self.batch, DIM).to(self.dtype).requires_grad_()


class BatchOfOne(Case):
    batch = 1


class OneClass(Case):
    def labels(self, *shape):
        return torch.full((self.batch, *shape), 2)


class AllIgnored(Case):
    def labels(self, *shape):
        return torch.full((self.batch, *shape), -1)


class EachItsOwnClass(Case):
    batch = CLASSES

    def labels(self, *shape):
        return torch.arange(CLASSES).view(-1, *[1] * len(shape)).expand(CLASSES, *shape)


class Half(Case):
    dtype = torch.float16


class HalfAtItsLimits(Half):
    def logits(self, *shape):
        return (super().logits(*shape).detach().sign() * 6e4).requires_grad_()

    def features(self):
        return (super().features().detach().sign() * 6e4).requires_grad_()


class BFloat(Case):
    dtype = torch.bfloat16


class Autocast(Case):
    autocast = torch.bfloat16


class Perfect(Case):
    sign = 1

    def logits(self, *shape):
        hot = torch.nn.functional.one_hot(self.labels(*shape).clamp(min=0), CLASSES)
        return (self.sign * 1e4 * hot).float().requires_grad_()

    def features(self):
        return torch.eye(DIM)[self.labels()].requires_grad_()


class PerfectlyWrong(Perfect):
    sign = -1


class IdenticalFeatures(Case):
    def features(self):
        return torch.ones(self.batch, DIM).requires_grad_()


class ZeroFeatures(Half):
    def features(self):
        return torch.zeros(self.batch, DIM, dtype=self.dtype).requires_grad_()

    def logits(self, *shape):
        return torch.zeros(self.batch, *shape, CLASSES, dtype=self.dtype).requires_grad_()


CASES = [Case, BatchOfOne, OneClass, AllIgnored, EachItsOwnClass, Half, HalfAtItsLimits, BFloat, Autocast,
         Perfect, PerfectlyWrong, IdenticalFeatures, ZeroFeatures]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
@pytest.mark.parametrize("name", LOSSES)
def test_survives(name, case):
    loss, inputs = LOSSES[name](case())
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=case.autocast is not None):
        value = loss(*inputs)
    value.backward()
    assert value.dtype == torch.float32 and value.shape == ()
    assert value.isfinite() and value >= -1e-6
    assert inputs[0].grad is not None and inputs[0].grad.isfinite().all()
    for state in loss.buffers():
        assert state.isfinite().all()
    if case is AllIgnored and any(not x.is_floating_point() for x in inputs):
        assert value == 0 and (inputs[0].grad == 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_autocast_changes_nothing(name):
    torch.manual_seed(0)
    loss, inputs = LOSSES[name](Case())
    torch.manual_seed(0)
    same_loss, _ = LOSSES[name](Case())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(*inputs)
    assert value == same_loss(*inputs)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_is_rounded_once_at_the_input(name, dtype):
    """Computed inside at full precision: the value is that of the rounded inputs in float32."""
    torch.manual_seed(1)
    loss, inputs = LOSSES[name](Case())
    torch.manual_seed(1)
    same_loss, _ = LOSSES[name](Case())
    halves = [x.detach().to(dtype) if x.is_floating_point() else x for x in inputs]
    assert loss(*halves) == same_loss(*(x.float() if x.is_floating_point() else x for x in halves))


@pytest.mark.parametrize("name", LOSSES)
def test_forward_never_waits_for_the_device(name):
    loss, inputs = LOSSES[name](Case())
    with Waiting() as waiting:
        loss(*inputs)
    assert waiting.places == []
