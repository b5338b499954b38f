import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.modified_resnet import ModifiedResNet
from open_clip.transformer import LayerNorm
from torch import nn
from torch.nn import functional as F

from models.clip import load_clip
from models.explain.places import heard, heat, last_map
from models.towers import TimmTower

# ---------------------------------------------------------------- heat, by hand


class Given(nn.Module):
    """A layer that gives what it holds."""

    def __init__(self, activation: torch.Tensor):
        super().__init__()
        self.activation = activation.requires_grad_()

    def forward(self) -> torch.Tensor:
        return self.activation * 1


def of(activation, score, pictures=None, size=2) -> torch.Tensor:
    layer = Given(torch.as_tensor(activation, dtype=torch.float32))
    return heat(lambda: score(layer()), layer, pictures or len(activation), size)


def test_heat_of_a_small_network_by_hand():
    """A 1 x 1 convolution to two maps, ReLU, and a weight for each map and place."""
    conv, picture = nn.Conv2d(1, 2, 1, bias=False), torch.tensor([[[[1.0, 2.0], [3.0, -4.0]]]])
    conv.weight.data = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)
    read = torch.tensor([[[4.0, -1.0], [2.0, 5.0]], [[1.0, 1.0], [1.0, 3.0]]])  # (2, 2, 2)
    layer = nn.Sequential(conv, nn.ReLU())  # maps 1 2 3 0, and 0 0 0 4
    found = heat(lambda: (layer(picture)[0] * read).sum(), layer, 1, 2)
    # Weight x activation: 4, -2, 6, 0 + 12; what speaks against is cut off, and the strongest place is 1.
    assert torch.allclose(found, torch.tensor([[[4 / 12, 0], [6 / 12, 1]]])) and not found.requires_grad


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(2, 5), st.integers(0, 10**6))
def test_heat_is_gradient_times_activation_of_every_place(pictures, channels, side, seed):
    """Of the score w . a + (v . a)^2 / 2 the gradient is w + (v . a) v."""
    stream = torch.Generator().manual_seed(seed)
    a, w, v = (torch.randn(pictures, channels, side, side, generator=stream) for _ in range(3))
    raw = (a * (w + (v * a).sum() * v)).sum(dim=1).clamp(min=0)
    expected = raw / raw.max().clamp(min=1e-12)

    def score(x: torch.Tensor) -> torch.Tensor:
        return (w.reshape(x.shape) * x).sum() + (v.reshape(x.shape) * x).sum() ** 2 / 2

    def score_of_tokens(x: torch.Tensor) -> torch.Tensor:  # a class token stands before the places
        return score_moved(x[:, 1:]) + 5 * x[:, 0].sum()

    def score_moved(x: torch.Tensor) -> torch.Tensor:
        return score(x.flatten(1, -2).transpose(1, 2).reshape(a.shape))

    assert torch.allclose(of(a.clone(), score, size=side), expected, atol=1e-4)
    tokens = torch.cat([torch.ones(pictures, 1, channels), a.flatten(2).transpose(1, 2)], dim=1)
    assert torch.allclose(of(tokens.clone(), score_of_tokens, size=side), expected, atol=1e-4)
    if pictures != 1 + side**2:  # with the tokens before the pictures
        turned = tokens.transpose(0, 1).contiguous()
        found = of(turned, lambda x: score_of_tokens(x.transpose(0, 1)), pictures, side)
        assert torch.allclose(found, expected, atol=1e-4)
    if channels != side:  # channels last
        assert torch.allclose(of(a.permute(0, 2, 3, 1).contiguous(), score_moved, size=side), expected, atol=1e-4)


def test_one_scale_for_all_pictures_and_pixels_between_places():
    maps = torch.tensor([[[[8.0, 0.0], [0.0, 0.0]]], [[[0.0, 0.0], [0.0, 2.0]]]])
    found = of(maps, lambda x: x.sum(), size=4)
    # Bilinear: pixel centres lie a quarter and three quarters of the way.
    assert torch.allclose(found[0], torch.tensor([1, 0.75, 0.25, 0]).outer(torch.tensor([1, 0.75, 0.25, 0])))
    assert torch.allclose(found[1], found[0].flip(0, 1) / 4)


@pytest.mark.parametrize("score", [lambda x: -x.square().sum(), lambda x: torch.zeros(1, requires_grad=True).sum()])
def test_where_nothing_speaks_for_it_there_is_no_heat(score):
    assert torch.equal(of(torch.rand(3, 2, 4, 4), score, size=8), torch.zeros(3, 8, 8))


@pytest.mark.parametrize("first", [True, False])
def test_as_many_pictures_as_tokens(first):
    """open_clip's tokens lie before the pictures, those of others behind them."""
    norm = LayerNorm(2) if first else nn.LayerNorm(2)
    tokens = torch.tensor([1.0, -1.0]).expand(4, 4, 2)  # (L, N, C), or (N, L, C)

    def score() -> torch.Tensor:
        given = norm(tokens)
        return (given[:, 1] if first else given[1])[2, 0]  # token 2 of picture 1

    assert heat(score, norm, 4, 2).tolist() == [[[0, 0], [0, 0]], [[0, 0], [1, 0]], [[0, 0]] * 2, [[0, 0]] * 2]


