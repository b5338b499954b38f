"""Which loaders a recipe gets."""

import pytest

import dataloaders
from dataloaders import LOADERS, build_loaders
from dataloaders.datasets import CAER
from utils.config import CONFIGS, TextConfig, VideoConfig
from utils.structures import Labels


def test_every_task_has_loaders():
    assert set(LOADERS) == set(CONFIGS)


@pytest.mark.parametrize("config", [VideoConfig(), TextConfig()], ids=["video", "text"])
@pytest.mark.parametrize("labels", [None, Labels(["a"])])
def test_loaders_are_those_of_the_recipes_model(monkeypatch, tmp_path, config, labels):
    called = {name: (lambda *given, name=name: (name, *given)) for name in LOADERS}
    monkeypatch.setattr(dataloaders, "LOADERS", called)
    assert build_loaders(config, tmp_path, labels) == (config.model.model, config, tmp_path, labels)


def test_clips_with_what_there_is_to_decide(configure, tmp_path):
    loaders, labels = build_loaders(configure(), tmp_path)
    assert {split: loader.size for split, loader in loaders.items()} == {"train": 14, "val": 7, "test": 7}
    assert labels == Labels(CAER) and loaders["train"].dataset.training
    assert not build_loaders(configure(), tmp_path, labels)[0]["train"].dataset.training
