"""Known answers of crops, frame sampling and augmentation. See utils/known_answers."""

import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch

from dataloaders.augment import Augmentation
from dataloaders.clips import Clip
from dataloaders.crops import crop_to, cut, face_region, letterbox, visible
from dataloaders.order import Draw
from dataloaders.sampling import tsn_indices, window_indices
from dataloaders.video import AugmentedDataset, VideoDataset, collate_clips
from dataloaders.video import Sample as ClipSample
from utils.config import VideoDataConfig
from utils.known_answers.answer import Answer

COLUMNS = np.broadcast_to(np.arange(8, dtype=np.uint8)[None, :, None] * 10, (4, 8, 3))  # 4 high, 8 wide
ROWS = np.broadcast_to(np.arange(8, dtype=np.uint8)[:, None, None] * 10, (8, 4, 3))  # 8 high, 4 wide
CROPS, SAMPLING = "dataloaders/crops.py", "dataloaders/sampling.py"


class Late:
    """A random stream whose draws are the largest there are."""

    def uniform(self, low, high):
        return np.asarray(high) - 1e-9

    def integers(self, high: int) -> int:
        return high - 1


def augmented() -> list:
    """A mirrored frame; one shifted by a quarter of its side to the right; one brightened, 2 x 40 + 5."""
    none = dict(flip=False, angle=0.0, scale=1.0, shift=(0.0, 0.0), gain=1.0, bias=0.0, saturation=1.0, patch=None)
    frame = np.broadcast_to(np.arange(4, dtype=np.uint8)[None, :, None] * 20, (4, 4, 3))
    made = [Augmentation(**none | change).at(4)(frame)[1, :, 0] for change in
            ({}, {"flip": True}, {"shift": (0.25, 0.0)}, {"gain": 2.0, "bias": 5.0}, {"patch": (0.5, 0.0, 0.5, 1.0)})]
    return made


