"""Writes scikit-learn's handwritten digits: 1,797 grey images of 8x8 pixels (Alpaydin and Kaynak, UCI, 1998)."""

from pathlib import Path

import cv2
import numpy as np

from dataloaders.generated import write_once
from dataloaders.subset import shuffled_by_class
from utils.errors import UserError
from utils.seeding import SPLIT

CLASSES = [str(digit) for digit in range(10)]
MANIFEST = "digits.json"
LARGEST = 16  # of the values

_VERSION = 1  # of the files: raise it when they change
_SEED = 0  # of the split; the run's would test each run on other images
_SHARES = {"test": 0.2, "validation": 0.1}  # of each class; the rest is for training


def generate_digits(root: Path) -> None:
    """Writes root/{train,validation,test}/{0..9}/NNNN.png, or returns at once if they are there already.

    NNNN is the image's place in scikit-learn's set. Raises UserError if `root` holds anything else.
    """
    write_once(root, MANIFEST, "digits", {"version": _VERSION, "seed": _SEED, "shares": _SHARES}, _write)


def _write(folder: Path) -> None:
    from sklearn.datasets import load_digits  # a second to import, and needed once

    images, labels = load_digits(return_X_y=True)  # (N, 64) in 0..16, (N,)
    pixels = np.round(images.reshape(-1, 8, 8) * 255 / LARGEST).astype(np.uint8)
    split = _splits(labels.tolist())
    for name in (*_SHARES, "train"):
        for digit in CLASSES:
            (folder / name / digit).mkdir(parents=True)
    for place, label in enumerate(labels):
        path = folder / split[place] / CLASSES[label] / f"{place:04}.png"
        if not cv2.imwrite(str(path), pixels[place]):
            raise UserError(f"{path}: cannot be written; is the disk full?")


def _splits(labels: list[int]) -> list[str]:
    """Each image's split."""
    split = ["train"] * len(labels)
    for places in shuffled_by_class(labels, _SEED, SPLIT).values():
        rest = iter(places)
        for name, share in _SHARES.items():
            for _ in range(round(share * len(places))):
                split[next(rest)] = name
    return split
