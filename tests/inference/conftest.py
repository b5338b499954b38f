import shutil
from pathlib import Path

import pytest

from inference.onnx import FILE, export_clips, export_reviews
from inference.run import open_run
from models.classifier import ClipClassifier, learned_classes
from tests.inference.runs import footage, save_run, train_reviews, write_folder


@pytest.fixture(scope="session")
def clip_run(configure, tmp_path_factory) -> Path:
    """Both streams, no boxes, random weights."""
    return save_run(configure("--temperature 0.05"), tmp_path_factory.mktemp("clips") / "run")


@pytest.fixture(scope="session")
def clip_onnx(clip_run, tmp_path_factory) -> Path:
    """The same with model.onnx."""
    folder = shutil.copytree(clip_run, tmp_path_factory.mktemp("onnx") / "run")
    network = open_run(folder).network
    export_clips(ClipClassifier(network, learned_classes(network)), 32, folder / FILE)
    return folder


@pytest.fixture(scope="session")
def three_seconds(tmp_path_factory) -> Path:
    """A folder of 75 frames."""
    return write_folder(tmp_path_factory.mktemp("footage") / "three", footage(75))


@pytest.fixture(scope="session")
def review_run(tmp_path_factory) -> Path:
    """Trained until it finds aspects in its own reviews."""
    return train_reviews(tmp_path_factory.mktemp("reviews"))


@pytest.fixture(scope="session")
def review_onnx(review_run, tmp_path_factory) -> Path:
    """The same with model.onnx."""
    folder = shutil.copytree(review_run, tmp_path_factory.mktemp("onnx") / "run")
    run = open_run(folder)
    export_reviews(run.network, run.config.data.max_tokens, folder / FILE)
    return folder
