"""Known answers of the networks' parts: right code has them all, and a changed one is named."""

import pytest
import torch

import models
import models.chunks
import models.known_answers as room
import models.temporal
from models.adapter import Adapter
from models.aspects import AspectAttention, PerAspectLinear
from models.known_answers import parts
from models.towers import FaceCNN, TimmTower
from tests.faults.line import replace_line


def test_all_are_right_and_nothing_is_drawn():
    state = torch.get_rng_state()
    assert room.known_answers() == []
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("target, name, value, wrong", [
    (models.temporal, "sinusoids", lambda length, width, device: torch.zeros(length, width),
     "TemporalTransformer, attention"),
    (parts, "sinusoids", lambda length, width, device: torch.zeros(length, width), "sinusoids"),
    (Adapter, "forward", lambda self, x: self.layers(x), "what starts silent"),
    (AspectAttention, "forward", lambda self, hidden, mask: hidden.mean(dim=1, keepdim=True), "AspectAttention"),
    (PerAspectLinear, "forward", lambda self, x: self.shared(x).expand(-1, 2, -1), "PerAspectLinear"),
    (parts, "mean_per_class", lambda features, per_class: features.unflatten(0, (per_class, -1)).mean(0),
     "mean_per_class"),
    (parts, "_order", lambda words, context, length, position: list(range(length)), "the order of a prompt"),
    (parts, "in_chunks", lambda encoder, inputs, size: encoder(*inputs).detach(), "in_chunks"),
])
def test_a_changed_part_is_named(monkeypatch, target, name, value, wrong):
    monkeypatch.setattr(target, name, value)
    assert wrong in [finding.text.split(" gives ")[0] for finding in room.known_answers()]


@pytest.mark.parametrize("function, old, new, wrong", [
    (Adapter.__init__, "nn.Dropout(dropout)", "nn.Dropout(0.0)", "Adapter's dropout"),
    (models.temporal.TemporalTransformer.__init__, "norm_first=True", "norm_first=False",
     "TemporalTransformer's layers"),
    (models.temporal.TemporalTransformer.__init__, "4 * width, dropout", "4 * width, 0.9",
     "TemporalTransformer's layers"),
    (models.chunks.in_chunks, "use_reentrant=False,", "use_reentrant=False, preserve_rng_state=False,",
     "in_chunks with dropout"),
    (models.build_model, "seed_torch(config.train.seed, INITIAL)", "seed_torch(0, INITIAL)", "build_model's seed"),
    (models.build_model, "seed_torch(config.train.seed, INITIAL)", "pass", "build_model's seed"),
    (FaceCNN.forward, "return self.norm(x)\n", "return self.norm(x) if self.training else x\n", "FaceCNN"),
    (FaceCNN.forward, "self.dropout(x).flatten(1)", "x.mean(dim=(2, 3), keepdim=True).expand_as(x).flatten(1)",
     "FaceCNN"),
    (FaceCNN.forward, "self.stem(images)", "self.stem(images[:, :1].expand_as(images))", "FaceCNN"),
    (FaceCNN.__init__, "ConvNormAct(width, width, 3)", "ConvNormAct(width, width, 3, apply_act=False)", "FaceCNN"),
    (TimmTower.__init__, 'pretrained_cfg["mean"], self.trunk.pretrained_cfg["std"]',
     'pretrained_cfg["std"], self.trunk.pretrained_cfg["mean"]', "TimmTower"),
    (TimmTower.forward, "self.trunk(images)", "self.trunk(images.mean(dim=1, keepdim=True).expand_as(images))",
     "TimmTower"),
])
def test_a_changed_line_is_named(monkeypatch, function, old, new, wrong):
    replace_line(function, old, new, monkeypatch)
    assert wrong in [finding.text.split(" gives ")[0] for finding in room.known_answers()]
