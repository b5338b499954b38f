"""Which loaders a recipe gets."""

import pytest

from dataloaders import LOADERS, build_loaders
from dataloaders.datasets import CAER
from dataloaders.video import AugmentedDataset, PairDataset, VideoDataset
from utils.config import CONFIGS, SimclrConfig, SimclrDataConfig, TextConfig, VideoConfig
from utils.structures import Labels


def test_every_task_has_loaders():
    assert set(LOADERS) == set(CONFIGS)


@pytest.mark.parametrize("config", [VideoConfig(), TextConfig(), SimclrConfig()], ids=["video", "text", "simclr"])
@pytest.mark.parametrize("labels", [None, Labels(["a"])])
def test_loaders_are_those_of_the_recipes_model(monkeypatch, tmp_path, config, labels):
    for place in LOADERS.values():
        monkeypatch.setattr(place.replace(":", "."), lambda *given, place=place: (place, *given))
    assert build_loaders(config, tmp_path, labels) == (LOADERS[config.model.model], config, tmp_path, labels)


def test_clips_with_what_there_is_to_decide(configure, tmp_path):
    loaders, labels = build_loaders(configure(), tmp_path)
    assert {split: loader.size for split, loader in loaders.items()} == {"train": 14, "val": 7, "test": 7}
    assert labels == Labels(CAER) and isinstance(loaders["train"].dataset, AugmentedDataset)
    evaluated, found = build_loaders(configure(), tmp_path, labels)
    assert type(evaluated["train"].dataset) is VideoDataset and found == labels


def test_pairs_for_pretraining(caer, tmp_path):
    config = SimclrConfig(data=SimclrDataConfig(root_dir=caer, num_workers=0))
    loaders, labels = build_loaders(config, tmp_path)
    assert type(loaders["train"].dataset) is PairDataset and labels == Labels(CAER)
    assert {type(loaders[split].dataset) for split in ("val", "test")} == {VideoDataset}
    assert type(build_loaders(config, tmp_path, labels)[0]["train"].dataset) is VideoDataset
