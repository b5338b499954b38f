"""Frames of a video, a folder of frames, or an image: only those that are asked for."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import decord
import numpy as np

from dataloaders.clips import IMAGE, ClipError, frame_number
from dataloaders.containers import check_container, is_cut_short
from utils.errors import first_line

decord.logging.set_level(decord.logging.QUIET)
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
# A header that claims more is damaged or hostile; 2^26 pixels is 8192 x 8192.
LARGEST_FRAME = 2**26
# The frames of a clip lie in memory together, 64 of 4K at most: a few kilobytes of a video can be gigabytes of black.
LARGEST_CLIP = 2**29  # pixels


@dataclass
class Frames:
    """Sampled frames. `numbers` names each, as a box file would: its index, or its file's number."""

    pixels: list[np.ndarray]  # T times (H, W, 3) uint8 RGB
    numbers: list[int]
    notes: list[str] = field(default_factory=list)


Pick = Callable[[int], list[int]]  # number of frames -> indices to read


def read_clip(path: Path, pick: Pick) -> Frames:
    """The frames of a clip at the indices that `pick` chooses from its real number of frames.

    `pick` may be called twice, for readers can differ in their count; it must not depend on earlier calls.

    Raises:
        ClipError: absent, empty, not a video or image, no frame, a frame that cannot be decoded, or frames too large.
    """
    try:
        return _read(path, pick)
    except OSError as error:
        raise ClipError(error.strerror or first_line(error)) from None


def _read(path: Path, pick: Pick) -> Frames:
    if not path.exists():
        raise ClipError("no such file")
    if path.is_dir():
        return _read_folder(path, pick)
    if path.stat().st_size == 0:
        raise ClipError("the file is empty")
    if path.suffix.lower() in IMAGE:
        return Frames([read_image(path)] * len(indices := pick(1)), indices)
    return _read_video(path, pick)


def check_size(width: int, height: int, frames: int = 1) -> None:
    """
    Raises:
        ClipError: too many pixels.
    """
    if width * height > LARGEST_FRAME:
        raise ClipError(f"{width}x{height} pixels is too large")
    if width * height * frames > LARGEST_CLIP:
        raise ClipError(f"{frames} frames of {width}x{height} pixels are too large together")


def _read_video(path: Path, pick: Pick) -> Frames:
    check_container(path)
    try:
        frames = _read_with_decord(path, pick)
    except (decord.DECORDError, RuntimeError, IndexError):
        # decord2 3.4.0 now and then fails on HEVC files that are sound; OpenCV has an FFmpeg of its own.
        frames = _read_with_opencv(path, pick)
    if is_cut_short(path):
        frames.notes.append("video file cut short")
    return frames


def _read_with_decord(path: Path, pick: Pick) -> Frames:
    # Opened here, in the worker that uses it, and closed on return: readers do not survive a fork.
    reader = decord.VideoReader(str(path), num_threads=1)
    times = reader.get_frame_timestamp(range(len(reader)))  # (N, 2) begin and end
    if len(times) == 0 or times[0, 0] < 0:
        # An edit list cuts away what lies before time 0. decord counts it, and then gives wrong frames.
        raise IndexError
    indices = pick(len(reader))
    ascending = sorted(set(indices))  # each step back would decode again from a key frame
    first = reader.get_batch(ascending[:1]).asnumpy()  # only a frame tells its size
    check_size(first.shape[2], first.shape[1], len(ascending))
    rest = reader.get_batch(ascending[1:]).asnumpy() if ascending[1:] else ()
    frames = dict(zip(ascending, (*first, *rest)))  # (H, W, 3) each
    return Frames([frames[index] for index in indices], indices)


def _read_with_opencv(path: Path, pick: Pick) -> Frames:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        check_size(*(int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)))
        count = 0  # containers over-report: only counting tells
        while capture.grab():
            count += 1
        if count == 0:
            raise ClipError("not a video, or no frame can be decoded")
        indices = pick(count)
        capture.release()
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        wanted, frames = set(indices), {}
        for index in range(max(wanted) + 1):
            read, image = capture.grab(), None
            if read and index in wanted:
                read, image = capture.retrieve()
            if not read:
                raise ClipError(f"frame {index} cannot be decoded")
            if image is not None:
                check_size(image.shape[1], image.shape[0], len(wanted))
                frames[index] = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    finally:
        capture.release()
    return Frames([frames[index] for index in indices], indices, ["video read with OpenCV"])


def frame_files(folder: Path) -> list[Path]:
    """A folder's images in numeric order: 2.jpg stands before 10.jpg."""
    files = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE and not p.name.startswith(".")]
    return sorted(files, key=lambda p: (_numeric(p.stem), p.name))


def _numeric(name: str) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d{1,18})", name)]


def _read_folder(folder: Path, pick: Pick) -> Frames:
    files = frame_files(folder)
    if not files:
        raise ClipError("the folder holds no image")
    indices = pick(len(files))
    read, pixels = {}, 0
    for index in sorted(set(indices)):
        read[index] = read_image(files[index])
        pixels += read[index].shape[0] * read[index].shape[1]
        if pixels > LARGEST_CLIP:
            raise ClipError("its frames are too large together")
    numbers = [frame_number(files[index].name) for index in indices]
    numbers = [index if number is None else number for index, number in zip(indices, numbers)]
    return Frames([read[index] for index in indices], numbers)


def read_image(path: Path) -> np.ndarray:
    """(H, W, 3) RGB"""
    try:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    except cv2.error:  # OpenCV's own bound on the number of pixels
        raise ClipError(f"{path.name}: the image is too large") from None
    if image is None:
        raise ClipError(f"{path.name}: cannot be decoded")
    try:
        check_size(image.shape[1], image.shape[0])
    except ClipError as error:
        raise ClipError(f"{path.name}: {error}") from None
    return image
