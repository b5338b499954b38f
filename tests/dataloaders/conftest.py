from pathlib import Path

import pytest

from tests.dataloaders.footage import write_video


@pytest.fixture(scope="session")
def scratch(tmp_path_factory) -> Path:
    """A folder for files that hypothesis writes over and over."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="session")
def avi(tmp_path_factory) -> Path:
    """40 frames."""
    return write_video(tmp_path_factory.mktemp("video") / "clip.avi", 40, "MJPG")


@pytest.fixture(scope="session")
def mp4(tmp_path_factory) -> Path:
    """The same."""
    return write_video(tmp_path_factory.mktemp("video") / "clip.mp4", 40, "mp4v")
