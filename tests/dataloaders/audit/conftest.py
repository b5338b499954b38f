"""A small data set without a fault, and the means to put one in."""

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from dataloaders import build_loaders
from dataloaders.audit import audit
from dataloaders.datasets import CAER

FRAMES, WIDTH, HEIGHT = 12, 96, 64
SIZES = {"train": 4, "validation": 2, "test": 2}
FLAGS = ("--train-annotation train.txt --val-annotation validation.txt --test-annotation test.txt "
         "--bounding-box-face face.json")


def picture(stream: np.random.Generator) -> np.ndarray:
    """(64, 96, 3), smooth, of any colours."""
    coarse = stream.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def write_clip(folder: Path, stream: np.random.Generator, frames: int = FRAMES) -> dict[str, list[float]]:
    """A picture that drifts, frames from 0.jpg; its boxes, which drift as well."""
    folder.mkdir(parents=True, exist_ok=True)
    image, (x, y), side = picture(stream), stream.uniform([2, 2], [66, 36]), stream.uniform(22, 30)
    boxes = {}
    for number in range(frames):
        box = [x + number / 2, y, x + number / 2 + side, y + side]
        shown = np.roll(image, 3 * number, 1)
        x1, y1, x2, y2 = map(round, box)
        cv2.ellipse(shown, ((x1 + x2) // 2, (y1 + y2) // 2), (10, 10), 0, 0, 360, (90, 150, 220), -1)  # what is boxed
        cv2.imwrite(str(folder / f"{number}.jpg"), shown, [cv2.IMWRITE_JPEG_QUALITY, 92])
        boxes[f"{number}.jpg"] = box
    return boxes


@pytest.fixture(scope="session")
def sound(tmp_path_factory) -> Path:
    """Frame folders CAER/SPLIT/CLASS/NNNN, lists from 0, a box for every frame; one clip has none."""
    root, stream, boxes, number = tmp_path_factory.mktemp("sound"), np.random.default_rng(5), {}, 0
    for split, size in SIZES.items():
        lines = []
        for label, name in enumerate(CAER):
            for _ in range(size):
                number += 1
                clip = f"CAER/{split}/{name}/{number:04}"
                boxes[clip] = write_clip(root / clip, stream)
                lines.append(f"{clip} {FRAMES} {label}")
        (root / f"{split}.txt").write_text("\n".join(lines) + "\n")
    del boxes["CAER/train/Fear/0009"]
    (root / "face.json").write_text(json.dumps(boxes))
    return root


class Data:
    """A copy of the sound set. Files are links to the sound ones: replace them, never write into them."""

    def __init__(self, root: Path, configure):
        self.root, self.configure = root, configure

    def lines(self, split: str) -> list[str]:
        return (self.root / f"{split}.txt").read_text().splitlines()

    def put(self, name: str, text: str) -> None:
        (self.root / name).unlink(missing_ok=True)
        (self.root / name).write_text(text)

    def relist(self, split: str, change) -> None:
        """`change` makes new lines of the lines."""
        self.put(f"{split}.txt", "\n".join(change(self.lines(split))) + "\n")

    def rebox(self, change) -> None:
        """`change` makes a new box of (key, frame, box)."""
        table = json.loads((self.root / "face.json").read_text())
        self.put("face.json", json.dumps({key: {name: change(key, name, box) for name, box in boxes.items()}
                                          for key, boxes in table.items()}))

    def clips(self, split: str) -> list[Path]:
        return [self.root / line.rsplit(None, 2)[0] for line in self.lines(split)]

    def repaint(self, file: Path, change) -> None:
        """`change` makes a new picture of the old one, BGR."""
        image = change(cv2.imread(str(file)))
        file.unlink()
        cv2.imwrite(str(file), image, [cv2.IMWRITE_JPEG_QUALITY, 92])

    def findings(self, flags: str = "", full: bool = True):
        config = self.configure(f"--root-dir {self.root} {FLAGS} {flags}")
        loaders, labels = build_loaders(config, self.root)
        return audit(config, loaders, labels, full)


@pytest.fixture
def data(sound, configure, tmp_path) -> Data:
    shutil.copytree(sound, tmp_path / "data", copy_function=os.link)
    return Data(tmp_path / "data", configure)
