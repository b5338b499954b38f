"""One clip of the demo: a person in a place who shows one emotion and returns to rest."""

from dataclasses import dataclass

import cv2
import numpy as np

from dataloaders.demo.backdrop import draw_backdrop
from dataloaders.demo.body import Body, draw_body, draw_hands, draw_up_body
from dataloaders.demo.canvas import Canvas
from dataloaders.demo.expression import Shape, envelope, performance, shape_of, wander
from dataloaders.demo.face import Pose, draw_behind, draw_face, face_box
from dataloaders.demo.identity import Identity

_FINE = 2  # drawn this much larger, then reduced
_MARGIN = 12  # pixels of backdrop beyond each side of the frame, for the camera's shake
_PARALLAX = 0.6  # how much of the camera's shake the backdrop shows
_BOX_JITTER = 0.03  # of the box's side: no detector is exact
_TURN = {"yaw": 0.24, "pitch": 0.14, "roll": 0.12}  # largest turn of the head, in radians


@dataclass(frozen=True)
class Clip:
    frames: np.ndarray  # (T, H, W, 3) RGB uint8
    box: np.ndarray  # (4,) x1, y1, x2, y2 in pixels, around the face in all frames, with a detector's jitter
    poses: tuple[Pose, ...]  # of the head, in pixels of the frame


def draw_clip(
    rng: np.random.Generator, who: Identity, emotion: str, frames: int, width: int, height: int
) -> Clip:
    """Draws all of a clip from one random generator."""
    intensity = performance(rng, emotion, frames)
    poses, shake = _moves(rng, frames, width, height)
    body = draw_up_body(rng, emotion)
    lift = envelope(rng, frames)
    sway = np.stack([wander(rng, frames, 0.06), wander(rng, frames, 0.06)], axis=1)
    gaze = np.stack([wander(rng, frames, 0.8), wander(rng, frames, 0.5)], axis=1)
    size = ((width + 2 * _MARGIN) * _FINE, (height + 2 * _MARGIN) * _FINE)
    backdrop = draw_backdrop(rng, *size)
    light = rng.choice([-1.0, 1.0]) * rng.uniform(0.3, 1.0)
    expose = _Exposure(rng, light, width, height)

    images, boxes = [], []
    for t in range(frames):
        shape = shape_of(intensity[t])
        image = _still(backdrop, shake[t] * _PARALLAX, width, height)
        _draw_person(image, who, shape, poses[t], body, tuple(gaze[t]), light, (lift[t], sway[t]))
        images.append(expose(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)))
        boxes.append(face_box(who, shape, poses[t]))
    boxes = np.array(boxes)  # (T, 4)
    box = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
    side = np.tile(box[2:] - box[:2], 2)
    return Clip(np.stack(images), box + rng.uniform(-_BOX_JITTER, _BOX_JITTER, 4) * side, poses)


def _moves(
    rng: np.random.Generator, frames: int, width: int, height: int
) -> tuple[tuple[Pose, ...], np.ndarray]:
    """The head's poses, and the camera's shake (T, 2) in pixels that is part of them."""
    unit = height / 120
    shake = np.stack([wander(rng, frames, 3.0 * unit), wander(rng, frames, 2.0 * unit)], axis=1)
    shake += rng.normal(0, 0.3 * unit, (frames, 2))
    scale = rng.uniform(27, 33) * unit * (1.0 + wander(rng, frames, 0.02))
    x = width * rng.uniform(0.38, 0.62) + wander(rng, frames, 2.5 * unit) + shake[:, 0]
    y = height * rng.uniform(0.4, 0.46) + wander(rng, frames, 1.5 * unit) + shake[:, 1]
    turns = [rng.uniform(-0.7, 0.7) * size + wander(rng, frames, 0.4 * size) for size in _TURN.values()]
    rows = np.stack([x, y, scale, *turns], axis=1).tolist()
    return tuple(Pose(*row) for row in rows), shake


def _still(backdrop: np.ndarray, shift: np.ndarray, width: int, height: int) -> np.ndarray:
    """A copy of the part of the backdrop that the camera sees, at drawing size."""
    x, y = np.rint((_MARGIN - shift).clip(0, 2 * _MARGIN) * _FINE).astype(int)
    return backdrop[y : y + height * _FINE, x : x + width * _FINE].copy()


def _draw_person(
    image: np.ndarray,
    who: Identity,
    shape: Shape,
    pose: Pose,
    body: Body,
    gaze: tuple,
    light: float,
    hands: tuple,
) -> None:
    turned = (pose.yaw, pose.pitch, pose.roll)
    fine = Pose(pose.x * _FINE, pose.y * _FINE, pose.scale * _FINE, *turned)
    trunk = Canvas(image, lambda points: points * fine.scale + [fine.x, fine.y], fine.scale)
    draw_behind(image, who, fine)
    draw_body(trunk, body, who)
    draw_face(image, who, shape, fine, gaze, light)
    draw_hands(trunk, body, who, *hands)


class _Exposure:
    """Light, colour cast, shadow from one side and sensor noise, the same for all frames of a clip."""

    def __init__(self, rng: np.random.Generator, light: float, width: int, height: int):
        across = np.linspace(-1.0, 1.0, width)[None, :, None] * light * rng.uniform(0.0, 0.35)
        cast = rng.uniform(0.94, 1.06, 3) * rng.uniform(0.7, 1.06)
        self.gain = np.ascontiguousarray(
            np.broadcast_to((1.0 + across) * cast, (height, width, 3)), np.float32
        )
        self.grain = rng.normal(0, rng.uniform(1.0, 4.0), (height + 16, width + 16, 3)).astype(np.float32)
        self.rng, self.size = rng, (height, width)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        y, x = self.rng.integers(0, 16, 2)
        grain = self.grain[y : y + self.size[0], x : x + self.size[1]]
        return np.clip(image * self.gain + grain, 0, 255).astype(np.uint8)
