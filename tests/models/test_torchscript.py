import pickle
import zipfile

import pytest
import torch
from torch import nn

from models.torchscript import is_torchscript, read_torchscript


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2, bias=False))
        self.register_buffer("side", torch.tensor(32))
        self.scale = nn.Parameter(torch.arange(6.0).view(2, 3).t())
        self.sizes, self.name = [1, 2], "x"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x) * len(self.sizes)


@pytest.fixture
def archive(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "net.pt"
    torch.jit.script(Net().half()).save(path)
    return path


@pytest.mark.filterwarnings("ignore")
def test_it_holds_what_torch_finds_in_it(archive):
    due, found = torch.jit.load(archive).state_dict(), read_torchscript(archive)
    assert found.keys() == due.keys() and len(due) == 10
    assert all(torch.equal(found[name], due[name]) and found[name].dtype == due[name].dtype for name in due)
    assert is_torchscript(archive)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("content, error, said", [
    (b"cos\nmkdir\n(X\x04\x00\x00\x00madetR.", pickle.UnpicklingError, "os.mkdir"),
    (b"cbuiltins\neval\n(X\x01\x00\x00\x001tR.", pickle.UnpicklingError, "builtins.eval"),
    (b"c__torch__.A\nB\n.", None, ""),  # the class itself is no module
])
def test_nothing_else_is_unpickled(archive, content, error, said):
    with zipfile.ZipFile(archive) as old:
        members = {info.filename: old.read(info) for info in old.infolist()}
    with zipfile.ZipFile(archive, "w") as new:
        for name, held in members.items():
            new.writestr(name, content if name == "net/data.pkl" else held)
    if error is None:
        assert read_torchscript(archive) == {}
    else:
        with pytest.raises(error, match=said):
            read_torchscript(archive)


def test_other_files_are_no_torchscript(tmp_path):
    torch.save({}, tmp_path / "w.pt")
    (tmp_path / "x.pt").write_bytes(b"PK\3\4")
    assert not is_torchscript(tmp_path / "w.pt") and not is_torchscript(tmp_path / "x.pt")
