"""Real videos and images whose every frame says its own number."""

from pathlib import Path

import cv2
import numpy as np

# 128 pixels wide: decord2 3.4.0 fails on some narrower videos.
BITS, BAR, HEIGHT = 8, 16, 64


def frame(number: int) -> np.ndarray:
    """(64, 128, 3) BGR: eight bars, white where the number's bit is set; no codec blurs that."""
    bars = [235 if number >> bit & 1 else 20 for bit in range(BITS)]
    return np.repeat(np.repeat(np.array([bars], np.uint8), BAR, axis=1), HEIGHT, axis=0)[..., None].repeat(
        3, axis=2
    )


def number_of(pixels: np.ndarray) -> int:
    """The number that a frame, of any size and lightness, says."""
    width = pixels.shape[1] / BITS
    centres = [pixels[pixels.shape[0] // 2, int((bit + 0.5) * width)].mean() for bit in range(BITS)]
    return sum(1 << bit for bit, level in enumerate(centres) if level > 127)


def numbers_of(frames) -> list[int]:
    return [number_of(pixels) for pixels in frames]


def write_video(path: Path, frames: int = 40, codec: str = "MJPG") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(
        str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*codec), 25, (BITS * BAR, HEIGHT)
    )
    assert writer.isOpened()
    for number in range(frames):
        writer.write(frame(number))
    writer.release()
    return path


def write_image(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)
    return path
