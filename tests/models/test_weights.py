import os
import stat

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from models.weights import FILE, load_part, load_weights, read_about, save_run_model
from utils.errors import UserError
from utils.structures import Labels


class Small(nn.Module):
    def __init__(self, width: int = 3, **about):
        super().__init__()
        self.layer, self.about = nn.Linear(width, 2), lambda: about


LABELS = [Labels(["Glück", "b, \"c\""]), Labels(["xấu", "tốt"], ["giá", "pin"], ["khác"], [7, 1])]


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("about", [{}, {"quick_gelu": True}, {"encoder": {"model_type": "x", "sizes": [1, None]}}])
def test_weights_and_what_is_known_of_them_come_back(tmp_path, labels, about):
    model, other = Small(**about), Small()
    save_run_model(model, labels, tmp_path)
    load_weights(other, tmp_path)
    assert torch.equal(other.layer.weight, model.layer.weight) and torch.equal(other.layer.bias, model.layer.bias)
    found = read_about(tmp_path)
    assert Labels(**found.pop("labels")) == labels and found == about


def test_the_same_weights_make_the_same_file(tmp_path):
    """So that two runs can be compared byte for byte."""
    model, files = Small(quick_gelu=True, encoder={"a": 1, "b": 2}), set()
    for _ in range(8):
        save_run_model(model, LABELS[1], tmp_path)
        files.add((tmp_path / FILE).read_bytes())
    assert len(files) == 1


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_the_file_is_as_readable_as_any_other(tmp_path, mask):
    before = os.umask(mask)
    try:
        save_run_model(Small(), LABELS[0], tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o666 & ~mask


def test_no_weights(tmp_path):
    with pytest.raises(UserError, match="no such file; give the folder of a finished run"):
        read_about(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{}", b"\x08\0\0\0\0\0\0\0notjson!", os.urandom(100)],
                         ids=["empty", "no header", "no JSON", "noise"])
def test_a_damaged_file(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(UserError, match="not the weights of a run"):
        read_about(tmp_path)


@pytest.mark.parametrize("metadata, said", [
    (None, "does not say its classes"), ({"about": "{}"}, "does not say its classes"),
    ({"about": "[]"}, "does not say its classes"), ({"format": "pt"}, ""),
])
def test_a_file_of_another_program(tmp_path, metadata, said):
    save_file({"layer.weight": torch.zeros(2, 3)}, tmp_path / FILE, metadata)
    with pytest.raises(UserError, match=f"not the weights of a run: .*{said}"):
        read_about(tmp_path)


def test_weights_of_another_network(tmp_path):
    save_run_model(Small(4), LABELS[0], tmp_path)
    with pytest.raises(UserError, match="does not fit the run's config.yaml: .*layer.weight"):
        load_weights(Small(3), tmp_path)


class Parted(nn.Module):
    def __init__(self, width: int = 3, **parts):
        super().__init__()
        self.video, self.about = nn.Sequential(nn.Linear(width, 2), nn.BatchNorm1d(2)), dict
        for name, size in parts.items():
            setattr(self, name, nn.Linear(size, 2))


def test_a_part_is_taken_and_nothing_else(tmp_path):
    """From a run whose other parts are not this one's, one of them with a like name."""
    run, model = Parted(head=4, videos=5), Parted(head=7)
    run.video[1].running_mean.fill_(3)
    head = model.head.weight.clone()
    save_run_model(run, LABELS[0], tmp_path)
    load_part(model, "video", tmp_path)
    assert all(torch.equal(value, run.video.state_dict()[name]) for name, value in model.video.state_dict().items())
    assert model.video[1].running_mean.tolist() == [3, 3] and torch.equal(model.head.weight, head)


def test_a_run_without_the_part(tmp_path):
    save_run_model(Small(), LABELS[1], tmp_path)
    with pytest.raises(UserError, match=f"^--init-from {tmp_path}: that run has no encoder of clips$"):
        load_part(Parted(), "video", tmp_path)


@pytest.mark.parametrize("change, said", [
    (lambda run: Parted(4), "size mismatch for 0.weight"),
    (lambda run: run.video.append(nn.Linear(2, 2)), "Unexpected key.*2.weight"),
    (lambda run: run.video.pop(1), "Missing key.*1.weight"),
])
def test_a_part_of_other_settings_names_what_to_check(tmp_path, change, said):
    run = Parted()
    changed = change(run)
    save_run_model(changed if isinstance(changed, Parted) else run, LABELS[0], tmp_path)
    with pytest.raises(UserError, match=rf"^--init-from {tmp_path}: .*--clip-model, --image-size, --streams, "
                                        rf"--temporal-layers, --adapter-ratio must be that run's\): {said}") as error:
        load_part(Parted(), "video", tmp_path)
    assert "\n" not in str(error.value)


def test_a_part_of_a_damaged_run(tmp_path):
    (tmp_path / FILE).write_bytes(b"\x08\0\0\0\0\0\0\0notjson!")
    with pytest.raises(UserError, match="^--init-from ") as error:
        load_part(Parted(), "video", tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("labels", ["3", "{}", '{"classes": "ab"}', '{"classes": ["a"], "evil": []}', "null", "[]"])
def test_labels_that_are_none(tmp_path, labels):
    save_file({"w": torch.ones(2)}, tmp_path / FILE, {"about": f'{{"labels": {labels}}}'})
    with pytest.raises(UserError, match="does not say its classes"):
        read_about(tmp_path)
