"""Known answers of what training draws for a clip: which streams of numbers, and augmentations. See
utils/known_answers."""

import tempfile
from pathlib import Path

import cv2
import numpy as np

from dataloaders.augment import draw_augmentation
from dataloaders.clips import Clip
from dataloaders.order import Draw
from dataloaders.video import AugmentedDataset
from utils.config import VideoDataConfig
from utils.known_answers.answer import Answer

AUGMENT = "dataloaders/augment.py"
DRAWS = [Draw(epoch, index, repeat) for epoch in (0, 1) for index in (0, 1, 2) for repeat in (0, 1)]


class Extreme:
    """A random stream whose draws are the smallest there are, or the largest."""

    def __init__(self, largest: bool):
        self.share = 1 - 1e-9 if largest else 0.0

    def random(self) -> float:
        return self.share

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self.share


def streams() -> list[int]:
    """The first number of each stream of 12 draws under 2 seeds, for frames, face and context: all others."""
    first = []

    def seen(frames, stream):
        first.append(stream.random())
        return [0] if isinstance(frames, int) else None

    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "a.png")
        cv2.imwrite(str(path), np.zeros((16, 16, 3), np.uint8))
        for seed in (0, 1):
            data = VideoDataConfig(num_segments=1, image_size=16)
            dataset = AugmentedDataset([Clip(clip, path, 0) for clip in "abc"], data, seed)
            dataset._indices = dataset._finish = seen
            for draw in DRAWS:
                dataset[draw]
    return [len(first), len(set(first))]


def extreme(largest: bool, strength: float, erasing: float = 0.0) -> list:
    drawn = draw_augmentation(Extreme(largest), strength, erasing)
    return list(vars(drawn).values())


def together() -> list[bool]:
    """Of 400 draws: half are flipped, 0.3 erased, none erased unasked, and nothing goes with anything else."""
    stream = np.random.default_rng(0)
    drawn = [draw_augmentation(stream, 1.0, 0.3) for _ in range(400)]
    table = np.array([[one.flip, one.angle, one.scale, *one.shift, one.gain, one.bias, one.saturation,
                       one.patch is not None] for one in drawn], float)  # (N, 9)
    flipped, erased = table[:, 0].mean(), table[:, -1].mean()
    with np.errstate(invalid="ignore"):  # of what is always the same
        alone = np.abs(np.corrcoef(table.T) - np.eye(9)) < 0.3
    return [0.4 < flipped < 0.6, 0.2 < erased < 0.4, bool(alone.all())]


ANSWERS = [
    Answer("streams of a draw", "dataloaders/video.py", streams, [2 * 12 * 3, 2 * 12 * 3]),
    # The patch: 2 % of the area, ratio 1/e: sides sqrt(0.02 / e), sqrt(0.02 x e)
    Answer("draw_augmentation, smallest draws", AUGMENT, lambda: extreme(False, 1.0, 0.1),
           [True, -15.0, 0.85, [-0.08, -0.08], 0.7, -20.0, 0.7, [0.0, 0.0, 0.085776, 0.233164]]),
    # 20 %, ratio e, right and below
    Answer("draw_augmentation, largest draws", AUGMENT, lambda: extreme(True, 1.0, 1.0),
           [False, 15.0, 1.15, [0.08, 0.08], 1.3, 20.0, 1.3, [0.262666, 0.728752, 0.737334, 0.271248]]),
    Answer("draw_augmentation of half the strength", AUGMENT, lambda: extreme(False, 0.5),
           [True, -7.5, 0.925, [-0.04, -0.04], 0.85, -10.0, 0.85, None]),
    Answer("draw_augmentation of no strength", AUGMENT, lambda: extreme(False, 0.0),
           [False, 0.0, 1.0, [0.0, 0.0], 1.0, 0.0, 1.0, None]),
    Answer("draw_augmentation, many draws", AUGMENT, together, [True] * 3),
]
