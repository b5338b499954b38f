from dataclasses import fields

import pytest
import torch
from scipy.stats import spearmanr
from torch import nn
from torch.nn import functional as F

from models.classifier import ClipClassifier, learned_classes
from models.clip import load_clip
from models.explain.clips import Reasons, reasons
from models.explain.frames import frame_attention
from models.recogniser import VideoRecogniser
from tests.inference.runs import awake
from tests.models.test_recogniser import TEXTS, clips
from utils.config import VideoModelConfig
from utils.structures import Batch


def recogniser(visual: nn.Module | None = None, size: int = 32, two: bool = True, seed: int = 0, **options):
    torch.manual_seed(seed)
    clip = load_clip("micro", "none", size)
    clip.visual = visual or clip.visual
    mirror = options.pop("mirror", False)
    settings = VideoModelConfig(contexts_number=3, temporal_heads=4, temperature=0.05, mirror=mirror)
    return VideoRecogniser(clip, TEXTS, settings, two_streams=two, **options).eval()


def said_of(model: VideoRecogniser, batch: Batch, label: int = 0) -> Reasons:
    return reasons(ClipClassifier(model, learned_classes(model)), batch, label)


@pytest.mark.parametrize("two", [True, False])
def test_attention_is_that_over_the_features_of_the_frames(micro, two):
    model, batch = awake(recogniser(two=two)), clips(1, 5, two)
    found, video = said_of(model, batch), model.video
    with torch.no_grad():
        streams = [(stream[0].float() - video.mean) / video.std for stream in (batch.face, batch.context)[: 1 + two]]
        x = [video.adapter(F.normalize(video.visual(stream), dim=-1) * 32**0.5) for stream in streams]
        frames = video.fusion(*x) if two else x[0]
        feature = F.normalize(video.temporal(frames[None]), dim=-1)
        assert torch.allclose(feature, video(batch.face, batch.context), atol=1e-5)
        assert torch.allclose(found.frames, frame_attention(video.temporal, frames[None])[0], atol=1e-5)
    assert found.frames.shape == (5,) and found.frames.std() > 1e-3
    assert found.face.shape == (5, 32, 32) and (found.context is not None) == two
    assert max(getattr(found, name).max() for name in ("face", "context")[: 1 + two]) == pytest.approx(1)


# ---------------------------------------------------------------- a network of which it is known what decides


class Colours(nn.Module):
    """The first feature is how much red there is, the second how much blue; the map is of 8 x 8 places."""

    image_mean, image_std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 4, stride=4, bias=False)
        colours = torch.tensor([[1.0, 0, -1], [-1, 0, 1]]) / 16
        self.conv.weight.data = colours[..., None, None].repeat(1, 1, 4, 4)
        self.relu = nn.ReLU()

    def forward(self, images):
        return F.pad(self.relu(self.conv(images)).mean(dim=(2, 3)), (0, 30))