def test_heat_can_be_had_where_no_gradient_is_taken_otherwise():
    with torch.no_grad():
        assert of(torch.ones(1, 1, 2, 2), lambda x: x.sum()).sum() == 4


def test_a_layer_is_heard_only_while_it_is_listened_to():
    layer = nn.ReLU()
    layer(torch.ones(1))
    with heard(layer) as outputs:
        layer(torch.tensor([2.0, -2.0]))
    layer(torch.ones(1))
    assert [output.tolist() for output in outputs] == [[2, 0]]


# ---------------------------------------------------------------- which layer

TOWERS = {  # a tower, its picture's side, the layer, and what that gives
    "our own": (lambda: load_clip("tiny", "none", 48).visual, 48, "trunk.dropout", (128, 6, 6)),
    "our own on larger pictures": (lambda: load_clip("tiny", "none", 64).visual, 64, "trunk.dropout", (128, 6, 6)),
    "CLIP's ViT": (lambda: load_clip("micro", "none", 64).visual, 64, "transformer.resblocks.0.ln_1", (17, 32)),
    "CLIP's ResNet": (lambda: ModifiedResNet((1, 1, 1, 1), 32, 4, 64, 8), 64, "layer4", (256, 2, 2)),
    "timm's ResNet in open_clip": (lambda: load_clip("micro_bn", "none", 64).visual, 64, "trunk.layer4", (96, 2, 2)),
    "the last of many places": (lambda: load_clip("micro_bn", "none", 32).visual, 32, "trunk.layer3", (192, 2, 2)),
    "timm's ResNet": (lambda: TimmTower("test_resnet", 16, 64, False), 64, "trunk.layer4", (96, 2, 2)),
    "timm's ViT": (lambda: TimmTower("vit_tiny_patch16_224", 16, 48, False), 48, "trunk.blocks.11.norm1", (10, 192)),
    "timm's EfficientNet": (lambda: TimmTower("test_efficientnet", 16, 64, False), 64, "trunk.bn2", (256, 2, 2)),
    "timm's Swin": (lambda: TimmTower("swin_tiny_patch4_window7_224", 16, 56, False), 56, "trunk.norm", (2, 2, 768)),
}


@pytest.mark.parametrize("make, side, name, shape", TOWERS.values(), ids=TOWERS)
def test_the_last_layer_that_knows_places(micro, make, side, name, shape):
    torch.manual_seed(0)
    tower = make().eval()
    layer = last_map(tower, torch.rand(1, 3, side, side))
    assert layer is tower.get_submodule(name)
    assert not any(module._forward_hooks for module in tower.modules())
    pictures = torch.rand(2, 3, side, side)
    with heard(layer) as outputs, torch.no_grad():
        features = tower(pictures)
    assert outputs[0].shape == ((shape[0], 2, shape[1]) if "resblocks" in name else (2, *shape))
    direction = torch.randn(features.shape[1])
    maps = [heat(lambda: sign * tower(pictures.requires_grad_())[1] @ direction, layer, 2, side) for sign in (1, -1)]
    assert all(found.shape == (2, side, side) and found.isfinite().all() for found in maps)
    first, second = torch.maximum(*maps).amax(dim=(1, 2)).tolist()
    assert first == 0 and second == pytest.approx(1)  # the second picture alone is scored


def test_of_our_own_tower_it_is_what_the_last_linear_layer_reads():
    tower = load_clip("tiny", "none", 48).visual.eval()
    picture = torch.rand(2, 3, 48, 48)
    with heard(last_map(tower, picture[:1])) as outputs:
        features = tower(picture)
    assert torch.allclose(tower.trunk.norm(tower.trunk.embed(outputs[0].flatten(1))), features, atol=1e-6)


class Patches(nn.Module):
    """A ViT of one block, by hand: each token is its patch's mean, and the class token takes the sum of all."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln_1 = nn.Identity()

        def forward(self, x):
            places = self.ln_1(x)
            return torch.cat([x[:, :1] + places[:, 1:].relu().sum(dim=1, keepdim=True), x[:, 1:]], dim=1)

    def __init__(self):
        super().__init__()
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.ModuleList([self.Block()])

    def forward(self, pictures):
        patches = F.avg_pool2d(pictures, 4).flatten(2).transpose(1, 2)  # (N, L, 3)
        return self.transformer.resblocks[0](F.pad(patches, (0, 0, 1, 0)))[:, 0]


@pytest.mark.parametrize("row, column", [(0, 0), (0, 3), (2, 1), (3, 3)])
def test_a_token_s_heat_lies_on_its_patch(row, column):
    """Of 4 x 4 patches one is red; what speaks for red is this one."""
    pictures = torch.full((1, 3, 16, 16), -1.0)
    pictures[0, 0, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 1
    tower = Patches()
    pictures.requires_grad_()
    found = heat(lambda: tower(pictures)[0, 0], last_map(tower, pictures), 1, 16)[0]
    brightest = F.avg_pool2d(found[None], 4)[0].argmax()
    assert divmod(int(brightest), 4) == (row, column) and found.max() == 1
