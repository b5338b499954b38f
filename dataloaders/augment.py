"""Training augmentation: drawn once for a clip and stream, the same for all its frames."""

from dataclasses import dataclass

import cv2
import numpy as np


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

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """(T, S, S, 3) uint8 -> the same."""
        size = frames.shape[1]
        frames = np.stack([cv2.warpAffine(frame, self._matrix(size), (size, size), flags=cv2.INTER_LINEAR,
                                          borderMode=cv2.BORDER_REPLICATE) for frame in frames])
        frames = self._colour(frames)
        if self.patch is not None:
            x, y, width, height = (int(round(v * size)) for v in self.patch)
            frames[:, y : y + height, x : x + width] = 127
        return frames

    def _matrix(self, size: int) -> np.ndarray:
        """Source to target pixels, (2, 3)."""
        centre = (size - 1) / 2
        matrix = cv2.getRotationMatrix2D((centre, centre), self.angle, self.scale)
        matrix[:, 2] += np.multiply(self.shift, size)
        if self.flip:
            matrix = matrix @ np.array([[-1, 0, size - 1], [0, 1, 0], [0, 0, 1]], float)
        return matrix

    def _colour(self, frames: np.ndarray) -> np.ndarray:
        table = np.clip(np.arange(256) * self.gain + self.bias, 0, 255).astype(np.uint8)
        frames = cv2.LUT(frames.reshape(-1, *frames.shape[2:]), table)
        grey = cv2.cvtColor(cv2.cvtColor(frames, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        frames = cv2.addWeighted(frames, self.saturation, grey, 1 - self.saturation, 0)
        return frames.reshape(-1, *([frames.shape[1]] * 2), 3)


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
