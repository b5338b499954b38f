from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_digits

from dataloaders.digits import CLASSES, generate_digits
from utils.errors import UserError


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "digits"
    generate_digits(root)
    return root


def test_every_image_is_there_once_under_its_class(root):
    digits = load_digits()
    files = sorted(root.glob("*/*/*.png"), key=lambda path: path.name)
    assert [path.name for path in files] == [f"{place:04}.png" for place in range(1797)]
    assert [int(path.parent.name) for path in files] == digits.target.tolist()
    assert {path.parent.parent.name for path in files} == {"train", "validation", "test"}
    for path, image in zip(files, digits.images):
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert pixels.shape == (8, 8) and pixels.dtype == np.uint8
        assert (np.abs(pixels - image * 255 / 16) <= 0.5).all()
    assert CLASSES == [str(name) for name in digits.target_names]


def test_a_fifth_and_a_tenth_of_each_class_are_held_out(root):
    sizes = Counter(load_digits().target.tolist())
    for digit, size in sizes.items():
        number = {split: len(list((root / split / str(digit)).iterdir())) for split in ("test", "validation", "train")}
        test, validation = round(0.2 * size), round(0.1 * size)
        assert number == {"test": test, "validation": validation, "train": size - test - validation}


def test_the_held_out_images_are_drawn_and_always_the_same(root, tmp_path):
    generate_digits(tmp_path / "again")
    names = [sorted(path.relative_to(place) for path in place.rglob("*.png")) for place in (root, tmp_path / "again")]
    assert names[0] == names[1]
    places = sorted(int(path.stem) for path in (root / "test").rglob("*.png"))
    assert places[0] < 30 and places[-1] > 1766  # not the first or the last fifth
    assert 800 < np.mean(places) < 1000


def test_they_are_written_once(root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    generate_digits(root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis").touch()
    with pytest.raises(UserError, match="exists and is not the digits of seed 0: remove it or name another folder"):
        generate_digits(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis"]


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "imwrite", lambda path, pixels: Path(path).name < "0100.png")
    with pytest.raises(UserError, match=r"0100\.png: cannot be written"):
        generate_digits(tmp_path / "digits")
    assert list(tmp_path.iterdir()) == []
