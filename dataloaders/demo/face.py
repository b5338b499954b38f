"""One face: who it is, what it expresses, how it is held."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dataloaders.demo.canvas import Canvas
from dataloaders.demo.expression import Shape
from dataloaders.demo.eyes import draw_eyes, draw_glasses
from dataloaders.demo.head import draw_back_hair, draw_beard, draw_front_hair, draw_head, draw_nose, outline
from dataloaders.demo.identity import Identity
from dataloaders.demo.mouth import draw_moustache, draw_mouth

_HAIRLINE = -0.75  # detectors' boxes begin about here
_DEPTH = 0.75  # of the head, against its half height


@dataclass(frozen=True)
class Pose:
    """Where the head is and how big, `scale` being half its height (pixels), and how turned (radians)."""

    x: float
    y: float
    scale: float
    yaw: float = 0.0  # to the right of the picture if positive
    pitch: float = 0.0  # down if positive
    roll: float = 0.0  # clockwise if positive

    def place(self, width: float) -> Callable[[np.ndarray], np.ndarray]:
        """Maps points (N, 2) on a head of half width `width`, an ellipsoid seen from afar, to pixels."""
        cos, sin = np.cos([self.yaw, self.pitch, self.roll]), np.sin([self.yaw, self.pitch, self.roll])
        yaw = np.array([[cos[0], 0, sin[0]], [0, 1, 0], [-sin[0], 0, cos[0]]])
        pitch = np.array([[1, 0, 0], [0, cos[1], sin[1]]])
        roll = np.array([[cos[2], -sin[2]], [sin[2], cos[2]]])
        turn = self.scale * (roll @ pitch @ yaw).T  # (3, 2)
        origin, radius = np.array([self.x, self.y]), np.array([width, 1.0])

        def project(points: np.ndarray) -> np.ndarray:
            depth = _DEPTH * np.sqrt(np.maximum(1.0 - ((points / radius) ** 2).sum(axis=1), 0.0))
            return points @ turn[:2] + depth[:, None] * turn[2] + origin

        return project


def _canvas(image: np.ndarray, who: Identity, pose: Pose) -> Canvas:
    return Canvas(image, pose.place(who.width), pose.scale)


def draw_behind(image: np.ndarray, who: Identity, pose: Pose) -> None:
    """What of the head lies behind the body."""
    draw_back_hair(_canvas(image, who, pose), who)


def draw_face(
    image: np.ndarray, who: Identity, shape: Shape, pose: Pose, gaze: tuple[float, float], light: float
) -> None:
    """Draws on an RGB image (H, W, 3) in place; `gaze` (right, down) in -1..1, `light` as in draw_head."""
    canvas = _canvas(image, who, pose)
    draw_head(canvas, who, shape, light)
    draw_beard(canvas, who, shape)
    draw_nose(canvas, who, shape, light)
    draw_mouth(canvas, who, shape)
    if who.beard != "none":
        draw_moustache(canvas, who, shape)
    draw_eyes(canvas, who, shape, gaze)
    draw_front_hair(canvas, who)
    if who.glasses:
        draw_glasses(canvas, who)


def face_box(who: Identity, shape: Shape, pose: Pose) -> np.ndarray:
    """The box (x1, y1, x2, y2) in pixels around the head's outline below the hairline."""
    edge = outline(who, shape)
    pixels = pose.place(who.width)(edge[edge[:, 1] > _HAIRLINE])
    return np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
