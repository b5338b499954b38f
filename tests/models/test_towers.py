import json
from pathlib import Path

import open_clip
import pytest
import torch

import models.clip
from models.clip import load_clip
from models.text_tower import TextTower

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
