import json
from pathlib import Path

import open_clip
import pytest
import timm
import torch

import models.clip
from models.clip import load_clip
from models.text_tower import TextTower
from models.towers import TimmTower
from models.video_encoder import VideoEncoder
from utils.config import ClipModelConfig
from utils.errors import UserError

CONFIGS = sorted((Path(models.clip.__file__).parent / "clip_configs").glob("*.json"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_our_own_clips_are_known_by_name_and_encode_images_and_texts(path):
    config = json.loads(path.read_text())
    size = config["vision_cfg"]["image_size"]
    clip = load_clip(path.stem, "none", size).eval()
    with torch.no_grad():
        assert clip.encode_image(torch.rand(2, 3, size, size)).shape == (2, config["embed_dim"])
        assert TextTower(clip.text).encode(["happy"]).shape == (1, config["embed_dim"])
    assert open_clip.list_pretrained_tags_by_model(path.stem) == []


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_batch_of_one_is_normalised_with_the_running_statistics(path):
    size = json.loads(path.read_text())["vision_cfg"]["image_size"]
    tower = load_clip(path.stem, "none", size).visual.trunk.train()
    tower.dropout.p = 0
    inside = {}
    tower.embed.register_forward_hook(lambda module, args, out: inside.update(row=out))
    tower(torch.rand(8, 3, size, size))  # the statistics are no longer 0 and 1
    mean, variance = tower.norm.running_mean.clone(), tower.norm.running_var.clone()
    feature = tower(torch.rand(1, 3, size, size))
    expected = (inside["row"] - mean) / (variance + tower.norm.eps).sqrt()
    assert torch.allclose(feature, expected, atol=1e-5)
    assert torch.equal(tower.norm.running_mean, mean) and torch.equal(tower.norm.running_var, variance)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
@pytest.mark.parametrize("size", [32, 64])
def test_any_image_size_goes_through_and_reaches_the_features(path, size):
    clip = load_clip(path.stem, "none", size).eval()
    images = torch.rand(2, 3, size, size, requires_grad=True)
    clip.encode_image(images).square().sum().backward()
    assert (images.grad.abs().amax(dim=(1, 2, 3)) > 0).all()


# ---------------------------------------------------------------- timm's own

@pytest.mark.parametrize("name, size, width", [("vit_tiny_patch16_224", 48, 192), ("vit_tiny_patch16_224", 50, 192),
                                               ("resnet10t", 40, 512)])
def test_a_tower_of_timm_is_its_trunk_and_a_linear_layer(name, size, width):
    tower = load_clip(f"timm/{name}", "none", size).visual.eval()
    images = torch.rand(2, 3, size, size)
    with torch.no_grad():
        features = tower(images)
        pooled = tower.trunk(images)
    assert pooled.shape == (2, width) and features.shape == (2, 256)  # as small48's
    assert torch.allclose(features, pooled @ tower.project.weight.T, atol=1e-6) and tower.project.bias is None
    state = timm.create_model(name, num_classes=0, **({"img_size": size} if "vit" in name else {})).state_dict()
    assert {key: value.shape for key, value in tower.trunk.state_dict().items()} == {
        key: value.shape for key, value in state.items()}


def test_the_text_tower_beside_it_makes_features_as_wide():
    clip = load_clip("timm/resnet10t", "none", 40)
    assert TextTower(clip.text).encode(["happy"]).shape == (1, 256)


@pytest.mark.parametrize("name, size", [("vit_tiny_patch16_224", 48), ("resnet10t", 40)])
def test_frames_are_scaled_as_timm_says_of_the_model(name, size):
    tower, cfg = TimmTower(name, 16, size, pretrained=False).eval(), timm.get_pretrained_cfg(name)
    encoder = VideoEncoder(tower, 16, ClipModelConfig(temporal_heads=4), two_streams=False).eval()
    seen = []
    tower.trunk.register_forward_hook(lambda module, inputs, out: seen.append(inputs[0]))
    frames = torch.randint(256, (2, 3, 3, size, size)).byte()
    encoder(frames)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (cfg.mean, cfg.std))
    assert torch.allclose(seen[0].unflatten(0, (2, 3)), (frames / 255 - mean) / std, atol=1e-5)


def test_two_models_of_timm_are_scaled_otherwise():
    assert timm.get_pretrained_cfg("vit_tiny_patch16_224").mean != timm.get_pretrained_cfg("resnet10t").mean


@pytest.mark.parametrize("name, pretrained, size, said", [
    ("timm/nonesuch", "none", 48, "--clip-model timm/nonesuch: cannot be had: "),
    ("timm/", "none", 48, "--clip-model timm/: cannot be had: "),
    ("timm/resnet10t.nonesuch", "timm", 48, "--clip-model timm/resnet10t.nonesuch: cannot be had: .*nonesuch"),
    ("timm/face_cnn_s", "timm", 48, "--clip-model timm/face_cnn_s: cannot be had: "),
    ("timm/resnet10t", "openai", 48, "--clip-pretrained openai: timm/resnet10t takes `timm`"),
    ("timm/resnet10t", "weights.pt", 48, "--clip-pretrained weights.pt: timm/resnet10t takes `timm`"),
    ("timm/inception_v3", "none", 40, "--image-size 40: timm/inception_v3 cannot see pictures of that size: "),
])
def test_what_timm_cannot_give_is_one_line(name, pretrained, size, said):
    with pytest.raises(UserError, match=f"^{said}") as error:
        load_clip(name, pretrained, size)
    assert "\n" not in str(error.value)


def test_timms_weights_without_a_network(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match="^--clip-model timm/vit_tiny_patch16_224: cannot be had: ") as error:
        load_clip("timm/vit_tiny_patch16_224", "timm", 48)
    assert "\n" not in str(error.value)


def test_timms_weights_are_asked_for_with_timm_alone(monkeypatch):
    asked, create = [], timm.create_model
    monkeypatch.setattr("models.towers.timm.create_model", lambda name, pretrained, **options: (
        asked.append((name, pretrained)), create(name, **options))[1])
    for pretrained in ("timm", "none"):
        load_clip("timm/vit_tiny_patch16_224", pretrained, 48)
    assert [one for one in asked if one[0] == "vit_tiny_patch16_224"] == [
        ("vit_tiny_patch16_224", True), ("vit_tiny_patch16_224", False)]
