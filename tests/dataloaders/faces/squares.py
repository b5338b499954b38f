"""Clips in which a white square moves, and a detector that finds such squares."""

from pathlib import Path

import cv2
import numpy as np

from dataloaders.faces.detector import Face
from tests.dataloaders.footage import write_image
from utils.config import FaceSettings

SIDE, HEIGHT, WIDTH = 16, 64, 128  # whole blocks of a codec, which then leaves their edges where they are
PLAIN = dict(pick="largest", every=1, gap=0, smooth=0)  # each frame by itself


def square(place: int) -> list[float]:
    """The box of one of 8 places."""
    return [place % 8 * 16.0, 16.0, place % 8 * 16.0 + SIDE, 32.0]


def frame(*places: int, ground: tuple[int, int, int] = (30, 30, 30)) -> np.ndarray:
    """(64, 128, 3) with a square at each place."""
    pixels = np.full((HEIGHT, WIDTH, 3), ground, np.uint8)
    for place in places:
        x1, y1, x2, y2 = map(int, square(place))
        pixels[y1:y2, x1:x2] = 250
    return pixels


class Squares:
    """A detector."""

    def __init__(self, settings: FaceSettings):
        self.least = settings.min_score

    def __call__(self, picture: np.ndarray) -> list[Face]:
        shapes = cv2.findContours((picture[..., 0] > 140).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
        corners = [cv2.boundingRect(shape) for shape in shapes]
        return [Face((x, y, x + width, y + height), 0.9) for x, y, width, height in corners if self.least <= 0.9]


def write_clip(path: Path, frames: list[np.ndarray], first: int = 0, step: int = 1) -> Path:
    """A video, an image, or a folder whose files are numbered from `first` on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        return write_image(path, frames[0])
    if not path.suffix:
        for place, pixels in enumerate(frames):
            write_image(path / f"frame_{first + place * step:04}.png", pixels)
        return path
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"MJPG"), 25, (WIDTH, HEIGHT))
    for pixels in frames:
        writer.write(pixels)
    writer.release()
    return path
