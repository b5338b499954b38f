"""Mouth, moustache and the folds around them."""

import numpy as np

from dataloaders.demo.canvas import Canvas, Colour, arc, between, curve, mix, rgb
from dataloaders.demo.expression import Shape
from dataloaders.demo.identity import Identity

MOUTH_Y = 0.55
_ALONG = np.linspace(-1.0, 1.0, 17)
_BOW = 1.0 - _ALONG**2  # 0 at the corners, 1 in the middle
_INSIDE, _TEETH, _TONGUE, _LIP = rgb("#5a1620"), rgb("#fbf8f0"), rgb("#d8696c"), rgb("#c23b47")


def lip_edges(who: Identity, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """The inner edges of the upper and the lower lip, (17, 2) each, left to right."""
    half = 0.29 * who.mouth_width * max(0.5, shape.mouth_width)
    middle = MOUTH_Y + 0.06 * shape.jaw_drop - 0.05 * shape.chin_raise
    line = middle + 0.11 * shape.mouth_curve * (_BOW * 1.75 - 1.0)
    oval = np.sqrt(_BOW)
    sneer = np.exp(-(((np.abs(_ALONG) - 0.45) / 0.35) ** 2)) * _BOW
    upper = line - 0.10 * shape.mouth_open * oval - 0.13 * shape.lip_raise * sneer
    lower = line + 0.33 * shape.mouth_open * oval + 0.015 * shape.lip_raise * oval
    x = half * _ALONG
    return curve(x, upper), curve(x, np.maximum(lower, upper))


def draw_mouth(canvas: Canvas, who: Identity, shape: Shape) -> None:
    upper, lower = lip_edges(who, shape)
    lip = mix(mix(who.skin, who.shade, 0.6), _LIP, who.lip_tint)
    _draw_lips(canvas, who, shape, upper, lower, lip)
    gap = lower[:, 1] - upper[:, 1]
    if gap.max() > 0.03:
        _draw_inside(canvas, shape, upper, lower)
    else:
        canvas.line(upper, mix(who.crease, _INSIDE, 0.6), 0.035 + 0.02 * min(1.0, shape.lip_press))
    _draw_folds(canvas, who, shape, upper)


def _draw_lips(
    canvas: Canvas, who: Identity, shape: Shape, upper: np.ndarray, lower: np.ndarray, colour: Colour
) -> None:
    thick = 0.075 * who.lip_fullness * max(0.15, 1.0 - 0.8 * shape.lip_press)
    notch = 1.0 - 0.25 * np.exp(-((_ALONG / 0.15) ** 2))
    rim = curve(upper[:, 0], upper[:, 1] - thick * (0.25 + _BOW) * notch)
    canvas.fill(between(rim, upper), mix(colour, who.crease, 0.15))
    rim = curve(lower[:, 0], lower[:, 1] + 1.25 * thick * (0.15 + _BOW))
    canvas.fill(between(lower, rim), colour)
    canvas.line(rim[5:-5] + [0, 0.03], mix(who.skin, who.crease, 0.35), 0.02)


def _draw_inside(canvas: Canvas, shape: Shape, upper: np.ndarray, lower: np.ndarray) -> None:
    canvas.fill(between(upper, lower), _INSIDE)
    gap = lower[:, 1] - upper[:, 1]
    tongue = np.maximum(lower[:, 1] - 0.45 * gap.max() * _BOW, upper[:, 1] + 0.45 * gap)
    canvas.fill(between(curve(upper[:, 0], tongue)[3:-3], lower[3:-3]), _TONGUE)
    if shape.teeth > 0.15:
        edge = np.minimum(upper[:, 1] + 0.05 + 0.8 * shape.teeth * gap, lower[:, 1])
        canvas.fill(between(upper, curve(upper[:, 0], edge)), _TEETH)
    canvas.line(between(upper, lower), mix(_INSIDE, (30.0, 8.0, 10.0), 0.5), 0.02, closed=True)


def _draw_folds(canvas: Canvas, who: Identity, shape: Shape, upper: np.ndarray) -> None:
    """Dimples of a smile, folds from nose to mouth, and the boss of a raised chin."""
    deep = min(1.0, 0.75 * max(0.0, shape.mouth_curve) + shape.lip_raise)
    for side, corner in ((-1, upper[0]), (1, upper[-1])):
        if deep > 0.2:
            start, end = np.array([side * 0.2, 0.27]), corner + [side * 0.1, 0.02]
            bend = (start + end) / 2 + [side * 0.05, -0.03]
            canvas.line(np.array([start, bend, end]), mix(who.skin, who.crease, 0.8 * deep), 0.022)
        canvas.line(np.array([corner, corner + [side * 0.03, -0.03 * shape.mouth_curve]]), who.crease, 0.03)
    if shape.chin_raise > 0.3:
        colour = mix(who.skin, who.crease, 0.7 * min(1.0, shape.chin_raise))
        canvas.line(arc((0, 0.85), (0.14, 0.07), 200, 340, 8), colour, 0.025)


def draw_moustache(canvas: Canvas, who: Identity, shape: Shape) -> None:
    upper, _ = lip_edges(who, shape)
    bottom = upper - [0, 0.045]
    top = curve(bottom[:, 0], bottom[:, 1] - 0.03 - 0.11 * np.sqrt(_BOW))
    canvas.fill(between(top, bottom), mix(who.hair, who.skin, 0.1))
