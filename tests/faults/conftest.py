"""The sound recipes, written once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.sound import write_clips, write_reviews


@pytest.fixture(scope="package")
def sound(micro, tmp_path_factory) -> Callable[[str], Path]:
    """The recipe of a base, `video` or `text`, in a folder that holds its data."""
    recipes = {"video": write_clips(tmp_path_factory.mktemp("video")), "text": write_reviews(tmp_path_factory.mktemp("text"))}
    return recipes.__getitem__
