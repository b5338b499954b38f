import pytest
import torch
from torch import nn
from torch.nn import functional as F

from models.clip import load_clip
from models.simclr import SimCLR, projection_head
from utils.config import SimclrModelConfig
from utils.losses import NTXentLoss
from utils.structures import Batch


@pytest.fixture
def make(micro):
    def make(name: str = "micro", two: bool = True, momentum: float | None = None, **settings) -> SimCLR:
        torch.manual_seed(0)
        config = SimclrModelConfig(**dict(temporal_heads=4, head_width=24, dropout=0.0) | settings)
        return SimCLR(load_clip(name, "none", 32), config, 16, two, momentum)

    return make


def pairs(number: int = 4, frames: int = 2, two: bool = True, seed: int = 0) -> Batch:
    stream = torch.Generator().manual_seed(seed)
    face, context = torch.randint(256, (2, number, 2, frames, 3, 32, 32), generator=stream).byte()
    return Batch(torch.arange(number), list(map(str, range(number))), face, context if two else None)


def alone(batch: Batch, view: int) -> list[torch.Tensor]:
    return [stream[:, view] for stream in (batch.face, batch.context) if stream is not None]


@pytest.mark.parametrize("layers", [2, 3])
def test_the_heads_layers(layers):
    head = projection_head(10, 7, 5, layers)
    shapes = [(layer.in_features, layer.out_features) for layer in head if isinstance(layer, nn.Linear)]
    assert shapes == [(10, 7), *[(7, 7)] * (layers - 2), (7, 5)]
    assert sum(isinstance(layer, nn.BatchNorm1d) for layer in head) == layers - 1
    assert head(torch.randn(3, 10)).shape == (3, 5)


@pytest.mark.parametrize("two", [True, False])
def test_simclr_projects_both_views_by_one_encoder(make, two):
    model, batch = make(two=two).train(), pairs(two=two)
    output = model(batch)
    features = torch.cat([model.video(*alone(batch, view)) for view in range(2)])  # no batch norm in this tower
    first, second = model.head(features).chunk(2)
    assert torch.allclose(output.projection, first, atol=1e-5) and torch.allclose(output.key, second, atol=1e-5)
    assert output.projection.requires_grad and output.key.requires_grad and output.logits is None


def test_in_evaluation_it_gives_the_encoders_features(make):
    model, batch = make().eval(), pairs()
    whole = Batch(batch.targets, batch.ids, batch.face[:, 0], batch.context[:, 0])
    output = model(whole)
    assert torch.equal(output.embedding, model.video(whole.face, whole.context))
    assert output.embedding.shape == (4, 32) and output.projection is None


def test_moco_encodes_second_views_by_the_key_side(make):
    model, batch = make(momentum=0.9).train(), pairs()
    with torch.no_grad():
        for parameter in [*model.video.parameters(), *model.head.parameters()]:
            parameter.add_(torch.randn_like(parameter) * 0.05)
    output = model(batch)
    video, head = model.key_side
    assert torch.allclose(output.key, head(video(*alone(batch, 1))), atol=1e-5)
    assert torch.allclose(output.projection, model.head(model.video(*alone(batch, 0))), atol=1e-5)
    assert not output.key.requires_grad and output.projection.requires_grad
    assert not torch.allclose(output.key, model.head(model.video(*alone(batch, 1))), atol=1e-3)


def test_the_key_side_follows_and_can_be_made_to_meet(make):
    model = make(momentum=0.75)
    before = [p.clone() for p in model.key_side.parameters()]
    with torch.no_grad():
        for parameter in [*model.video.parameters(), *model.head.parameters()]:
            parameter.add_(1)
    model.after_step()
    for ours, then in zip(model.key_side.parameters(), before):
        assert torch.allclose(ours, then + 0.25, atol=1e-6)
    model.meet_keys()
    for ours, theirs in zip(model.key_side[0].parameters(), model.video.parameters()):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("momentum", [None, 0.9])
def test_only_what_learns_is_in_the_groups(make, momentum):
    model = make(momentum=momentum)
    names = [name for name, _ in model.parameter_groups()[""]]
    assert names and all(name.startswith(("video.", "head.")) for name in names)
    assert {name.split(".")[0] for name in names} == {"video", "head"}


@pytest.mark.parametrize("momentum", [None, 0.9])
@pytest.mark.parametrize("size", [1, 3])
def test_a_chunked_batch_has_the_plain_batchs_gradient(make, size, momentum):
    """The head's batch norms included: they see all rows."""
    def gradients(chunk: int) -> list[torch.Tensor]:
        model = make(chunk_size=chunk, momentum=momentum).train()
        output = model(pairs(6))
        NTXentLoss(0.5)(output.projection, output.key).backward()
        return [parameter.grad for _, parameter in model.parameter_groups()[""] if parameter.grad is not None]

    plain, cached = gradients(0), gradients(size)
    assert len(plain) == len(cached) > 20
    for ours, theirs in zip(cached, plain):
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_any_tower_of_timm():
    torch.manual_seed(0)
    model = SimCLR(load_clip("timm/resnet10t", "none", 64), SimclrModelConfig(temporal_heads=4), 16, two_streams=False)
    batch = pairs(3, 1, two=False)
    big = Batch(batch.targets, batch.ids, F.interpolate(batch.face.flatten(0, 2).float(), 64).view(3, 2, 1, 3, 64, 64))
    output = model.train()(big)
    NTXentLoss()(output.projection, output.key).backward()
    assert output.projection.shape == (3, 16)
    assert model.video.visual.trunk.conv1[0].weight.grad.abs().max() > 0


def test_a_row_by_itself_is_normed_with_the_running_statistics(make):
    """As MoCo's last batch, with one clip, would be; the next batch has its own statistics again."""
    model = make(momentum=0.9).train()
    single, several = pairs(1), pairs(4)
    with torch.no_grad():
        before = model(several).projection  # also moves the running statistics from 0 and 1
        norm = model.head[1]
        output, mean = model(single), norm.running_mean.clone()
        hidden = F.relu(F.batch_norm(model.head[0](model.video(*alone(single, 0))), norm.running_mean,
                                     norm.running_var, norm.weight, norm.bias))
        assert torch.allclose(output.projection, model.head[3](hidden), atol=1e-5)
        assert torch.equal(norm.running_mean, mean) and output.key.shape == (1, 16)
        assert torch.allclose(model(several).projection, before, atol=1e-5)
