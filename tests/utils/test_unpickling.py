import zipfile

import pytest
import torch

from utils.unpickling import SWELLING, read_tensors


def test_tensors_and_plain_values_come_back_shared_and_nested_ones_too(tmp_path):
    weight, deep = torch.arange(300_000.0), []
    for _ in range(50):
        deep = [deep]
    state = {"a": weight, "b": weight, "c": weight[::3].view(10, -1), "d": deep, "e": ({1, 2}, "x")}
    torch.save(state, tmp_path / "w.pt")
    for mmap in (False, True):
        found = read_tensors(tmp_path / "w.pt", mmap)
        assert torch.equal(found["a"], weight) and torch.equal(found["c"], weight[::3].view(10, -1))
        assert found["e"] == ({1, 2}, "x")


@pytest.mark.parametrize("times, fits", [(SWELLING - 1, True), (SWELLING + 1, False)])
def test_views_may_repeat_numbers_but_not_without_bound(tmp_path, times, fits):
    torch.save({"w": torch.zeros(1_000_000).expand(times, -1)}, tmp_path / "w.pt")
    if fits:
        assert read_tensors(tmp_path / "w.pt")["w"].shape == (times, 1_000_000)
    else:
        with pytest.raises(ValueError, match="its tensors claim 68,000,000 bytes, more than it can hold"):
            read_tensors(tmp_path / "w.pt")


@pytest.mark.parametrize("way", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_compressed_member_is_refused(tmp_path, way):
    torch.save({"w": torch.zeros(4)}, tmp_path / "w.pt")
    with zipfile.ZipFile(tmp_path / "w.pt", "a") as archive:
        archive.writestr("archive/data/9", bytes(100), way)
    with pytest.raises(ValueError, match="is compressed"):
        read_tensors(tmp_path / "w.pt")


def test_members_that_lie_upon_one_another_are_refused(tmp_path):
    torch.save({"w": torch.zeros(1000)}, tmp_path / "w.pt")
    with zipfile.ZipFile(tmp_path / "w.pt", "a") as archive:
        largest = max(archive.infolist(), key=lambda member: member.file_size)
        archive.filelist += [largest] * 9
        archive._didModify = True
    with pytest.raises(ValueError, match="claims more than it holds"):
        read_tensors(tmp_path / "w.pt")
