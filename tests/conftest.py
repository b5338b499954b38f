"""Small CLIPs, a small data set in CAER's folders, and a recipe for both that trains in a second."""

import gc
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from utils.config import VideoConfig

# A busy machine is no fault. Examples are drawn anew each time, but for CI, which tells of what is handed in alone.
settings.register_profile("untimed", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("untimed")

RECIPE = """\
dataset: caer
root_dir: {root}
clip_model: micro
clip_pretrained: none
text_type: class_names
contexts_number: 2
image_size: 32
num_segments: 2
batch_size: 3
num_workers: 0
epochs: 2
max_bad_clips: 0
lr_image_encoder: 1.0e-3
use_amp: false
device: cpu
"""


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small tensors gain nothing from more threads, and sums then have one order."""
    import torch

    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()  # what was imported is looked through no more, neither here nor in children
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def one_seed():
    """A test that draws of torch itself draws the same, whatever ran before it."""
    import torch

    torch.manual_seed(0)


@pytest.fixture(scope="session")
def micro() -> str:
    """A CLIP of 32-pixel images and 32 features. Beside it: micro_bn, micro_siglip and micro_coca."""
    import open_clip

    open_clip.add_model_config(Path(__file__).parent / "clip_configs")
    return "micro"


@pytest.fixture(scope="session")
def caer(tmp_path_factory) -> Path:
    """Images in CAER/SPLIT/CLASS: two of each class to train on, one to validate, one to test."""
    import cv2
    import numpy as np

    from dataloaders.datasets import CAER

    root, stream = tmp_path_factory.mktemp("caer"), np.random.default_rng(0)
    for split, number in (("train", 2), ("validation", 1), ("test", 1)):
        for label, name in enumerate(CAER):
            folder = root / "CAER" / split / name
            folder.mkdir(parents=True)
            for index in range(number):
                image = stream.integers(0, 80, (40, 56, 3)) + 25 * label
                cv2.imwrite(str(folder / f"{index:04}.png"), image.astype(np.uint8))
    return root


@pytest.fixture(scope="session")
def recipe(caer, micro, tmp_path_factory) -> Path:
    """A recipe file; 14 training clips in batches of 3 make 5 steps an epoch."""
    path = tmp_path_factory.mktemp("recipe") / "small.yaml"
    path.write_text(RECIPE.format(root=caer))
    return path


@pytest.fixture(scope="session")
def configure(recipe) -> Callable[..., VideoConfig]:
    """The recipe's Config with flags, given as one string."""
    from utils.recipe import load_config

    return lambda flags="": load_config(str(recipe), flags.split())


@pytest.fixture(scope="session")
def simclr_recipe(caer, micro, tmp_path_factory) -> Path:
    from tests.small_simclr import RECIPE

    path = tmp_path_factory.mktemp("simclr_recipe") / "small_simclr.yaml"
    path.write_text(RECIPE.format(root=caer))
    return path


@pytest.fixture(scope="session")
def simclr_run(simclr_recipe, tmp_path_factory) -> Path:
    """The folder of a finished run, by the command line; copy it before it is changed."""
    from main import main

    folder = tmp_path_factory.mktemp("simclr") / "run"
    assert main(["train", str(simclr_recipe), "--output-dir", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """A file or folder of shared/data, which lies beside the project."""

    def find(name: str) -> Path:
        path = Path(__file__).resolve().parents[2] / "shared" / "data" / name
        if not path.exists():
            pytest.skip(f"needs shared/data/{name} beside the project")
        return path

    return find


@pytest.fixture
def yunet(shared) -> Path:
    """The file of a small YuNet; newer than the one that is fetched."""
    return shared("../models/yunet/yunet_n_640_640.onnx")
