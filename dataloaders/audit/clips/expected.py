"""What the streams of a clip should show, worked out from the recipe's words and not by the loader's code."""

import json
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from dataloaders.audit.clips.view import plain_name
from utils.config import ClipDataConfig

Box = tuple[float, float, float, float]
FAR = 4  # times the frame's size: a region that reaches further out is not worked out


class BoxTable:
    """A box file, its keys found by another way than `Boxes`."""

    def __init__(self, path: Path):
        self.path, self.raw = path, json.loads(path.read_text(encoding="utf-8-sig"))
        self.exact = {plain_name(key): key for key in self.raw}
        self.tails = defaultdict(list)
        for key in self.raw:
            self.tails[_tail(plain_name(key))].append(key)

    def key(self, clip_id: str) -> str | None:
        name = plain_name(clip_id)
        if name in self.exact:
            return self.exact[name]
        if _tail(name) in self.exact:
            return self.exact[_tail(name)]
        return self.tails[name][0] if len(self.tails.get(name, ())) == 1 else None

    def frames(self, key: str) -> dict[int | None, Box]:
        """By frame's number, or under None that of the whole clip."""
        value = self.raw[key]
        if isinstance(value, list):
            return {None: tuple(value)}
        return {int("".join(c if c.isdigit() else " " for c in plain_name(name)).split()[-1]): tuple(box)
                for name, box in value.items()}

    def box(self, clip_id: str, number: int) -> Box | None:
        key = self.key(clip_id)
        boxes = self.frames(key) if key else {}
        return boxes[min(boxes, key=lambda n: (abs((n or 0) - number), n or 0))] if boxes else None


def _tail(name: str) -> str:
    """Without the first folder, where two parts are left."""
    parts = name.split("/")
    return "/".join(parts[1:]) if len(parts) > 2 else name


def inside(box: Box, width: int, height: int) -> bool:
    return min(box[2], width) - max(box[0], 0) >= 1 and min(box[3], height) - max(box[1], 0) >= 1


@dataclass
class Face:
    """The region that the face stream shows, in pixels."""

    region: Box
    boxed: bool


def face_of(box: Box | None, width: int, height: int, data: ClipDataConfig) -> Face | None:
    """None where the clip should count as bad."""
    if box is not None and inside(box, width, height):
        half = max(box[2] - box[0], box[3] - box[1]) * (0.5 + data.box_margin)
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        return Face((x - half, y - half, x + half, y + half), True)
    if data.missing_box == "error":
        return None
    if data.missing_box == "full":
        return Face((0, 0, width, height), False)
    half = min(width, height) * data.centre_crop / 2
    return Face((width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half), False)


def see(frame: np.ndarray, region: Box, side: int) -> np.ndarray | None:
    """The region, what is outside repeating the edge, at side x side. (H, W, 3) -> (side, side, 3)

    None where it reaches too far out.
    """
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = (round(v) for v in region)
    x2, y2 = max(x2, x1 + 1), max(y2, y1 + 1)
    left, top, right, bottom = max(-x1, 0), max(-y1, 0), max(x2 - width, 0), max(y2 - height, 0)
    if max(left, top, right, bottom) > FAR * max(width, height):
        return None
    x1, y1 = min(x1, width - 1), min(y1, height - 1)  # at least the edge's pixels
    frame = frame[max(y1, 0) : max(y2, 1), max(x1, 0) : max(x2, 1)]
    if left or top or right or bottom:
        frame = np.pad(frame, ((top, bottom), (left, right), (0, 0)), mode="edge")
    return shrink(frame, side, side)


def shrink(frame: np.ndarray, width: int, height: int) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(frame))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))


def boxed_in(frame: np.ndarray, side: int) -> np.ndarray:
    """The whole frame in the middle of a black square."""
    height, width = frame.shape[:2]
    wide, high = (max(round(v * side / max(width, height)), 1) for v in (width, height))
    square = np.zeros((side, side, 3), np.uint8)
    top, left = (side - high) // 2, (side - wide) // 2
    square[top : top + high, left : left + wide] = shrink(frame, wide, high)
    return square


def context_of(frame: np.ndarray, body: Box | None, side: int) -> np.ndarray:
    height, width = frame.shape[:2]
    if body is not None and inside(body, width, height):
        x1, y1 = max(math.trunc(body[0]), 0), max(math.trunc(body[1]), 0)
        frame = frame[y1 : min(math.ceil(body[3]), height), x1 : min(math.ceil(body[2]), width)]
    return boxed_in(frame, side)
