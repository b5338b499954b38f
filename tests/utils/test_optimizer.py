import pytest
import torch
from torch import nn

from utils.config import TextTrainConfig, VideoTrainConfig
from utils.errors import UserError
from utils.optimizer import build_optimizer, depth_factors


def groups() -> dict:
    layers = {name: nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2)) for name in ("image_encoder", "adapter", "")}
    context = nn.Parameter(torch.zeros(4, 2, 3))
    return {name: list(layer.named_parameters()) for name, layer in layers.items()} | {
        "prompt_learner": [("context", context)]}


RATES = VideoTrainConfig(lr=1.0, lr_image_encoder=0.1, lr_adapter=0.01, lr_prompt_learner=0.001, weight_decay=0.3)


def test_each_group_has_its_own_rate_and_only_matrices_decay():
    optimizer = build_optimizer(RATES, groups())
    found = {(g["name"], g["weight_decay"]): (g["lr"], g["full_lr"], [tuple(p.shape) for p in g["params"]])
             for g in optimizer.param_groups}
    bias_and_norm = [(2,), (2,), (2,)]
    assert found == {
        ("image_encoder", 0.3): (0.1, 0.1, [(2, 3)]), ("image_encoder", 0.0): (0.1, 0.1, bias_and_norm),
        ("adapter", 0.3): (0.01, 0.01, [(2, 3)]), ("adapter", 0.0): (0.01, 0.01, bias_and_norm),
        ("rest", 0.3): (1.0, 1.0, [(2, 3)]), ("rest", 0.0): (1.0, 1.0, bias_and_norm),
        ("prompt_learner", 0.0): (0.001, 0.001, [(4, 2, 3)]),
    }


def test_rate_nought_freezes():
    parts = groups()
    config = VideoTrainConfig(lr_adapter=0, lr_prompt_learner=0)
    optimizer = build_optimizer(config, parts)
    assert {g["name"] for g in optimizer.param_groups} == {"image_encoder", "rest"}
    learns = {name: {p.requires_grad for _, p in parameters} for name, parameters in parts.items()}
    assert learns == {"image_encoder": {True}, "": {True}, "adapter": {False}, "prompt_learner": {False}}


def test_all_frozen_is_an_error():
    config = VideoTrainConfig(lr=0, lr_image_encoder=0, lr_adapter=0, lr_prompt_learner=0)
    with pytest.raises(UserError, match="every learning rate is 0"):
        build_optimizer(config, groups())


def test_kinds():
    sgd = build_optimizer(VideoTrainConfig(optimizer="sgd"), groups())
    assert isinstance(sgd, torch.optim.SGD)
    assert all(g["momentum"] == 0.9 and g["nesterov"] for g in sgd.param_groups)
    assert isinstance(build_optimizer(VideoTrainConfig(), groups()), torch.optim.AdamW)


def test_an_encoders_lower_layers_learn_slower():
    names = ["encoder.embeddings.word.weight", "encoder.encoder.layer.0.a.weight", "encoder.encoder.layer.0.a.bias",
             "encoder.encoder.layer.11.a.weight", "encoder.norm.weight"]
    factors = [0.5**12, 0.5**11, 0.5**11, 1.0, 1.0]
    assert depth_factors(names, 0.5) == factors and depth_factors(names, 1.0) == [1.0] * 5
    assert depth_factors(["head.weight"], 0.5) == [1.0] and depth_factors([], 0.5) == []
    parameters = [nn.Parameter(torch.zeros(2, 2) if name.endswith("weight") else torch.zeros(2)) for name in names]
    config = TextTrainConfig(lr_encoder=0.8, layer_decay=0.5)
    optimizer = build_optimizer(config, {"encoder": list(zip(names, parameters))})
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert [rates[id(p)] for p in parameters] == pytest.approx([0.8 * factor for factor in factors])
    assert all(group["lr"] == group["full_lr"] and group["name"] == "encoder" for group in optimizer.param_groups)
    assert optimizer.param_groups[-1]["lr"] == 0.8  # what the history shows