def painted(red: tuple[int, int], blue: tuple[int, int], frames: int = 3) -> torch.Tensor:
    """(1, T, 3, 32, 32): grey, a red patch at one place and a blue one at another, in the middle frame."""
    pixels = torch.full((1, frames, 3, 32, 32), 128, dtype=torch.uint8)
    for channel, (row, column) in ((0, red), (2, blue)):
        pixels[0, frames // 2, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 0
        pixels[0, frames // 2, channel, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 255
    return pixels


def places(heat: torch.Tensor) -> tuple[int, int, int]:
    """Frame, row and column of the strongest place."""
    blocks = F.avg_pool2d(heat, 4)  # (T, 8, 8)
    return tuple(int(index) for index in torch.unravel_index(blocks.argmax(), blocks.shape))


def outside(heat: torch.Tensor, frame: int, row: int, column: int) -> float:
    """The most heat two places away or more."""
    heat = heat.clone()
    heat[frame, max(4 * row - 4, 0) : 4 * row + 8, max(4 * column - 4, 0) : 4 * column + 8] = 0
    return float(heat.max())


@pytest.fixture
def colours(micro):
    model = recogniser(Colours())
    with torch.no_grad():  # face and context in equal parts
        model.video.fusion.correction.weight[:, 32:] = torch.eye(32)
    return ClipClassifier(model, torch.eye(3, 32))


@pytest.mark.parametrize("red, blue", [((1, 6), (5, 1)), ((0, 0), (4, 7))])
def test_heat_lies_on_the_patch_that_decides(colours, red, blue):
    """In the face red and blue, in the context the other way round."""
    batch = Batch(torch.zeros(1), ["x"], painted(red, blue), painted(blue, red))
    for label, in_face, in_context in ((0, red, blue), (1, blue, red)):
        found = reasons(colours, batch, label)
        assert places(found.face) == (1, *in_face) and places(found.context) == (1, *in_context)
        assert found.face.max() > 0.8 and outside(found.face, 1, *in_face) == 0
        assert outside(found.context, 1, *in_context) == 0


def test_heat_is_for_a_class_over_the_mean_of_all(colours):
    """Red raises the first class, and the second thrice as much; blue, which dilutes it, speaks for the first."""
    colours.text = torch.tensor([[1.0], [3], [0]]) * torch.eye(1, 32)
    batch = Batch(torch.zeros(1), ["x"], painted((1, 1), (5, 5)), painted((1, 1), (5, 5)))
    for label, place in ((0, (5, 5)), (1, (1, 1))):
        found = reasons(colours, batch, label)
        assert places(found.face) == places(found.context) == (1, *place) and outside(found.face, 1, *place) == 0


def test_a_stream_that_does_not_count_has_no_heat(colours):
    with torch.no_grad():
        colours.recogniser.video.fusion.correction.weight.zero_()
    found = reasons(colours, Batch(torch.zeros(1), ["x"], painted((1, 1), (5, 5)), painted((1, 1), (5, 5))), 0)
    assert places(found.face) == (1, 1, 1) and not found.context.any()


# ---------------------------------------------------------------- of any network


@pytest.mark.parametrize("name, size", [("tiny", 48), ("micro", 64), ("micro_bn", 64)])
def test_other_weights_give_another_map(micro, name, size):
    """The sanity check of Adebayo et al., 2018 (arXiv 1810.03292): a map that stayed would show the picture alone."""
    stream = torch.Generator().manual_seed(0)
    face = torch.randint(256, (1, 4, 3, size, size), generator=stream).byte()

    def map_of(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        clip = load_clip(name, "none", size)
        settings = VideoModelConfig(contexts_number=3, temporal_heads=4, temperature=0.05)
        model = awake(VideoRecogniser(clip, TEXTS, settings, two_streams=False))
        return said_of(model, Batch(torch.zeros(1), ["x"], face)).face.flatten()

    own, others = map_of(0), [map_of(seed) for seed in (1, 2, 3, 4)]
    assert torch.equal(own, map_of(0)) and own.std() > 0
    correlations = [spearmanr(own, other).statistic for other in others]
    assert sum(correlations) / 4 < 0.5, correlations


@pytest.mark.parametrize("two", [True, False])
def test_a_frozen_image_tower_has_the_same_map(micro, two):
    batch = clips(1, 3, two)
    free, frozen = (said_of(awake(recogniser(two=two, trainable_image=learns)), batch) for learns in (True, False))
    assert torch.allclose(free.frames, frozen.frames, atol=1e-5) and torch.allclose(free.face, frozen.face, atol=1e-4)
    assert frozen.face.max() > 0 and (not two or torch.allclose(free.context, frozen.context, atol=1e-4))


@pytest.mark.parametrize("taken", [torch.enable_grad, torch.no_grad])
def test_nothing_is_left_behind(micro, taken):
    """Neither gradients, nor a clip that wants one, nor a mirror image; and it needs no gradient around it."""
    model, batch = awake(recogniser()), clips(1, 3)
    as_float = Batch(batch.targets, batch.ids, batch.face.float(), batch.context.float())
    expected = said_of(model, batch)
    with taken():
        found = said_of(model, as_float)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not as_float.face.requires_grad and not found.face.requires_grad and batch.face.dtype == torch.uint8
    mirrored = said_of(awake(recogniser(mirror=True)), batch)
    for field in fields(Reasons):
        assert torch.equal(getattr(found, field.name), getattr(expected, field.name))
        assert torch.equal(getattr(mirrored, field.name), getattr(expected, field.name))
