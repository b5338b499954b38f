"""Facial expressions over time, from action units to the shape of a drawn face.

The prototypes are the combinations of action units (AU) that the Facial Action Coding System names for
the basic emotions (Ekman, Friesen and Hager, FACS Investigator's Guide, 2002).
"""

from dataclasses import dataclass, fields

import numpy as np

CLASSES = ("Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")  # CAER's label order


@dataclass(frozen=True)
class Shape:
    """What an expression does to a face. Lengths in half face heights; the defaults are a face at rest."""

    brow_inner: float = 0.0  # raise of the brow's inner end, downwards if negative
    brow_outer: float = 0.0
    knit: float = 0.0  # brows drawn together, 0..1
    lid_upper: float = 1.0  # 0 closed, 1 at rest, 1.6 wide open
    lid_lower: float = 0.0  # tension of the lower lid, 0..1
    lid_slant: float = 0.0  # inner corner covered if positive, outer corner if negative
    cheek: float = 0.0  # cheeks raised, 0..1
    nose_wrinkle: float = 0.0
    lip_raise: float = 0.0  # upper lip pulled up, 0..1
    mouth_curve: float = 0.0  # corners up if positive, down if negative
    mouth_open: float = 0.0
    mouth_width: float = 1.0  # factor
    lip_press: float = 0.0
    chin_raise: float = 0.0
    jaw_drop: float = 0.0
    teeth: float = 0.0  # share of the mouth's opening that shows teeth


_EFFECT: dict[int, dict[str, float]] = {
    1: dict(brow_inner=0.21, lid_slant=-0.8),
    2: dict(brow_inner=0.05, brow_outer=0.18),
    4: dict(brow_inner=-0.19, brow_outer=0.02, knit=1.0, lid_slant=0.7),
    5: dict(lid_upper=0.6),
    6: dict(lid_lower=0.6, cheek=1.0, lid_upper=-0.12),
    7: dict(lid_lower=0.5, lid_upper=-0.25),
    9: dict(
        nose_wrinkle=1.0, brow_inner=-0.09, brow_outer=-0.03, lip_raise=0.25, lid_lower=0.5, lid_upper=-0.3
    ),
    10: dict(lip_raise=0.9, teeth=0.9, mouth_open=0.12),
    12: dict(mouth_curve=1.0, mouth_width=0.28, teeth=0.5),
    15: dict(mouth_curve=-1.0, mouth_width=-0.08),
    17: dict(chin_raise=1.0, mouth_curve=-0.35),
    20: dict(mouth_width=0.3, mouth_curve=-0.4, teeth=0.6),
    23: dict(lip_press=1.0, mouth_width=-0.18, teeth=0.9),
    25: dict(mouth_open=0.35),
    26: dict(mouth_open=1.0, jaw_drop=1.0, mouth_width=-0.3, teeth=-0.1),
    45: dict(lid_upper=-1.0),
}
ACTION_UNITS = tuple(_EFFECT)

# A class may have more than one prototype: a clip draws one of them.
_PROTOTYPES: dict[str, tuple[dict[int, float], ...]] = {
    "Anger": (
        {4: 1.0, 5: 0.5, 7: 0.8, 23: 1.0},
        {4: 1.0, 5: 0.6, 7: 0.7, 10: 0.25, 23: 0.35, 25: 0.8, 15: 0.3},
    ),
    "Disgust": ({9: 1.0, 10: 1.0, 17: 0.8, 4: 0.3}, {9: 0.9, 10: 0.8, 17: 0.5, 7: 0.4, 15: 0.3}),
    "Fear": (
        {1: 1.0, 2: 0.5, 4: 0.6, 5: 0.9, 20: 1.0, 26: 0.4},
        {1: 1.0, 2: 0.4, 4: 0.5, 5: 1.0, 20: 0.9, 25: 0.7},
    ),
    "Happy": ({6: 0.8, 12: 1.0}, {6: 0.9, 12: 1.0, 25: 0.7}, {6: 1.0, 12: 0.9, 25: 0.5, 26: 0.4}),
    "Neutral": ({},),
    "Sad": ({1: 1.1, 4: 0.35, 15: 0.9}, {1: 1.1, 4: 0.3, 15: 0.8, 17: 0.6, 45: 0.25}),
    "Surprise": ({1: 0.9, 2: 1.0, 5: 0.9, 26: 1.0}, {1: 0.8, 2: 1.0, 5: 0.8, 25: 0.4, 26: 0.7}),
}

