"""Anti-aliased drawing with sub-pixel positions."""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

Colour = tuple[float, float, float]  # RGB, 0..255

_SHIFT = 4  # cv2 takes fixed-point coordinates with this many binary places


class Canvas:
    """Draws on an RGB image in local units.

    `place` maps points (N, 2) in local units to pixels (N, 2); `scale` is pixels per unit, for widths.
    """

    def __init__(self, image: np.ndarray, place: Callable[[np.ndarray], np.ndarray], scale: float):
        self.image, self.place, self.scale = image, place, scale

    def fill(self, points: np.ndarray, colour: Colour) -> None:
        cv2.fillPoly(self.image, [self._fixed(points)], colour, cv2.LINE_AA, _SHIFT)

    def line(self, points: np.ndarray, colour: Colour, width: float, closed: bool = False) -> None:
        thickness = max(1, round(width * self.scale))
        cv2.polylines(self.image, [self._fixed(points)], closed, colour, thickness, cv2.LINE_AA, _SHIFT)

    def _fixed(self, points: np.ndarray) -> np.ndarray:
        return np.rint(self.place(points) * (1 << _SHIFT)).astype(np.int32)


def arc(
    centre: tuple[float, float],
    radius: tuple[float, float],
    start: float = 0,
    stop: float = 360,
    count: int = 20,
) -> np.ndarray:
    """Points (count, 2) on an ellipse; angles in degrees, clockwise from the right as y points down."""
    return _unit_arc(start, stop, count) * radius + centre


@lru_cache(maxsize=256)
def _unit_arc(start: float, stop: float, count: int) -> np.ndarray:
    angle = np.radians(np.linspace(start, stop, count))
    return curve(np.cos(angle), np.sin(angle))


def curve(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Points (N, 2) of two coordinates (N,)."""
    return np.array((x, y)).T


def between(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """The outline of the area between two curves that run the same way."""
    return np.concatenate([upper, lower[::-1]])


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`first` with `share` of it replaced by `second`."""
    return tuple(float(a + (b - a) * share) for a, b in zip(first, second))


def rgb(code: str) -> Colour:
    """'#f0c8a0' as numbers."""
    return tuple(float(int(code[i : i + 2], 16)) for i in (1, 3, 5))
