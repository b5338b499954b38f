import pytest
import torch
from timm.optim import Lars
from torch import nn

from utils import checkpoint
from utils.config import SimclrTrainConfig, TextTrainConfig, VideoTrainConfig
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
    lars = build_optimizer(SimclrTrainConfig(optimizer="lars", lr=1.0), {"": groups()[""]})
    assert isinstance(lars, Lars) and all(g["momentum"] == 0.9 and not g["nesterov"] for g in lars.param_groups)


def lars_layer(**settings) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A layer of weights (3, 4), of norm 5, and bias 1, with LARS at a rate of 0.5."""
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 4.0]]))
        layer.bias.fill_(1)
    config = SimclrTrainConfig(optimizer="lars", lr=0.5, **settings)
    return layer, build_optimizer(config, {"": list(layer.named_parameters())})


def step(layer: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """By gradients (0, 2) of the weights and 2 of the bias."""
    layer.weight.grad, layer.bias.grad = torch.tensor([[0.0, 2.0]]), torch.tensor([2.0])
    optimizer.step()


def test_sgd_begins_with_momenta_of_nought_and_steps_as_torch_does():
    """Of none, the fused kernel would leave what lay in memory where its first step is left out."""
    theirs, ours = nn.Linear(3, 2), nn.Linear(3, 2)
    ours.load_state_dict(theirs.state_dict())
    sgd = build_optimizer(VideoTrainConfig(optimizer="sgd", lr=0.1, weight_decay=0.0),
                          {"": list(ours.named_parameters())})
    plain = torch.optim.SGD(theirs.parameters(), 0.1, momentum=0.9, nesterov=True)
    assert all(bool((sgd.state[p]["momentum_buffer"] == 0).all()) for p in ours.parameters())
    x = torch.randn(4, 3)
    for step in range(3):
        for network, optimizer in ((ours, sgd), (theirs, plain)):
            optimizer.zero_grad()
            network(x).square().sum().backward()
        sgd.found_inf = torch.tensor(float(step == 0))
        sgd.step()
        if step:
            plain.step()
    assert all(torch.allclose(one, other) for one, other in zip(ours.parameters(), theirs.parameters()))


def test_lars_adapts_the_step_of_weights_and_leaves_biases_to_sgd():
    layer, optimizer = lars_layer(weight_decay=0.1)
    step(layer, optimizer)
    # The ratio is 0.001 * 5 / (2 + 0.1 * 5) = 0.002, of the decayed gradient (0.3, 2.4).
    assert layer.weight[0].tolist() == pytest.approx([3 - 0.5 * 0.002 * 0.3, 4 - 0.5 * 0.002 * 2.4], abs=1e-6)
    assert layer.bias.item() == pytest.approx(1 - 0.5 * 2)
    step(layer, optimizer)
    assert layer.bias.item() == pytest.approx(0 - 0.5 * (0.9 * 2 + 2))


def test_lars_adapts_without_weight_decay_too():
    layer, optimizer = lars_layer(weight_decay=0)
    step(layer, optimizer)
    assert layer.weight[0].tolist() == pytest.approx([3, 4 - 0.5 * (0.001 * 5 / 2) * 2], abs=1e-6)
    assert layer.bias.item() == pytest.approx(0)


def test_lars_is_no_matter_of_the_gradients_size():
    steps = []
    for factor in (1, 100):
        layer, optimizer = lars_layer(weight_decay=0)
        layer.weight.grad = factor * torch.tensor([[1.0, -2.0]])
        optimizer.step()
        steps.append(layer.weight.detach())
    assert torch.allclose(*steps, atol=1e-6) and not torch.equal(steps[0], torch.tensor([[3.0, 4.0]]))


def test_lars_goes_on_with_its_momentum(tmp_path):
    whole, optimizer = lars_layer(weight_decay=0.1)
    step(whole, optimizer)
    checkpoint.save({"model": whole.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "last.pt")
    step(whole, optimizer)
    state = checkpoint.load(tmp_path / "last.pt")
    resumed, optimizer = lars_layer(weight_decay=0.1)
    resumed.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    step(resumed, optimizer)
    assert torch.equal(resumed.weight, whole.weight) and torch.equal(resumed.bias, whole.bias)


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
