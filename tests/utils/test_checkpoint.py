import os
import pickle
import resource
import stat
from pathlib import Path

import pytest
import torch

from utils import checkpoint
from utils.errors import UserError

STATE = {"weights": {"w": torch.arange(6.0).view(2, 3)}, "step": 3, "history": [{"loss": 0.5}], "name": "x"}


class Unpicklable:
    def __reduce__(self):
        raise TypeError("cannot be pickled")


class Hostile:
    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_round_trip_makes_its_folder_and_leaves_one_file(tmp_path):
    path = tmp_path / "a" / "b" / "last.pt"
    checkpoint.save(STATE, path)
    state = checkpoint.load(path)
    assert torch.equal(state.pop("weights")["w"], STATE["weights"]["w"])
    assert state == {key: value for key, value in STATE.items() if key != "weights"}
    assert os.listdir(path.parent) == ["last.pt"]


def test_others_may_read_it_as_they_may_any_new_file(tmp_path):
    checkpoint.save(STATE, tmp_path / "last.pt")
    (tmp_path / "plain").touch()
    assert stat.S_IMODE((tmp_path / "last.pt").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_a_save_that_breaks_off_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "last.pt"
    checkpoint.save(STATE, path)
    with pytest.raises(TypeError):
        checkpoint.save({"weights": torch.zeros(100_000), "bad": Unpicklable()}, path)
    assert checkpoint.load(path)["step"] == 3
    assert os.listdir(tmp_path) == ["last.pt"]


def test_a_full_disk(tmp_path):
    path = tmp_path / "last.pt"
    checkpoint.save(STATE, path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"last.pt: cannot be written") as error:
            checkpoint.save({"weights": torch.rand(1_000_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(error.value)
    assert checkpoint.load(path)["step"] == 3
    assert os.listdir(tmp_path) == ["last.pt"]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file/last.pt: cannot be written"):
        checkpoint.save(STATE, tmp_path / "file" / "last.pt")


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"none.pt: no such checkpoint"):
        checkpoint.load(tmp_path / "none.pt")


@pytest.mark.parametrize("keep", [0, 10, 500, -1])
def test_a_truncated_file(tmp_path, keep):
    path = tmp_path / "last.pt"
    checkpoint.save(STATE, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"last.pt: not a whole checkpoint") as error:
        checkpoint.load(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_nothing_but_tensors_and_plain_values_is_unpickled(tmp_path, write):
    write({"model": Hostile(tmp_path / "made")}, tmp_path / "last.pt")
    with pytest.raises(UserError, match="not a whole checkpoint"):
        checkpoint.load(tmp_path / "last.pt")
    assert not (tmp_path / "made").exists()
