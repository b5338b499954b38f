"""From whole frames to square pictures: the face crop with its fall-back ladder, and the context."""

import cv2
import numpy as np
import torch
from torch.nn.functional import interpolate

from dataloaders.boxes import Box
from dataloaders.clips import ClipError

FACE_BOX, CENTRE_CROP, FULL_FRAME = "face box", "centre crop", "full frame"


def face_region(box: Box | None, height: int, width: int, margin: float, centre: float,
                missing: str) -> tuple[Box, str]:
    """The square to cut for the face stream, in pixels, and which step of the ladder gave it.

    Args:
        box: the face's box, if there is one. One with no area inside the frame counts as none.
        margin: widening on each side, as a share of the box's longer side.
        centre: side of the centre crop, as a share of the frame's shorter side.
        missing: "centre", "full" or "error", where there is no box.
    Raises:
        ClipError: no box, and `missing` is "error".
    """
    if box is not None and visible(box, height, width):
        x1, y1, x2, y2 = box
        return square((x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1) * (1 + 2 * margin)), FACE_BOX
    if missing == "error":
        raise ClipError("no usable face box, and --missing-box error")
    if missing == "full":
        return (0, 0, width, height), FULL_FRAME
    return square(width / 2, height / 2, min(height, width) * centre), CENTRE_CROP


def lowest(steps: list[str]) -> str:
    """A clip's step of the ladder: the last one that any of its frames needed, so that a clip counts once."""
    return ([step for step in steps if step != FACE_BOX] or steps)[-1]


def visible(box: Box, height: int, width: int) -> bool:
    """Whether at least one pixel of the box lies inside the frame."""
    x1, y1, x2, y2 = box
    return min(x2, width) - max(x1, 0) >= 1 and min(y2, height) - max(y1, 0) >= 1


def square(x: float, y: float, side: float) -> Box:
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def cut(frame: np.ndarray, region: Box, size: int) -> np.ndarray:
    """The region at size x size pixels; what lies outside the frame repeats its edge. (H, W, 3) -> (S, S, 3)"""
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = (int(round(v)) for v in region)
    x2, y2 = max(x2, x1 + 1), max(y2, y1 + 1)
    inner = frame[max(y1, 0) : min(y2, height), max(x1, 0) : min(x2, width)]
    # Shrinking before the border is added keeps the border cheap, however far out the box reaches.
    scale_x, scale_y = size / (x2 - x1), size / (y2 - y1)
    left, right = round(max(-x1, 0) * scale_x), round(max(x2 - width, 0) * scale_x)
    top, bottom = round(max(-y1, 0) * scale_y), round(max(y2 - height, 0) * scale_y)
    # Rounding must leave at least one pixel of the picture itself.
    left, top = min(left, size - 1), min(top, size - 1)
    right, bottom = min(right, size - 1 - left), min(bottom, size - 1 - top)
    inner = resize(inner, size - left - right, size - top - bottom)
    if not (top or bottom or left or right):
        return inner
    return cv2.copyMakeBorder(inner, top, bottom, left, right, cv2.BORDER_REPLICATE)


def letterbox(frame: np.ndarray, size: int) -> np.ndarray:
    """The whole frame in a size x size square, its sides' ratio kept, black around. (H, W, 3) -> (S, S, 3)"""
    height, width = frame.shape[:2]
    scale = size / max(height, width)
    inner = resize(frame, max(round(width * scale), 1), max(round(height * scale), 1))
    top, left = (size - inner.shape[0]) // 2, (size - inner.shape[1]) // 2
    out = np.zeros((size, size, 3), np.uint8)
    out[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return out


def crop_to(frame: np.ndarray, box: Box) -> np.ndarray:
    """The part of the frame inside the box, which must be `visible`."""
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = box
    return frame[max(int(y1), 0) : min(int(np.ceil(y2)), height), max(int(x1), 0) : min(int(np.ceil(x2)), width)]


def resize(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """(H, W, 3) -> (height, width, 3), bilinear; a side that shrinks is averaged first, as Pillow does."""
    if height >= image.shape[0] and width >= image.shape[1]:
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    # On bytes whose channels lie together torch is several times as fast as OpenCV's averaging.
    pixels = torch.from_numpy(np.ascontiguousarray(image))[None].permute(0, 3, 1, 2)  # (1, 3, H, W)
    small = interpolate(pixels, (height, width), mode="bilinear", antialias=True)
    return small[0].permute(1, 2, 0).numpy()
