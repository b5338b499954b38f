"""The text task's terms against the loss core, called directly."""

import logging
import math

import pytest
import torch
from torch.nn import functional as F

from utils.config import TextConfig, TextLossConfig
from utils.errors import UserError
from utils.losses import FocalLoss, GHMCLoss, SupConLoss, UnifiedFocalLoss, inverse_frequency_alpha
from utils.objective import LossReport, build_objective
from utils.structures import NO_POLARITY, NOT_MENTIONED, Batch, Labels, Output

B, A, CLASSES, COUNTS = 5, 3, ["Negative", "Neutral", "Positive"], [60, 15, 25]
ABSENT, BARE = NOT_MENTIONED, NO_POLARITY
TARGETS = torch.tensor([[0, ABSENT, 2], [1, BARE, 2], [ABSENT] * 3, [BARE, 0, ABSENT], [0, 1, 2]])
IGNORED = TARGETS.clamp(min=-1)  # both kinds of cells without a sentiment


def labels(classes=CLASSES, counts=COUNTS) -> Labels:
    return Labels(classes, list("xyz"), [], counts)


def objective(labels: Labels = labels(), **settings):
    return build_objective(TextConfig(loss=TextLossConfig(**settings)), {}, labels)


def output(classes: int = 3, seed: int = 0) -> Output:
    stream = torch.Generator().manual_seed(seed)
    logits, mention, projection = (torch.randn(*shape, generator=stream) for shape in ((B, A, classes), (B, A), (B, 4)))
    return Output(logits=logits.requires_grad_(), mention=mention.requires_grad_(),
                  projection=F.normalize(projection, dim=-1).requires_grad_())


def batch(targets: torch.Tensor = TARGETS) -> Batch:
    return Batch(targets, list("abcde")[: len(targets)])


def parts(report: LossReport) -> dict[str, float]:
    return {name: float(value) for name, value in report.parts.items()}


@pytest.mark.parametrize("settings, names", [
    ({}, ["cls", "con", "mention"]),
    (dict(contrastive_weight=0), ["cls", "mention"]),
    (dict(classification_weight=0), ["con", "mention"]),
    (dict(unmentioned="neutral"), ["cls", "con"]),
    (dict(unmentioned="class"), ["cls", "con"]),
])
def test_a_recipe_turns_terms_on_and_off(settings, names):
    assert list(objective(**settings).terms) == names


@pytest.mark.parametrize("epoch", [0, 7.5])
def test_the_total_is_the_weighted_sum(epoch):
    report = objective(classification_weight=0.7, contrastive_weight=0.2, mention_weight=1.5)(output(), batch(), epoch)
    assert report.weights == {"cls": 0.7, "con": 0.2, "mention": 1.5}
    found = parts(report)
    assert float(report.total) == pytest.approx(0.7 * found["cls"] + 0.2 * found["con"] + 1.5 * found["mention"])


LOSSES = {
    "focal": (dict(focal_gamma=1.5), lambda: FocalLoss(inverse_frequency_alpha(COUNTS), 1.5)),
    "focal without alpha": (dict(focal_alpha=None), lambda: FocalLoss(None, 2.0)),
    "focal with alpha": (dict(focal_alpha=(1.0, 2.0, 4.0)), lambda: FocalLoss([1.0, 2.0, 4.0], 2.0)),
    "ghm": (dict(loss_type="ghm", ghm_bins=4, ghm_momentum=0.5), lambda: GHMCLoss(4, 0.5)),
    "unified": (dict(loss_type="unified", unified_weight=0.3, unified_delta=0.7, unified_gamma=0.2),
                lambda: UnifiedFocalLoss(0.3, 0.7, 0.2)),
    "unified, rare": (dict(loss_type="unified", unified_rare=("Positive", "Neutral")),
                      lambda: UnifiedFocalLoss(0.5, 0.6, 0.5, True, [2, 1])),
}