def apart() -> list[bool]:
    """Of a noisy picture listed twice: one draw is always the same; another epoch, another clip, a second visit and the
    other stream are augmented otherwise; evaluation shows it as it is, whatever the draw."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "a.png")
        cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8))
        clips = [Clip("a", path, 0), Clip("b", path, 0)]
        data = VideoDataConfig(num_segments=1, image_size=16, missing_box="full")
        training, evaluation = AugmentedDataset(clips, data, 0), VideoDataset(clips, data, 0)
        first, *others = [training[draw] for draw in (Draw(0, 0, 0), Draw(1, 0, 0), Draw(0, 1, 0), Draw(0, 0, 1))]
        return [torch.equal(first.face, training[Draw(0, 0, 0)].face),
                *(not torch.equal(first.face, other.face) for other in others),
                not torch.equal(first.face, first.context),
                torch.equal(evaluation[Draw(0, 0, 0)].face, evaluation[Draw(3, 1, 2)].face)]


def stacked() -> list:
    """Clips of one pixel: streams and targets in the order of the samples."""
    samples = [ClipSample(str(i), i + 5, torch.full((1, 3, 1, 1), i), torch.full((1, 3, 1, 1), 9 - i)) for i in (0, 1)]
    batch = collate_clips(samples)
    return [batch.face[:, 0, 0, 0, 0], batch.context[:, 0, 0, 0, 0], batch.targets, batch.ids]


ANSWERS = [
    # Centre 20, 40; the longer side 20 times 1 + 2 x 0.2 is 28
    Answer("face_region", CROPS, lambda: face_region((15, 30, 25, 50), 100, 80, 0.2, 0.7, "centre"),
           [[6.0, 26.0, 34.0, 54.0], "face box"]),
    # 0.5 x 80 around 40, 50
    Answer("face_region without a box", CROPS, lambda: face_region(None, 100, 80, 0.2, 0.5, "centre"),
           [[20.0, 30.0, 60.0, 70.0], "centre crop"]),
    Answer("face_region with a box outside the frame", CROPS,
           lambda: face_region((90, 0, 99, 9), 100, 80, 0, 0.5, "full"),
           [[0, 0, 80, 100], "full frame"]),
    Answer("visible", CROPS, lambda: [visible(box, 100, 80) for box in ((79, 0, 90, 9), (80, 0, 90, 9), (0, 99, 9, 120),
                                                                       (0, -9, 9, 0), (-9, 0, 1, 9))],
           [True, False, True, False, True]),
    Answer("cut", CROPS, lambda: cut(COLUMNS, (2, 0, 6, 4), 4)[1, :, 0], [20, 30, 40, 50]),
    # Columns at distances 0.5 and 1.5 weigh 3 and 1; at the edge (3 x 0 + 3 x 10 + 20) / 7
    Answer("cut, shrinking", CROPS, lambda: cut(COLUMNS, (0, 0, 8, 4), 4)[1, :, 2], [7, 25, 45, 63]),
    # Two columns left of the frame repeat its edge
    Answer("cut over the left edge", CROPS, lambda: cut(COLUMNS, (-2, 0, 2, 4), 4)[1, :, 0], [0, 0, 0, 10]),
    Answer("cut over the right edge", CROPS, lambda: cut(COLUMNS, (6, 0, 10, 4), 4)[1, :, 0], [60, 70, 70, 70]),
    Answer("cut over the top and bottom", CROPS,
           lambda: [cut(ROWS, region, 4)[:, 1, 0] for region in ((0, -2, 4, 2), (0, 6, 4, 10))],
           [[0, 0, 0, 10], [60, 70, 70, 70]]),
    # Four of six rows lie below the frame; one row above, and a column on each side
    Answer("cut over the bottom", CROPS,
           lambda: [cut(ROWS, (0, 6, 4, 12), 6)[:, 1, 0], cut(ROWS, (-1, -1, 5, 5), 6)[:, 3, 0]],
           [[60, 70, 70, 70, 70, 70], [0, 0, 10, 20, 30, 40]]),
    # 4 x 8 pixels become 2 x 4 in the middle two rows
    Answer("letterbox", CROPS, lambda: letterbox(COLUMNS + np.uint8(10), 4)[:, :, 0],
           [[0] * 4, [17, 35, 55, 73], [17, 35, 55, 73], [0] * 4]),
    Answer("letterbox of a high frame", CROPS, lambda: letterbox(ROWS + np.uint8(10), 4)[:, :, 0],
           [[0, v, v, 0] for v in (17, 35, 55, 73)]),
    Answer("crop_to", CROPS,
           lambda: [crop_to(COLUMNS, (1.5, -3, 4.2, 2))[0, :, 0], crop_to(ROWS, (-1, 1.5, 9, 4.2)).shape],
           [[10, 20, 30, 40], [4, 4, 3]]),
    # Starts 0..18 in 3 parts of 19/3: their middles 3.2, 9.5, 15.8
    Answer("tsn_indices", SAMPLING, lambda: tsn_indices(20, 3, 2, None), [3, 4, 9, 10, 15, 16]),
    # The latest starts: below 6.3, 12.7, 19
    Answer("tsn_indices, late", SAMPLING,
           lambda: tsn_indices(20, 3, 2, Late()), [6, 7, 12, 13, 18, 19]),
    Answer("tsn_indices of a short clip", SAMPLING, lambda: tsn_indices(3, 4, 1, None), [0, 1, 2, 2]),
    # The window's 10 frames start at 10 at the latest: halves end at 5 and 10
    Answer("window_indices", SAMPLING, lambda: window_indices(20, 0.5, 2, 1, Late()), [14, 19]),
    Answer("a window of few frames", SAMPLING,
           lambda: window_indices(9, 0.1, 4, 1, Late()), [5, 6, 7, 8]),
    Answer("clips of a batch", "dataloaders/video.py", stacked, [[0, 1], [9, 8], [5, 6], ["0", "1"]]),
    Answer("what is drawn anew", "dataloaders/video.py", apart, [True] * 6),
    Answer("Augmentation", "dataloaders/augment.py", augmented,
           [[0, 20, 40, 60], [60, 40, 20, 0], [0, 0, 20, 40], [5, 45, 85, 125], [0, 20, 127, 127]]),
]
