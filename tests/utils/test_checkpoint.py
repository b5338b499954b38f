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
        with pytest.raises(UserError, match=r"last.pt: cannot be written: File too large$") as error:
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


def test_a_changed_byte(tmp_path):
    """Which torch would load."""
    path = tmp_path / "last.pt"
    checkpoint.save({"weights": torch.ones(10_000)}, path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="last.pt: not a whole checkpoint: .*data/0 is not as it was written"):
        checkpoint.load(path)


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_nothing_but_tensors_and_plain_values_is_unpickled(tmp_path, write):
    write({"model": Hostile(tmp_path / "made")}, tmp_path / "last.pt")
    with pytest.raises(UserError, match="not a whole checkpoint"):
        checkpoint.load(tmp_path / "last.pt")
    assert not (tmp_path / "made").exists()


# ---------------------------------------------------------------- the last, and the one before

DAMAGE = {
    "absent": lambda path: path.unlink(), "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
}


def saved(folder: Path, steps: int) -> None:
    checkpoint.save_last({"steps": steps, "weights": torch.full((99,), float(steps))}, folder)


@pytest.fixture
def folder(tmp_path) -> Path:
    for steps in (2, 4, 6):
        saved(tmp_path / "checkpoints", steps)
    return tmp_path / "checkpoints"


def files(folder: Path) -> dict[str, int]:
    """The steps of each checkpoint; -1 of one that is damaged."""
    def steps(path: Path) -> int:
        try:
            return checkpoint.load(path)["steps"]
        except UserError:
            return -1

    return {path.name: steps(path) for path in folder.iterdir()}


def test_the_one_before_is_kept(folder, caplog):
    assert files(folder) == {"last.pt": 6, "previous.pt": 4}
    assert checkpoint.load_last(folder)["steps"] == 6 and caplog.text == ""


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_where_the_last_is_damaged_the_one_before_is_taken_with_a_warning(folder, caplog, damage):
    damage(folder / "last.pt")
    there = (folder / "last.pt").exists()
    assert checkpoint.has_last(folder) and checkpoint.load_last(folder)["steps"] == 4
    warning, = [record.getMessage() for record in caplog.records]
    assert warning.startswith(f"{folder}/last.pt: {'not a whole' if there else 'no such'} checkpoint")
    assert warning.endswith(f"; going on from the one before it: {folder}/previous.pt, step 4")
    assert files(folder) == {"previous.pt": 4} | ({"damaged.pt": -1} if there else {})
    saved(folder, 6)  # the whole one stays until there are two
    assert files(folder).items() >= {"previous.pt": 4, "last.pt": 6}.items()
    saved(folder, 8)
    assert files(folder).items() >= {"previous.pt": 6, "last.pt": 8}.items()


def test_somebody_elses_folder_stays_as_it_is(folder):
    DAMAGE["cut"](folder / "last.pt")
    assert checkpoint.load_last(folder, ours=False)["steps"] == 4
    assert files(folder) == {"last.pt": -1, "previous.pt": 4}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_where_both_are_damaged(folder, caplog, damage):
    damage(folder / "last.pt")
    DAMAGE["cut"](folder / "previous.pt")
    with pytest.raises(UserError) as error:
        checkpoint.load_last(folder)
    said = str(error.value)
    assert said.startswith(f"{folder}/last.pt: ") and "\n" not in said
    assert f"; nor can the one before be read: {folder}/previous.pt: " in said
    assert said.endswith("train anew, into another --output-dir") and caplog.text == ""


def test_where_only_the_last_has_ever_been(tmp_path):
    assert not checkpoint.has_last(tmp_path)
    with pytest.raises(UserError, match="last.pt: no such checkpoint$"):
        checkpoint.load_last(tmp_path)
    saved(tmp_path, 2)
    DAMAGE["cut"](tmp_path / "last.pt")
    with pytest.raises(UserError, match="last.pt: not a whole checkpoint: [^;]*$"):
        checkpoint.load_last(tmp_path)


def test_a_save_that_fails_moves_nothing(folder):
    with pytest.raises(TypeError):
        checkpoint.save_last({"steps": 8, "bad": Unpicklable()}, folder)
    assert files(folder) == {"last.pt": 6, "previous.pt": 4}
