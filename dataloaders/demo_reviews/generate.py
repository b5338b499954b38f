"""Writes the demo reviews as train.csv, val.csv and test.csv in UIT-ViSFD's format."""

import csv
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from dataloaders.demo_reviews.frames import FRAMES
from dataloaders.demo_reviews.review import Draft, compose, review_row
from dataloaders.demo_reviews.typing_habits import without_marks
from dataloaders.generated import write_once
from utils.errors import UserError

MANIFEST = "demo_reviews.json"
HEADER = ("index", "comment", "n_star", "date_time", "label")

_VERSION = 1  # of the reviews: raise it when the same seed gives other ones
_CONTENT, _WRITER = range(1, 3)  # each purpose has random numbers of its own


@dataclass(frozen=True)
class ReviewSize:
    """Reviews per split."""

    train: int = 12000
    val: int = 300
    test: int = 600


def generate_reviews(folder: Path, seed: int = 0, size: ReviewSize = ReviewSize()) -> None:
    """Writes the demo reviews to `folder`, or returns at once if they are there already.

    The result depends on `seed` and `size` only. It appears under `folder` complete or not at all.

    Raises UserError if `size` cannot be met, or if `folder` holds anything else.
    """
    _check(seed, size)
    manifest = {"version": _VERSION, "seed": seed, **asdict(size)}
    write_once(Path(folder), MANIFEST, "demo reviews", manifest, partial(_write, seed=seed, size=size))


def _check(seed: int, size: ReviewSize) -> None:
    if seed < 0:
        raise UserError(f"demo reviews: the seed must not be negative, got {seed}")
    for split, count in asdict(size).items():
        if not 1 <= count <= 50_000:
            raise UserError(f"demo reviews, {split}: {count} reviews; give 1 to 50000")


def _write(folder: Path, seed: int, size: ReviewSize) -> None:
    folder.mkdir()
    seen: set[str] = set()
    for split, count in asdict(size).items():
        with open(folder / f"{split}.csv", "w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(HEADER)
            table.writerows((index, *row) for index, (_, row) in enumerate(draw(seed, split, count, seen)))


def draw(seed: int, split: str, count: int, seen: set[str]) -> Iterator[tuple[Draft, tuple[str, int, str, str]]]:
    """`count` reviews with their rows; none reads like one in `seen`, to which each is added."""
    number = list(FRAMES).index(split)
    content, writer = (np.random.default_rng([use, seed, number]) for use in (_CONTENT, _WRITER))
    while count:
        draft = compose(content, FRAMES[split])
        row = review_row(writer, draft)
        key = " ".join(without_marks(row[0]).lower().split())
        if key not in seen:
            seen.add(key)
            count -= 1
            yield draft, row
