"""Eyes, brows and glasses."""

import numpy as np

from dataloaders.demo.canvas import Canvas, arc, between, curve, mix, rgb
from dataloaders.demo.expression import Shape
from dataloaders.demo.identity import Identity

EYE_X, EYE_Y, BROW_Y = 0.36, 0.02, -0.30
_WHITE, _PUPIL = rgb("#f7f5f1"), rgb("#120e0c")
_ALONG = np.linspace(-1.0, 1.0, 13)  # inner to outer corner


def draw_eyes(canvas: Canvas, who: Identity, shape: Shape, gaze: tuple[float, float]) -> None:
    for side in (-1, 1):
        _draw_eye(canvas, who, shape, gaze, side)
        _draw_brow(canvas, who, shape, side)
    _draw_frown(canvas, who, shape)


def _lids(who: Identity, shape: Shape, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The edges of the upper and the lower lid, (13, 2) each, inner to outer corner."""
    centre, half = side * EYE_X * who.eye_spacing, 0.185 * who.eye_size
    x = centre + side * half * _ALONG
    base = EYE_Y - who.eye_tilt * _ALONG
    dome = (1.0 - _ALONG**2) ** 0.7
    slant = 0.055 * shape.lid_slant * -_ALONG * dome
    lower = base + dome * who.eye_size * 0.095 * (1.0 - 0.6 * min(1.0, shape.lid_lower))
    upper = base - dome * who.eye_size * 0.135 * (2.0 * min(1.0, shape.lid_upper) - 1.0) + slant
    upper -= dome * 0.11 * max(0.0, shape.lid_upper - 1.0)
    return curve(x, np.minimum(upper, lower)), curve(x, lower)


def _draw_eye(canvas: Canvas, who: Identity, shape: Shape, gaze: tuple[float, float], side: int) -> None:
    upper, lower = _lids(who, shape, side)
    open_eye, _ = _lids(who, Shape(lid_upper=max(1.0, shape.lid_upper)), side)
    canvas.fill(between(open_eye - [0, 0.03], lower), mix(who.skin, who.shade, 0.7))  # the lid's own skin
    canvas.fill(between(upper, lower), _WHITE)
    x = side * EYE_X * who.eye_spacing + 0.06 * gaze[0]
    y = EYE_Y - 0.02 + 0.05 * gaze[1]
    radius = 0.112 * who.eye_size
    for size, colour in (
        (radius, mix(who.iris, _PUPIL, 0.5)),
        (0.84 * radius, who.iris),
        (0.5 * radius, _PUPIL),
    ):
        canvas.fill(_behind_lids(arc((x, y), (size, size)), upper, lower), colour)
    glint = arc((x + 0.04, y - 0.045), (0.032, 0.032), count=8)
    canvas.fill(_behind_lids(glint, upper, lower), _WHITE)
    canvas.line(lower[3:], who.crease, 0.02)
    canvas.line(upper, mix(who.crease, _PUPIL, 0.75), 0.05)
    if shape.lid_lower > 0.25:
        bag = lower[3:-1] + [0, 0.055]
        canvas.line(bag, mix(who.skin, who.crease, min(1.0, shape.lid_lower)), 0.02)


def _behind_lids(points: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Points moved to the nearest place, straight up or down, that the lids leave open."""
    order = np.argsort(upper[:, 0])
    x = points[:, 0].clip(upper[order[0], 0], upper[order[-1], 0])
    top, bottom = (np.interp(x, lid[order, 0], lid[order, 1]) for lid in (upper, lower))
    return curve(x, points[:, 1].clip(top, bottom))


def _draw_brow(canvas: Canvas, who: Identity, shape: Shape, side: int) -> None:
    along = np.linspace(0.0, 1.0, 9)  # inner to outer end
    centre = EYE_X * who.eye_spacing
    inner, outer = centre - 0.21 - 0.05 * shape.knit, centre + 0.24
    raised = shape.brow_inner * (1 - along) ** 1.3 + shape.brow_outer * along
    arch = 0.065 * np.sin(np.pi * along**1.3) * (1.0 + 1.5 * max(0.0, shape.brow_outer) / 0.2)
    y = BROW_Y - raised - arch + 0.05 * along
    thick = 0.045 * who.brow_width * (1.15 - 0.75 * along)
    x = side * (inner + (outer - inner) * along)
    colour = mix(who.hair, (25.0, 15.0, 10.0), 0.35)
    canvas.fill(between(curve(x, y - thick), curve(x, y + thick)), colour)


def _draw_frown(canvas: Canvas, who: Identity, shape: Shape) -> None:
    """Creases between knit brows, and across a forehead that raised brows fold."""
    if shape.knit > 0.3:
        colour = mix(who.skin, who.crease, min(1.0, shape.knit))
        for side in (-1, 1):
            canvas.line(np.array([[side * 0.05, -0.33], [side * 0.065, -0.2]]), colour, 0.022)
    fold = max(shape.brow_inner, shape.brow_outer)
    if fold > 0.09:
        colour = mix(who.skin, who.crease, min(0.55, 4.0 * (fold - 0.05)))
        for y in (-0.58, -0.66):
            canvas.line(arc((0, y + 0.12 - 0.3 * fold), (0.34, 0.05), 205, 335, 10), colour, 0.02)


def draw_glasses(canvas: Canvas, who: Identity) -> None:
    frame, x = rgb("#2a2a30"), EYE_X * who.eye_spacing
    for side in (-1, 1):
        canvas.line(arc((side * x, EYE_Y + 0.02), (0.27, 0.235)), frame, 0.035, closed=True)
        canvas.line(np.array([[side * (x + 0.27), -0.02], [side * who.width, -0.05]]), frame, 0.035)
    canvas.line(arc((0, 0.0), (x - 0.26, 0.05), 180, 360, 8), frame, 0.035)
