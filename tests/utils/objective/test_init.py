"""The sum of terms, with terms of our own."""

import pytest
import torch
from torch import nn

from utils.config import CONFIGS, TextConfig, VideoConfig
from utils.objective import TERMS, LossReport, Objective, build_objective
from utils.objective.term import Term
from utils.structures import Batch, Labels, Output

BATCH = Batch(torch.tensor([0, 1]), ["a", "b"])


class Scaled(Term):
    """Mean of the logits, times what the loss makes of them."""

    def forward(self, output: Output, batch: Batch) -> torch.Tensor:
        return self.loss(output.logits).mean()


class Watched(Scaled):
    def stats(self, output: Output, batch: Batch) -> dict[str, torch.Tensor]:
        return {"largest": output.logits.max()}


def objective() -> Objective:
    return Objective({"first": Scaled(nn.Identity(), lambda epoch: 2.0),
                      "late": Watched(nn.ReLU(), lambda epoch: max(epoch - 1, 0))})


def output() -> Output:
    return Output(logits=torch.tensor([[-1.0, 4]], requires_grad=True))


def test_terms_at_weight_nought_are_not_run():
    report = objective()(output(), BATCH, epoch=1)
    assert (report.total.item(), {n: float(v) for n, v in report.parts.items()}) == (3.0, {"first": 1.5})
    assert (report.weights, report.stats) == ({"first": 2.0}, {})


def test_the_total_is_the_weighted_sum_and_the_parts_are_not_weighted():
    said = output()
    report = objective()(said, BATCH, epoch=1.5)
    assert {n: float(v) for n, v in report.parts.items()} == {"first": 1.5, "late": 2.0}
    assert report.weights == {"first": 2.0, "late": 0.5} and report.total.item() == 2 * 1.5 + 0.5 * 2
    assert report.stats["largest"].item() == 4
    report.total.backward()
    assert said.logits.grad.tolist() == [[1.0, 1.25]] and not report.parts["late"].requires_grad


def test_what_is_metered_has_its_names_of_the_history():
    report = LossReport(torch.tensor(3.0), {"cls": torch.tensor(1.0)}, {"cls": 0.5}, {"ghm_g_max": torch.tensor(0.9)})
    assert {name: float(value) for name, value in report.metered().items()} == pytest.approx(
        {"loss": 3, "loss_cls": 1, "weight_cls": 0.5, "ghm_g_max": 0.9})
    assert LossReport(torch.tensor(0.0), {}, {}).metered() == {"loss": torch.tensor(0.0)}


def test_every_task_has_terms():
    assert set(TERMS) == set(CONFIGS)


@pytest.mark.parametrize("config", [VideoConfig(), TextConfig()], ids=["video", "text"])
def test_terms_are_made_of_the_recipes_loss_settings_the_features_and_the_labels(monkeypatch, config):
    made, features, labels = [], {"learned": torch.zeros(1)}, Labels(["a"])

    def make(*given):
        made.append(given)
        return Scaled(nn.Identity(), lambda epoch: 1.0)

    terms = {"has": (lambda loss: loss is config.loss, make), "has not": (lambda loss: False, None)}
    monkeypatch.setitem(TERMS, config.model.model, terms)
    assert list(build_objective(config, features, labels).terms) == ["has"]
    assert made == [(config.loss, features, labels)]
