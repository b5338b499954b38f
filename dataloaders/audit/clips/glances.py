"""One frame of as many clips as time allows, spread over splits and classes: enough to compare clips with others."""

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest

import cv2
import numpy as np

from dataloaders.audit.clips.expected import Box, BoxTable, see, shrink
from dataloaders.audit.clips.looks import table_of
from dataloaders.audit.clips.reading import header, read_image
from dataloaders.audit.clips.view import Split, View, files_of
from dataloaders.clips import IMAGE, Clip

SECONDS, MOST = 2.5, 800  # of a quick audit; clips, whatever the audit
THUMB, FACE, CENTRE = 32, 16, 160
EXTREMES = 0.2, 99.8  # percentiles of the values
SEEN, LEAST = 0.9, 4  # of a box that must lie in the frame; pixels of its shorter side


@dataclass
class Glance:
    """A clip by its first frame, or of a folder by its middle one."""

    split: str
    clip: Clip
    size: tuple[int, int]  # width, height
    thumb: np.ndarray  # (32, 32, 3) uint8
    box: Box | None
    face: np.ndarray | None  # (16, 16, 3), what the box holds
    frame: np.ndarray  # (h, w, 3), its shorter side at most 96
    centre: np.ndarray  # (h, w, 3), of the clip's own pixels, sides at most 160
    kind: dict[str, str] = field(default_factory=dict)  # what the file says: codec, frames a second
    traits: dict[str, float] = field(default_factory=dict)  # what can be measured without knowing what is shown

    @property
    def scale(self) -> float:
        """Of `frame`, to the clip's own pixels."""
        return self.frame.shape[1] / self.size[0]


def glance(view: View) -> list[Glance]:
    path = view.config.data.bounding_box_face
    table, begun, glances = table_of(view, path), time.monotonic(), []
    for split, clip in _plan(view):
        if len(glances) == MOST or not view.full and time.monotonic() - begun > SECONDS:
            break
        with view.reading(clip):
            seen = _glance(split, clip, table)
        glances += [seen] if seen else []
    return glances


def _plan(view: View) -> Iterator[tuple[Split, Clip]]:
    """A clip of each class of each split in turn; of each class evenly spaced ones first."""
    queues = []
    for split in view.splits.values():
        classes = defaultdict(list)
        for clip in split.present:
            classes[clip.label].append((split, clip))
        for clips in classes.values():
            order = np.argsort(np.arange(len(clips)) * (5**0.5 - 1) / 2 % 1)
            queues.append([clips[place] for place in order])
    for turn in zip_longest(*queues):
        yield from (item for item in turn if item)


def _glance(split: Split, clip: Clip, table: BoxTable | None) -> Glance | None:
    try:
        frame, number, kind, traits = _read(clip)
    except (OSError, ValueError, SyntaxError, cv2.error):
        return None
    height, width = frame.shape[:2]
    box = table.box(clip.id, number) if table else None
    face = see(frame, box, FACE) if box and within(box, width, height) else None
    centre = middle_of(frame)
    factor = min(1.0, 96 / min(width, height))
    small = cv2.resize(frame, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else frame
    return Glance(split.name, clip, (width, height), shrink(frame, THUMB, THUMB), box, face, small, centre, kind,
                  traits | measured(small, centre))


def middle_of(frame: np.ndarray) -> np.ndarray:
    y, x = (max(length - CENTRE, 0) // 2 for length in frame.shape[:2])
    return np.ascontiguousarray(frame[y : y + CENTRE, x : x + CENTRE])


def within(box: Box, width: int, height: int) -> bool:
    wide, high = min(box[2], width) - max(box[0], 0), min(box[3], height) - max(box[1], 0)
    return min(wide, high) >= LEAST and wide * high >= SEEN * (box[2] - box[0]) * (box[3] - box[1])


def _read(clip: Clip) -> tuple[np.ndarray, int, dict[str, str], dict[str, float]]:
    """(H, W, 3), its number, and what the file says."""
    path = clip.path
    if path.is_dir():
        files = files_of(path)
        if not files:
            raise ValueError("no image")
        place = len(files) // 2
        digits = "".join(c if c.isdigit() else " " for c in files[place].stem).split()
        image = read_image(files[place])
        return image, int(digits[-1]) if digits else place, {}, _weight(files[place].stat().st_size, image, len(files))
    if path.suffix.lower() in IMAGE:
        image = read_image(path)
        return image, 0, {}, _weight(path.stat().st_size, image, None)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    found, frame = capture.read()
    number = int(capture.get(cv2.CAP_PROP_FOURCC)) % 2**32  # -1, where the file is no video
    code = number.to_bytes(4, "little").decode("ascii", "replace").strip("\0 ")
    rate, count = capture.get(cv2.CAP_PROP_FPS), header(path)[1] or int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    capture.release()
    if not found:
        raise ValueError("no frame")
    kind = {"codec": code, "frames a second": f"{rate:g}"}
    return np.ascontiguousarray(frame[..., ::-1]), 0, kind, _weight(path.stat().st_size / max(count, 1), frame, count)


def _weight(size: float, frame: np.ndarray, count: int | None) -> dict[str, float]:
    traits = {"bits per pixel (log 2)": float(np.log2(8 * size / (frame.shape[0] * frame.shape[1]) + 1e-6))}
    return traits | ({"number of frames (log 2)": float(np.log2(max(count, 1)))} if count else {})


def measured(small: np.ndarray, centre: np.ndarray) -> dict[str, float]:
    """Grey levels, but for sharpness and combing, which are factors' logarithms and of the frame's own pixels."""
    darkest, lightest = np.percentile(small, EXTREMES)
    red, green, blue = np.moveaxis(small.astype(np.float32), -1, 0)
    grey = (red + green + blue) / 3
    high, wide = max(len(grey) // 16, 1), max(grey.shape[1] // 16, 1)
    centre = centre.astype(np.float32).mean(-1)
    fine = centre - cv2.GaussianBlur(centre, (0, 0), 1)
    rows = [float(np.abs(centre[step:] - centre[:-step]).mean()) + 0.5 for step in (1, 2)]
    colour = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    return {"brightness": float(grey.mean()), "contrast": float(grey.std()), "colour": float(colour.mean()),
            "red against blue": float((red - blue).mean()), "darkest": float(darkest), "lightest": float(lightest),
            "sharpness (log 2)": float(np.log2(np.abs(fine).mean() + 0.25)),
            "combing (log 2)": float(np.log2(rows[0] / rows[1])),
            "upper and lower border": float(np.concatenate([grey[:high], grey[-high:]]).mean()),
            "left and right border": float(np.concatenate([grey[:, :wide], grey[:, -wide:]], 1).mean())}
