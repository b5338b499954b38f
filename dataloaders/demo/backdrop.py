"""Cluttered backgrounds."""

import cv2
import numpy as np

from dataloaders.demo.canvas import Canvas, Colour, arc, mix, rgb

_WALLS = tuple(
    map(rgb, ("#cfd8d3", "#d9c7ae", "#aebccb", "#8fa393", "#b79a93", "#5d6b7a", "#e3ddcf", "#9aa0b5"))
)
_THINGS = tuple(
    map(
        rgb,
        ("#7b4b32", "#c75f4a", "#e0b04c", "#5d8a66", "#3f6f8f", "#80608f", "#e8e2d4", "#3c4048", "#b9839a"),
    )
)


def draw_backdrop(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A random place as an RGB image (height, width, 3), slightly out of focus."""
    image = np.empty((height, width, 3), np.uint8)
    canvas = Canvas(image, lambda points: points * [width, height], min(width, height))
    kinds = (_draw_room, _draw_outdoors, _draw_shapes)
    kinds[rng.choice(len(kinds), p=(0.5, 0.25, 0.25))](canvas, rng)
    coarse = rng.normal(0, 4, (height // 12, width // 12, 1)).astype(np.float32).repeat(3, axis=2)
    texture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    textured = np.clip(image + texture, 0, 255).astype(np.uint8)
    return cv2.GaussianBlur(textured, (0, 0), rng.uniform(1.0, 2.2))


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    return mix(colours[rng.choice(len(colours))], tuple(rng.uniform(0, 255, 3)), 0.1)


def _box(x1: float, y1: float, x2: float, y2: float) -> np.ndarray:
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])


def _gradient(canvas: Canvas, top: Colour, bottom: Colour) -> None:
    share = np.linspace(0, 1, canvas.image.shape[0])[:, None, None]
    canvas.image[:] = np.array(top) * (1 - share) + np.array(bottom) * share


def _draw_room(canvas: Canvas, rng: np.random.Generator) -> None:
    wall = _pick(rng, _WALLS)
    _gradient(canvas, mix(wall, (255.0,) * 3, 0.15), mix(wall, (0.0,) * 3, 0.15))
    floor = rng.uniform(0.7, 0.85)
    canvas.fill(_box(0, floor, 1, 1), mix(_pick(rng, _THINGS), (60.0, 45.0, 35.0), 0.5))
    for draw in rng.choice((_window, _picture, _shelf, _lamp, _plant), rng.integers(3, 6)):
        draw(canvas, rng, rng.uniform(-0.05, 0.85))


def _window(canvas: Canvas, rng: np.random.Generator, x: float) -> None:
    sky = mix(rgb("#bfe0f2"), rgb("#26344f"), rng.random())
    canvas.fill(_box(x, 0.08, x + 0.24, 0.5), rgb("#efece4"))
    for column in (0.015, 0.13):
        canvas.fill(_box(x + column, 0.1, x + column + 0.095, 0.48), sky)


def _picture(canvas: Canvas, rng: np.random.Generator, x: float) -> None:
    y, wide = rng.uniform(0.08, 0.3), rng.uniform(0.1, 0.2)
    canvas.fill(_box(x, y, x + wide, y + 0.24), _pick(rng, _THINGS))
    canvas.fill(_box(x + 0.015, y + 0.02, x + wide - 0.015, y + 0.22), _pick(rng, _WALLS))
    canvas.fill(arc((x + wide / 2, y + 0.14), (wide / 4, 0.06)), _pick(rng, _THINGS))


def _shelf(canvas: Canvas, rng: np.random.Generator, x: float) -> None:
    for y in (0.28, 0.52):
        canvas.fill(_box(x, y, x + 0.3, y + 0.025), rgb("#6b4a33"))
        left = x + 0.01
        while left < x + 0.27:
            wide, tall = rng.uniform(0.015, 0.035), rng.uniform(0.1, 0.18)
            canvas.fill(_box(left, y - tall, left + wide, y), _pick(rng, _THINGS))
            left += wide + 0.003


def _lamp(canvas: Canvas, rng: np.random.Generator, x: float) -> None:
    canvas.line(np.array([[x + 0.08, 0.35], [x + 0.08, 0.95]]), rgb("#4a4038"), 0.02)
    canvas.fill(
        np.array([[x + 0.03, 0.2], [x + 0.13, 0.2], [x + 0.17, 0.38], [x - 0.01, 0.38]]), _pick(rng, _THINGS)
    )


def _plant(canvas: Canvas, rng: np.random.Generator, x: float) -> None:
    green = mix(rgb("#2f6b3c"), rgb("#7fae55"), rng.random())
    for angle in np.radians(rng.uniform(200, 340, 9)):
        reach = rng.uniform(0.15, 0.35) * np.array([np.cos(angle) * 0.75, np.sin(angle)])
        canvas.line(np.stack([[x + 0.06, 0.75], [x + 0.06, 0.75] + reach]), green, 0.05)
    canvas.fill(np.array([[x, 0.73], [x + 0.12, 0.73], [x + 0.1, 0.9], [x + 0.02, 0.9]]), rgb("#a5653f"))


def _draw_outdoors(canvas: Canvas, rng: np.random.Generator) -> None:
    dusk = rng.random()
    _gradient(canvas, mix(rgb("#7fb6e0"), rgb("#3a3f63"), dusk), mix(rgb("#d9ecf2"), rgb("#e0a07a"), dusk))
    for _ in range(rng.integers(3, 8)):
        x, wide, top = rng.uniform(-0.1, 1), rng.uniform(0.08, 0.2), rng.uniform(0.2, 0.55)
        colour = mix(_pick(rng, _WALLS), (40.0, 45.0, 60.0), 0.5 * dusk)
        canvas.fill(_box(x, top, x + wide, 1), colour)
        for y in np.arange(top + 0.04, 0.9, 0.09):
            for pane in np.arange(x + 0.015, x + wide - 0.02, 0.04):
                canvas.fill(
                    _box(pane, y, pane + 0.02, y + 0.045), mix(colour, rgb("#ffe9a8"), 0.6 * dusk + 0.15)
                )
    for _ in range(rng.integers(1, 5)):
        x, y = rng.uniform(0, 1), rng.uniform(0.45, 0.65)
        canvas.line(np.array([[x, y], [x, 1.0]]), rgb("#5b4330"), 0.04)
        canvas.fill(
            arc((x, y), (rng.uniform(0.06, 0.13), rng.uniform(0.1, 0.2))),
            mix(rgb("#3f7a48"), rgb("#a6783a"), dusk),
        )
    canvas.fill(_box(0, 0.86, 1, 1), rgb("#6d7868"))


def _draw_shapes(canvas: Canvas, rng: np.random.Generator) -> None:
    _gradient(canvas, _pick(rng, _WALLS), _pick(rng, _THINGS))
    for _ in range(rng.integers(12, 25)):
        centre, size = rng.uniform(0, 1, 2), rng.uniform(0.03, 0.16)
        start, corners = 15 * rng.integers(6), rng.choice([4, 5, 6, 20])
        canvas.fill(
            arc(tuple(centre), (0.75 * size, size), start, start + 360, corners),
            _pick(rng, (*_THINGS, *_WALLS)),
        )