_COLUMNS = tuple(field.name for field in fields(Shape))
_REST = np.array([getattr(Shape(), name) for name in _COLUMNS])  # (S,)
_MATRIX = np.array([[_EFFECT[unit].get(name, 0.0) for name in _COLUMNS] for unit in ACTION_UNITS])  # (A, S)

_STRENGTH = (0.75, 1.05)  # of the expression at its apex
_STRAY = 0.14  # largest intensity of an action unit that does not belong to the class
_STRAY_UNITS = 3


def shape_of(intensity: np.ndarray) -> Shape:
    """The face shape of action-unit intensities (A,), in the order of ACTION_UNITS."""
    shape = dict(zip(_COLUMNS, (_REST + intensity @ _MATRIX).tolist()))
    for name in ("lid_upper", "mouth_open", "lid_lower"):
        shape[name] = max(0.0, shape[name])
    shape["teeth"] = min(1.0, max(0.0, shape["teeth"]))
    return Shape(**shape)


def apex(rng: np.random.Generator, emotion: str) -> np.ndarray:
    """Action-unit intensities (A,) at the height of one clip's expression."""
    prototypes = _PROTOTYPES[emotion]
    prototype = prototypes[rng.integers(len(prototypes))]
    intensity = np.array([prototype.get(unit, 0.0) for unit in ACTION_UNITS])
    intensity *= rng.uniform(*_STRENGTH) * rng.uniform(0.85, 1.15, len(intensity))
    stray = rng.choice(len(intensity) - 1, _STRAY_UNITS, replace=False)  # closed eyes, the last, never stray
    intensity[stray] += rng.uniform(0.0, _STRAY, _STRAY_UNITS)
    return intensity.clip(0.0, 1.1)


def envelope(rng: np.random.Generator, frames: int) -> np.ndarray:
    """How far each frame (T,) is from rest, 0, to the apex, 1, and back: smooth onset, hold and offset."""
    spans = ((0.0, 0.12), (0.22, 0.4), (0.65, 0.82), (0.92, 1.0))
    onset, rise, fall, offset = (rng.uniform(*span) for span in spans)
    time = np.linspace(0.0, 1.0, frames)
    level = np.minimum((time - onset) / (rise - onset), (offset - time) / (offset - fall)).clip(0.0, 1.0)
    return level * level * (3.0 - 2.0 * level)


def wander(rng: np.random.Generator, frames: int, size: float) -> np.ndarray:
    """A slow random motion (T,) around 0, at most `size` wide to each side."""
    time = np.linspace(0.0, 2.0 * np.pi, frames)
    waves = [np.sin(rate * time + rng.uniform(0, 2 * np.pi)) for rate in rng.uniform(0.4, 2.0, 2)]
    return size * np.mean(waves, axis=0)


def performance(rng: np.random.Generator, emotion: str, frames: int) -> np.ndarray:
    """Action-unit intensities (T, A) of one clip: rest, apex, rest, with small stray motion and blinks."""
    intensity = envelope(rng, frames)[:, None] * apex(rng, emotion)
    for unit in rng.choice(len(ACTION_UNITS) - 1, _STRAY_UNITS, replace=False):
        intensity[:, unit] += np.abs(wander(rng, frames, 0.12))
    if rng.random() < 0.5:
        distance = np.abs(np.arange(frames) - rng.integers(frames))
        intensity[:, -1] += (1.0 - distance / 2.0).clip(0.0)
    return intensity.clip(0.0, 1.1)
