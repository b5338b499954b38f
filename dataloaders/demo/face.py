"""One face: who it is, what it expresses, how it is held."""

from dataclasses import dataclass

import numpy as np

from dataloaders.demo.canvas import Canvas
from dataloaders.demo.expression import Shape
from dataloaders.demo.eyes import draw_eyes, draw_glasses
from dataloaders.demo.head import draw_back_hair, draw_beard, draw_front_hair, draw_head, draw_nose, outline
from dataloaders.demo.identity import Identity
from dataloaders.demo.mouth import draw_moustache, draw_mouth

_DEPTH = 0.75  # of the head, against its half height


@dataclass(frozen=True)
class Pose:
    """Where the head is (`x`, `y` in pixels), how big (`scale`: half its height in pixels), how turned (radians)."""

    x: float
    y: float
    scale: float
    yaw: float = 0.0  # to the right of the picture if positive
    pitch: float = 0.0  # down if positive
    roll: float = 0.0  # clockwise if positive

    def place(self, points: np.ndarray, width: float) -> np.ndarray:
        """Points (N, 2) on a head of half width `width`, turned as an ellipsoid and seen from afar, in pixels."""
        x, y = points[:, 0], points[:, 1]
        z = _DEPTH * np.sqrt((1.0 - (x / width) ** 2 - y**2).clip(0.0))
        x, z = x * np.cos(self.yaw) + z * np.sin(self.yaw), z * np.cos(self.yaw) - x * np.sin(self.yaw)
        y = y * np.cos(self.pitch) + z * np.sin(self.pitch)
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        return np.stack([self.x + self.scale * (cos * x - sin * y), self.y + self.scale * (sin * x + cos * y)], 1)


def _canvas(image: np.ndarray, who: Identity, pose: Pose) -> Canvas:
    return Canvas(image, lambda points: pose.place(points, who.width), pose.scale)


def draw_behind(image: np.ndarray, who: Identity, pose: Pose) -> None:
    """What of the head lies behind the body."""
    draw_back_hair(_canvas(image, who, pose), who)


def draw_face(
    image: np.ndarray, who: Identity, shape: Shape, pose: Pose, gaze: tuple[float, float], light: float
) -> None:
    """Draws the face on an RGB image (H, W, 3) in place; `gaze` (right, down) in -1..1, `light` as in draw_head."""
    canvas = _canvas(image, who, pose)
    draw_head(canvas, who, shape, light)
    draw_beard(canvas, who, shape)
    draw_nose(canvas, who, shape, light)
    draw_mouth(canvas, who, shape)
    if who.beard in ("moustache", "full", "goatee"):
        draw_moustache(canvas, who, shape)
    draw_eyes(canvas, who, shape, gaze)
    draw_front_hair(canvas, who)
    if who.glasses:
        draw_glasses(canvas, who)


def face_box(who: Identity, shape: Shape, pose: Pose) -> np.ndarray:
    """The box (x1, y1, x2, y2) in pixels around the head's outline."""
    pixels = pose.place(outline(who, shape), who.width)
    return np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
