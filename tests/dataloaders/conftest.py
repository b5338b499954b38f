from pathlib import Path

import pytest
from hypothesis import settings

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

settings.register_profile("dataloaders", deadline=None)  # a slow moment of the machine is no failure
settings.load_profile("dataloaders")


@pytest.fixture
def shared():
    """A file or folder of the data beside the project."""

    def find(name: str) -> Path:
        if not (SHARED / name).exists():
            pytest.skip(f"needs shared/data/{name} beside the project")
        return SHARED / name

    return find


@pytest.fixture(scope="session")
def scratch(tmp_path_factory) -> Path:
    """A folder for files that hypothesis writes over and over."""
    return tmp_path_factory.mktemp("scratch")
