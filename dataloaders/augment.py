"""Training augmentation: drawn once for a clip and stream, the same for all its frames."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

GREY = np.array([0.299, 0.587, 0.114])  # BT.601


@dataclass(frozen=True)
class Augmentation:
    """Flip, then a rotation, scaling and shift about the centre, then colour, then an erased patch."""

    flip: bool
    angle: float  # degrees
    scale: float
    shift: tuple[float, float]  # share of the side
    gain: float
    bias: float  # grey levels
    saturation: float
    patch: tuple[float, float, float, float] | None  # x, y, width, height, share of the side

    def at(self, size: int) -> Callable[[np.ndarray], np.ndarray]:
        """What it does to a frame, (S, S, 3) uint8 -> the same, made ready once for all frames of a clip."""
        places, colours = self._places(size), self._colours()
        x, y, width, height = (int(round(v * size)) for v in self.patch or (0, 0, 0, 0))

        def change(frame: np.ndarray) -> np.ndarray:
            frame = cv2.copyMakeBorder(frame, 0, 1, 0, 1, cv2.BORDER_REPLICATE)  # see _places
            frame = cv2.transform(cv2.remap(frame, *places, cv2.INTER_LINEAR), colours)
            frame[y : y + height, x : x + width] = 127
            return frame

        return change

    def _matrix(self, size: int) -> np.ndarray:
        """Source to target pixels, (2, 3)."""
        centre = (size - 1) / 2
        matrix = cv2.getRotationMatrix2D((centre, centre), self.angle, self.scale)
        matrix[:, 2] += np.multiply(self.shift, size)
        if self.flip:
            matrix = matrix @ np.array([[-1, 0, size - 1], [0, 1, 0], [0, 0, 1]], float)
        return matrix

    def _places(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Where each pixel comes from, as OpenCV's whole pixels and 32nd parts.

        What lies outside repeats the edge; OpenCV is slow where it sees to that, also for the last row and column.
        """
        (a, b, c), (d, e, f) = cv2.invertAffineTransform(self._matrix(size)).astype(np.float32)
        x = np.arange(size, dtype=np.float32)
        y = x[:, None]
        across, down = (np.clip(place, 0, size - 1) for place in (a * x + b * y + c, d * x + e * y + f))  # (S, S)
        return cv2.convertMaps(across, down, cv2.CV_16SC2)

    def _colours(self) -> np.ndarray:
        """Gain and bias, then saturation, as one map of (red, green, blue, 1); (3, 4)."""
        mix = self.saturation * np.eye(3) + (1 - self.saturation) * GREY
        return np.hstack([self.gain * mix, np.full((3, 1), self.bias)])


def draw_augmentation(stream: np.random.Generator, strength: float, erasing: float) -> Augmentation:
    """Strength 1: flips, 15 degrees, 15 % of scale, 8 % of shift, 30 % of contrast and saturation.

    Random erasing: Zhong et al., 2020 (arXiv 1708.04896), a patch of 2 to 20 % of the area.
    """
    spread = lambda width: float(stream.uniform(-width, width) * strength)  # noqa: E731
    flip = strength > 0 and stream.random() < 0.5
    angle, scale, shift = spread(15), 1 + spread(0.15), (spread(0.08), spread(0.08))
    gain, bias, saturation = 1 + spread(0.3), spread(20), 1 + spread(0.3)
    patch = None
    if stream.random() < erasing:
        area, ratio = stream.uniform(0.02, 0.2), np.exp(stream.uniform(-1, 1))
        width, height = min((area * ratio) ** 0.5, 1), min((area / ratio) ** 0.5, 1)
        patch = (stream.uniform(0, 1 - width), stream.uniform(0, 1 - height), width, height)
    return Augmentation(flip, angle, scale, shift, gain, bias, saturation, patch)
