"""Clips read by other libraries than training's: Pillow for images, OpenCV from the first frame on for videos."""

import re
import struct
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from dataloaders.audit.clips.view import files_of
from dataloaders.clips import IMAGE, ClipError
from dataloaders.containers import check_container
from dataloaders.readers import check_size


@dataclass
class Reading:
    """Some frames of a clip. `numbers` is what a box file would call them."""

    count: int  # frames in the clip
    pixels: list[np.ndarray]  # T times (H, W, 3) uint8 RGB
    numbers: list[int]
    still: bool  # it is one image


class UnlikeError(Exception):
    """This clip cannot be read here; the text says why."""


def middle_indices(count: int, segments: int, duration: int) -> list[int]:
    """TSN's frames of an evaluation, in whole numbers."""
    if count <= segments * duration:
        return [min(place, count - 1) for place in range(segments * duration)]
    starts = [(2 * place + 1) * (count - duration + 1) // (2 * segments) for place in range(segments)]
    return [start + step for start in starts for step in range(duration)]


def read(path: Path, segments: int, duration: int) -> Reading:
    """The frames that an evaluation is to see.

    Raises:
        UnlikeError: nothing can be decoded.
    """
    try:
        if path.is_dir():
            return _read_folder(path, segments, duration)
        if path.suffix.lower() in IMAGE:
            return Reading(1, [read_image(path)] * (segments * duration), [0] * (segments * duration), True)
        return _read_video(path, segments, duration)
    except (OSError, ValueError, SyntaxError, cv2.error, Image.DecompressionBombError, ClipError) as error:
        raise UnlikeError(str(error)) from None


def read_image(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        if image.mode.startswith("I;16"):
            return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., None], 3, 2)
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def _read_folder(path: Path, segments: int, duration: int) -> Reading:
    files = files_of(path)
    if not files:
        raise UnlikeError("no image in the folder")
    wanted = middle_indices(len(files), segments, duration)
    pixels = {index: read_image(files[index]) for index in set(wanted)}
    numbers = [re.findall(r"\d+", files[index].stem) for index in wanted]
    return Reading(len(files), [pixels[index] for index in wanted],
                   [int(found[-1]) if found else index for found, index in zip(numbers, wanted)], False)


def _read_video(path: Path, segments: int, duration: int) -> Reading:
    count, pixels = _decode(path, segments, duration, None)
    if not count:
        raise UnlikeError("no frame can be decoded")
    wanted = middle_indices(count, segments, duration)
    if not pixels.keys() >= set(wanted):  # the container counts other frames than there are
        pixels = _decode(path, segments, duration, count)[1]
    if not pixels.keys() >= set(wanted):
        raise UnlikeError("a frame cannot be decoded")
    return Reading(count, [pixels[index] for index in wanted], wanted, False)


def _decode(path: Path, segments: int, duration: int, count: int | None) -> tuple[int, dict[int, np.ndarray]]:
    """The number of frames, and those that a clip of `count` frames, or as many as its container says, is to show."""
    check_container(path)
    capture, number, pixels = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), 0, {}
    check_size(*(int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)),
               segments * duration)
    count = count or max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 1)
    wanted = set(middle_indices(count, segments, duration))
    while capture.grab():
        if number in wanted and (frame := capture.retrieve()[1]) is not None:
            pixels[number] = frame[..., ::-1]
        number += 1
    capture.release()
    return number, pixels


def header(path: Path) -> tuple[tuple[int, int] | None, int | None]:
    """(width, height) and number of frames, as far as they can be told without decoding."""
    try:
        if path.is_dir():
            files = files_of(path)
            return (_size(files[0]) if files else None), len(files)
        if path.suffix.lower() in IMAGE:
            return _size(path), 1
        with path.open("rb") as file:
            head = file.read(72)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None, None
    if head[:4] == b"RIFF" and head[8:12] == b"AVI " and head[24:28] == b"avih" and len(head) == 72:
        frames, (width, height) = struct.unpack("<I", head[48:52])[0], struct.unpack("<II", head[64:72])
        return (width, height) if width and height else None, frames or None
    return None, None


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        turned = image.getexif().get(0x0112, 1) >= 5 if image.format == "JPEG" else False
        return image.size[::-1] if turned else image.size
