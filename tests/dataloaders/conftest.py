from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("dataloaders", deadline=None)  # a slow moment of the machine is no failure
settings.load_profile("dataloaders")


@pytest.fixture(scope="session")
def scratch(tmp_path_factory) -> Path:
    """A folder for files that hypothesis writes over and over."""
    return tmp_path_factory.mktemp("scratch")
