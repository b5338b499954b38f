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
@pytest.mark.parametrize("size", [32, 64])
def test_any_image_size_goes_through_and_reaches_the_features(path, size):
    clip = load_clip(path.stem, "none", size).eval()
    images = torch.rand(2, 3, size, size, requires_grad=True)
    clip.encode_image(images).square().sum().backward()
    assert (images.grad.abs().amax(dim=(1, 2, 3)) > 0).all()
