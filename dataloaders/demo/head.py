"""Head, ears, nose, hair and beard."""

import numpy as np

from dataloaders.demo.canvas import Canvas, arc, between, curve, mix
from dataloaders.demo.expression import Shape
from dataloaders.demo.identity import Identity

CHIN_DROP = 0.13  # how far a dropped jaw lengthens the face


def outline(who: Identity, shape: Shape) -> np.ndarray:
    """The head's outline (42, 2), clockwise from the left temple; top at -1, chin at 1 at rest."""
    skull = arc((0, 0), (who.width, 1.0), 180, 360, 21)
    cos, sin = arc((0, 0), (1, 1), 0, 180, 21).T
    x = who.width * np.sign(cos) * np.abs(cos) ** (2.0 / who.jaw)
    jaw = curve(x * (1.0 - 0.1 * sin), sin * (1.0 + CHIN_DROP * shape.jaw_drop))
    return np.concatenate([skull, jaw])


def draw_head(canvas: Canvas, who: Identity, shape: Shape, light: float) -> None:
    """The bare head; `light` says from where it is lit, -1 left to 1 right."""
    for side in (-1, 1):
        ear = (0.12 * who.ear_size, 0.2 * who.ear_size)
        canvas.fill(arc((side * (who.width + 0.02), 0.06), ear), who.skin)
        canvas.line(arc((side * (who.width + 0.04), 0.06), (0.6 * ear[0], 0.6 * ear[1])), who.shade, 0.03)
    edge = outline(who, shape)
    canvas.fill(edge, who.shade)
    canvas.fill(edge * [0.94, 0.965] + [0.045 * light, -0.03], who.skin)
    flush = mix(who.skin, (225.0, 90.0, 80.0), 0.12 + 0.1 * shape.cheek)
    for side in (-1, 1):
        canvas.fill(arc((side * 0.5 * who.width / 0.8, 0.3 - 0.05 * shape.cheek), (0.16, 0.11)), flush)


def draw_nose(canvas: Canvas, who: Identity, shape: Shape, light: float) -> None:
    half, tip = 0.12 * who.nose_width, 0.02 + 0.26 * who.nose_length - 0.05 * shape.nose_wrinkle
    side = -1 if light > 0 else 1
    bridge = np.array([[side * 0.06, -0.08], [side * 0.075, 0.08], [side * half, tip - 0.06], [0, tip]])
    canvas.fill(np.concatenate([bridge, [[0, -0.08]]]), mix(who.skin, who.shade, 0.6))
    flare = half * (1.0 + 0.2 * shape.nose_wrinkle)
    canvas.line(arc((0, tip - 0.02), (flare, 0.055), 10, 170, 10), who.crease, 0.03)
    for wing in (-1, 1):
        canvas.line(
            arc((wing * flare, tip - 0.05), (0.04, 0.06), 90 - wing * 110, 90 + wing * 10, 7),
            who.crease,
            0.025,
        )
    if shape.nose_wrinkle > 0.2:
        colour = mix(who.skin, who.crease, min(1.0, 1.2 * shape.nose_wrinkle))
        for y in (-0.12, -0.05, 0.02):
            canvas.line(arc((0, y + 0.03), (0.1, 0.04), 200, 340, 8), colour, 0.022)
        for wing in (-1, 1):
            canvas.line(np.array([[wing * 0.1, 0.0], [wing * 0.16, 0.1]]), colour, 0.022)


def draw_beard(canvas: Canvas, who: Identity, shape: Shape) -> None:
    edge = outline(who, shape)[21:]  # right to left along the jaw
    drop = CHIN_DROP * shape.jaw_drop
    colour = mix(who.hair, who.skin, 0.15)
    if who.beard == "full":
        inner = arc((0, 0.12), (0.84 * who.width, 0.66 + drop), 0, 180, 21)
        canvas.fill(between(edge * [1.02, 1.03], inner), colour)
    elif who.beard == "goatee":
        canvas.fill(arc((0, 0.93 + drop), (0.2, 0.13)), colour)


_BACK = {"bob": (1.14, 0.95), "long": (1.16, 1.7), "curly": (1.24, 0.35)}  # half width factor, lower end
_FRONT = {  # off the skull by, the hairline's height and slope, where it ends at the sides
    "buzz": (0.03, -0.62, 0.0, -0.15),
    "short": (0.10, -0.60, 0.0, -0.05),
    "parted": (0.13, -0.66, 0.22, 0.0),
    "fringe": (0.11, -0.46, 0.0, 0.1),
    "spiky": (0.08, -0.62, 0.0, -0.1),
    "curly": (0.10, -0.60, 0.0, -0.1),
    "bun": (0.08, -0.68, 0.0, -0.05),
    "bob": (0.12, -0.50, 0.1, 0.45),
    "long": (0.11, -0.68, -0.2, 0.5),
}


def draw_back_hair(canvas: Canvas, who: Identity) -> None:
    """Hair behind the head and the neck."""
    dark = mix(who.hair, (10.0, 6.0, 6.0), 0.25)
    if who.hair_style == "bun":
        canvas.fill(arc((0, -1.15), (0.3, 0.26)), who.hair)
        canvas.line(arc((0, -1.15), (0.3, 0.26), 20, 160, 8), dark, 0.03)
    if who.hair_style == "curly":
        for angle in np.radians(np.arange(150, 400, 24)):
            canvas.fill(
                arc((1.02 * who.width * np.cos(angle), 0.98 * np.sin(angle) - 0.02), (0.3, 0.27)), dark
            )
    elif who.hair_style in _BACK:
        wide, end = _BACK[who.hair_style]
        half = who.width * wide
        top = arc((0, -0.05), (half, 1.08), 180, 360, 16)
        ends = arc((0, end), (half * 1.06, 0.14), 0, 180, 12)
        canvas.fill(np.concatenate([top, ends]), dark)


def draw_front_hair(canvas: Canvas, who: Identity) -> None:
    """Hair over the forehead and beside the face."""
    if who.hair_style == "bald":
        canvas.line(arc((0, 0), (0.6 * who.width, 0.8), 230, 265, 6), mix(who.skin, (255.0,) * 3, 0.4), 0.06)
        return
    off, line, slope, end = _FRONT[who.hair_style]
    outer = arc((0, 0), (who.width + 0.4 * off + 0.02, 1.0 + off), 180, 360, 25)
    outer = np.concatenate([[[outer[0, 0], end]], outer, [[outer[-1, 0], end]]])
    along = np.linspace(-1.0, 1.0, 25)
    temple = 0.9 * who.width
    hairline = line + slope * along + (0.35 - line * 0.3) * np.abs(along) ** 5
    inner = curve(temple * along, hairline)
    inner = np.concatenate([[[-temple, end]], inner, [[temple, end]]])
    if who.hair_style == "spiky":
        outer[2:-2:2] *= 1.13
    if who.hair_style == "fringe":
        inner[2:-1:4, 1] += 0.07
    canvas.fill(between(outer, inner), who.hair)
    if who.hair_style == "curly":
        for x in np.linspace(-0.8, 0.8, 7):
            canvas.fill(arc((x * who.width, -0.98 + 0.45 * x * x), (0.2, 0.18)), who.hair)
    shine = mix(who.hair, (255.0, 245.0, 230.0), 0.2)
    canvas.line(arc((0, 0.02), (0.72 * who.width, 0.86 + 0.5 * off), 225, 285, 10), shine, 0.05)
