"""Shoulders, clothes, arms and hands."""

from dataclasses import dataclass

import numpy as np

from dataloaders.demo.canvas import Canvas, Colour, arc, mix, rgb
from dataloaders.demo.identity import Identity

_CLOTHES = tuple(
    map(
        rgb,
        (
            "#35506b",
            "#7a2f3b",
            "#3f6b4f",
            "#c9a23c",
            "#5b4a7a",
            "#d9d4c7",
            "#2b2d33",
            "#b5603c",
            "#4e8f9c",
            "#8c8f96",
            "#c77f94",
        ),
    )
)
COLLARS = ("crew", "v", "shirt", "hood", "stripes")

# Where the hands are, left and right, in half face heights from the face's centre; None: not in the picture.
_HANDS: dict[str, tuple] = {
    "none": (None, None),
    "cheeks": ((-1.08, 0.86), (1.08, 0.86)),
    "cheek": (None, (0.95, 0.8)),
    "fists": ((-1.2, 1.35), (1.2, 1.35)),
    "open": ((-1.55, 0.75), (1.55, 0.75)),
    "push": ((-1.2, 1.2), None),
}
_FIST = ("fists", "cheek")
GESTURES = tuple(_HANDS)

# What goes with an emotion; half of all clips draw any gesture instead, so that hands alone tell little.
_LIKELY = {
    "Anger": "fists", "Disgust": "push", "Fear": "cheeks", "Happy": "open", "Neutral": "none", "Sad": "cheek",
    "Surprise": "cheeks",
}  # fmt: skip
_CONGRUENT = 0.4


@dataclass(frozen=True)
class Body:
    width: float  # half shoulder width in half face heights
    cloth: Colour
    trim: Colour
    collar: str
    gesture: str


def draw_up_body(rng: np.random.Generator, emotion: str) -> Body:
    """Random clothes, and a gesture that goes with the emotion in some clips."""
    cloth, trim = rng.choice(len(_CLOTHES), 2, replace=False)
    congruent = rng.random() < _CONGRUENT
    any_gesture = GESTURES[rng.choice(len(GESTURES))] if rng.random() < 0.4 else "none"
    return Body(
        width=rng.uniform(1.35, 1.65),
        cloth=_CLOTHES[cloth],
        trim=_CLOTHES[trim],
        collar=COLLARS[rng.choice(len(COLLARS))],
        gesture=_LIKELY[emotion] if congruent else any_gesture,
    )


def draw_body(canvas: Canvas, body: Body, who: Identity) -> None:
    """Neck, shoulders and clothes."""
    wide, dark = body.width, mix(body.cloth, (0.0, 0.0, 0.0), 0.25)
    if body.collar == "hood":
        canvas.fill(arc((0, 1.35), (0.85, 0.45)), dark)
    neck = np.array([[-0.34, 0.5], [0.34, 0.5], [0.5, 1.35], [0.0, 2.1], [-0.5, 1.35]])
    canvas.fill(neck, who.shade)
    left = arc((-wide + 0.35, 1.75), (0.35, 0.4), 180, 270, 8)
    right = arc((wide - 0.35, 1.75), (0.35, 0.4), 270, 360, 8)
    neckline = arc((0, 1.2), (0.42, 0.72 if body.collar in ("v", "shirt") else 0.3), 180, 0, 13)
    trunk = np.concatenate([[[-wide, 4.0]], left, neckline, right, [[wide, 4.0]]])
    canvas.fill(trunk, body.cloth)
    if body.collar == "stripes":
        for y in (1.75, 2.1, 2.45, 2.8):
            canvas.line(np.array([[-wide + 0.06, y], [wide - 0.06, y]]), body.trim, 0.12)
    canvas.line(neckline, body.trim if body.collar in ("v", "stripes") else dark, 0.09)
    if body.collar == "shirt":
        for side in (-1, 1):
            tip = np.array([[side * 0.42, 1.15], [side * 0.5, 1.6], [side * 0.12, 1.92]])
            canvas.fill(tip, mix(body.cloth, (255.0, 255.0, 255.0), 0.35))
    for side in (-1, 1):
        canvas.line(np.array([[side * (wide - 0.3), 2.0], [side * (wide - 0.36), 4.0]]), dark, 0.04)


def draw_hands(canvas: Canvas, body: Body, who: Identity, lift: float, sway: np.ndarray) -> None:
    """Arms and hands; `lift` brings them up from below the picture, 0, to their place, 1; `sway` (2,)."""
    for side, place in zip((-1, 1), _HANDS[body.gesture]):
        if place is None or lift < 0.05:
            continue
        hand = np.array([place[0], place[1] + 2.6 * (1.0 - lift)]) + sway
        elbow = np.array([side * (body.width + 0.05), max(hand[1] + 0.9, 2.3)])
        dark = mix(body.cloth, (0.0, 0.0, 0.0), 0.25)
        wrist = hand + 0.3 * (elbow - hand) / np.linalg.norm(elbow - hand)
        shoulder = np.array([side * (body.width - 0.25), 2.0 + 0.8])
        for colour, width in ((dark, 0.48), (body.cloth, 0.42)):
            canvas.line(np.stack([wrist, elbow, shoulder]), colour, width)
        _draw_hand(canvas, who, hand, side, body.gesture in _FIST)


def _draw_hand(canvas: Canvas, who: Identity, centre: np.ndarray, side: int, fist: bool) -> None:
    edge = mix(who.skin, who.crease, 0.6)
    length = 0.16 if fist else 0.4
    roots = np.array([[-0.18, -0.1], [-0.06, -0.15], [0.06, -0.15], [0.18, -0.1]])
    tips = roots + length * np.array([[-0.3, -0.9], [-0.1, -1.0], [0.1, -1.0], [0.3, -0.9]])
    thumb = np.array([[-side * 0.16, 0.1], [-side * (0.1 if fist else 0.36), -0.06]])
    for colour, extra in ((edge, 0.045), (who.skin, 0.0)):
        canvas.fill(arc(tuple(centre), (0.25 + extra / 2, 0.24 + extra / 2)), colour)
        for root, tip in zip(roots, tips):
            canvas.line(np.stack([root, tip]) + centre, colour, 0.115 + extra)
        if not fist:
            canvas.line(thumb + centre, colour, 0.125 + extra)
    if fist:
        for x in (-0.09, 0.03, 0.14):
            canvas.line(np.array([[x, -0.3], [x, -0.12]]) + centre, edge, 0.03)
        canvas.line(np.array([[-side * 0.2, 0.06], [side * 0.12, -0.02]]) + centre, edge, 0.03)