@pytest.mark.parametrize("settings, loss", LOSSES.values(), ids=LOSSES)
def test_the_classification_loss_is_that_of_the_loss_core(settings, loss):
    built, expected = objective(**settings), loss()
    for seed in (0, 1):  # GHM-C remembers
        said = output(seed=seed)
        assert parts(built(said, batch(), 0))["cls"] == pytest.approx(float(expected(said.logits, IGNORED)), rel=1e-5)


def test_ce_is_cross_entropy():
    said = output()
    expected = F.cross_entropy(said.logits.flatten(0, 1), IGNORED.flatten(), ignore_index=-1)
    assert parts(objective(loss_type="ce")(said, batch(), 0))["cls"] == pytest.approx(float(expected))


@pytest.mark.parametrize("unmentioned, classes, number", [
    ("ignore", CLASSES, -1), ("neutral", CLASSES, 1), ("class", [*CLASSES, "not mentioned"], 3)])
def test_what_is_not_mentioned_counts_as_it_is_told(unmentioned, classes, number):
    """And what is mentioned without a polarity never counts."""
    said = output(len(classes))
    built = objective(labels(classes, [9] * len(classes)), unmentioned=unmentioned, loss_type="ce")
    cells = torch.where(TARGETS == ABSENT, torch.tensor(number), TARGETS).masked_fill(TARGETS == BARE, -1)
    expected = F.cross_entropy(said.logits.flatten(0, 1), cells.flatten(), ignore_index=-1)
    assert parts(built(said, batch(), 0))["cls"] == pytest.approx(float(expected))


def test_no_neutral_sentiment():
    with pytest.raises(UserError, match="--unmentioned neutral: no sentiment is called Neutral"):
        objective(labels(["a", "b"], [1, 1]), unmentioned="neutral")


@pytest.mark.parametrize("base", [0.0, 0.4])
def test_contrast_is_supcon_over_the_reviews_labels(base):
    said = output()
    built = objective(contrastive_temperature=0.3, contrastive_base_weight=base)
    expected = SupConLoss(0.3, base)(said.projection, TARGETS)
    assert parts(built(said, batch(), 0))["con"] == pytest.approx(float(expected)) and float(expected) > 0


def test_mention_is_binary_cross_entropy_over_every_cell():
    """A cell without a polarity is mentioned."""
    said = output()
    terms = [math.log1p(math.exp(-x if target != ABSENT else x))
             for x, target in zip(said.mention.flatten().tolist(), TARGETS.flatten().tolist())]
    assert parts(objective()(said, batch(), 0))["mention"] == pytest.approx(sum(terms) / len(terms))


def test_mention_is_float32_for_half_precision_logits():
    said = output()
    said.mention = said.mention.detach().half()
    expected = F.binary_cross_entropy_with_logits(said.mention.float(), (TARGETS != ABSENT).float())
    found = objective()(said, batch(), 0).parts["mention"]
    assert found.dtype == torch.float32 and float(found) == pytest.approx(float(expected))


# ---------------------------------------------------------------- focal's alpha

def test_auto_alpha_is_the_inverse_frequency_and_says_so(caplog):
    with caplog.at_level(logging.INFO, "camxuc"):
        built = objective()
    assert torch.equal(built.terms["cls"].loss.alpha, inverse_frequency_alpha(COUNTS))
    assert caplog.messages == ["focal alpha, over the cells trained on: Negative 60 (60.0%): 0.5556; "  # 100 / 180
                               "Neutral 15 (15.0%): 2.2222; Positive 25 (25.0%): 1.3333"]


def test_a_given_alpha_is_told_beside_the_counts(caplog):
    with caplog.at_level(logging.INFO, "camxuc"):
        built = objective(focal_alpha=(1.0, 0.5, 0.25))
    assert built.terms["cls"].loss.alpha.tolist() == [1, 0.5, 0.25]
    assert caplog.messages[0].endswith("Neutral 15 (15.0%): 0.5000; Positive 25 (25.0%): 0.2500")


@pytest.mark.parametrize("settings", [dict(focal_alpha=None), dict(loss_type="ghm"), dict(loss_type="ce")])
def test_without_alpha_nothing_is_told(caplog, settings):
    with caplog.at_level(logging.INFO, "camxuc"):
        built = objective(labels(counts=[1, 0, 0]), **settings)
    assert caplog.messages == [] and getattr(built.terms["cls"].loss, "alpha", None) is None


