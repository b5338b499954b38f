"""The sound recipes, written once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.sound import write_all


@pytest.fixture(scope="package")
def sound(micro, tmp_path_factory) -> Callable[[str], Path]:
    """The recipe of a base, `video`, `text` or `simclr`, in a folder that holds its data."""
    return write_all(tmp_path_factory.mktemp("sound")).__getitem__