@pytest.mark.parametrize("alpha", [(1.0, 2.0), (1.0, 2.0, 3.0, 4.0), ()])
def test_alpha_of_the_wrong_length(alpha):
    with pytest.raises(UserError, match=f"^--focal-alpha: {len(alpha)} weights for 3 sentiments, Negative, Neutral, "):
        objective(focal_alpha=alpha)


def test_auto_alpha_of_a_sentiment_that_never_occurs():
    with pytest.raises(UserError, match="--focal-alpha auto: .*without samples: Neutral, Positive; leave it out of "
                                        "--sentiments, or give the weights"):
        objective(labels(counts=[4, 0, 0]))


def test_a_rare_sentiment_that_does_not_exist():
    with pytest.raises(UserError, match="--unified-rare Cross, Glad: not a sentiment; there are Negative, Neu"):
        objective(loss_type="unified", unified_rare=("Cross", "Positive", "Glad"))


# ---------------------------------------------------------------- figures to watch

def test_ghm_tells_its_gradient_norms():
    """Logits of log odds make p_y 0.9, 0.6 and 0.1: norms of 0.1, 0.4 and 0.9 in bins of a quarter."""
    log_odds = torch.tensor([0.9, 0.6, 0.1, 0.5]).logit()
    said = Output(logits=torch.stack([log_odds, torch.zeros(4)], dim=-1).view(2, 2, 2), mention=torch.zeros(2, 2),
                  projection=torch.eye(2))
    built = objective(labels(["a", "b"], [1, 1]), loss_type="ghm", ghm_bins=4)
    report = built(said, batch(torch.tensor([[0, 0], [0, ABSENT]])), 0)
    expected = {"min": 0.1, "mean": 1.4 / 3, "max": 0.9, "bin_00": 1 / 3, "bin_01": 1 / 3, "bin_02": 0, "bin_03": 1 / 3}
    assert {name: float(value) for name, value in report.stats.items()} == pytest.approx(
        {f"ghm_g_{name}": value for name, value in expected.items()}, abs=1e-6)
    assert set(report.metered()) >= {"loss", "loss_cls", "weight_cls", "ghm_g_mean", "ghm_g_bin_03"}


@pytest.mark.parametrize("loss_type", ["focal", "unified", "ce"])
def test_other_losses_have_no_figures(loss_type):
    assert objective(loss_type=loss_type)(output(), batch(), 0).stats == {}


# ---------------------------------------------------------------- gradients

@pytest.mark.parametrize("loss_type", ["focal", "ghm", "unified", "ce"])
@pytest.mark.parametrize("targets", [[[ABSENT] * 3] * 5, [[BARE] * 3] * 5], ids=["not mentioned", "no polarity"])
def test_a_batch_without_any_sentiment_is_finite(loss_type, targets):
    said = output()
    report = objective(loss_type=loss_type)(said, batch(torch.tensor(targets)), 0)
    report.total.backward()
    assert parts(report)["cls"] == 0 and report.total.isfinite()
    assert (said.logits.grad == 0).all() and said.mention.grad.isfinite().all() and said.mention.grad.any()
    assert all(torch.as_tensor(value).isfinite().all() for value in report.metered().values())


def test_every_part_of_the_output_learns():
    said = output()
    objective()(said, batch(), 0).total.backward()
    for name in ("logits", "mention", "projection"):
        assert getattr(said, name).grad.abs().sum() > 0, name
    assert (said.logits.grad[2] == 0).all()  # the review that mentions nothing


def test_state_goes_on_in_another_objective():
    first, second = (objective(loss_type="ghm") for _ in range(2))
    first(output(), batch(), 0)
    second.load_state_dict(first.state_dict())
    said = output(seed=4)
    assert float(second(said, batch(), 1).total) == pytest.approx(float(first(said, batch(), 1).total))
    assert second.terms["cls"].loss.updates.any()
