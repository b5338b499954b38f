"""The picture of the network in README.md.

    python -m scripts.draw_architecture [docs/architecture.svg]

One unit is one px of the picture as README.md shows it; y grows downwards.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as Line

from utils.config import VideoLossConfig

OUT = Path(__file__).parent.parent / "docs" / "architecture.svg"
WIDTH, HEIGHT = 900, 892
CARD, EDGE, INK, MUTED, SHAPE = "#fbfbf9", "#d5d8da", "#1f2933", "#56616b", "#7a3e00"
SETTINGS = {"svg.fonttype": "none", "svg.hashsalt": "architecture", "font.family": ["DejaVu Sans", "sans-serif"]}

# The names of utils.objective.video.TERMS, as they are drawn.
LABELS = {"cls": "LSR2", "ldl": "SemanticLDL", "mi": "MI", "dc": "DC", "moco": "MoCo"}
DEFAULTS = VideoLossConfig()


@dataclass(frozen=True)
class Kind:
    """How a box looks; no two kinds differ in colour alone."""

    fill: str
    edge: str
    ink: str = INK
    dash: str | tuple = "solid"
    width: float = 1.6
    radius: float = 5
    double: bool = False


KINDS = {
    "trainable": Kind("#fff0dd", "#c45f10"),
    "frozen": Kind("#e6f0fa", "#2f6aa8", dash=(0, (4, 2.5))),
    "momentum": Kind("#f0eaf8", "#7450a8", width=1.1, double=True),
    "data": Kind("#ffffff", "#9aa3ab", width=1, radius=14),
    "loss": Kind("#2c3a47", "#2c3a47", ink="#ffffff", radius=13),
    "group": Kind("none", "#c7b299", width=1, radius=8),
    "objective": Kind("none", "#9aa3ab", width=1, radius=8),
}


@dataclass(frozen=True)
class Box:
    """A named part: x, y of the upper left corner, width and height."""

    kind: str
    x: float
    y: float
    w: float
    h: float
    title: str = ""
    notes: tuple[str, ...] = ()
    size: float = 12


@dataclass(frozen=True)
class Arrow:
    """Along points; the label stands right of the first leg's middle, or centred over it if that is level."""

    points: tuple[tuple[float, float], ...]
    label: str = ""
    dotted: bool = False


def v(x: float, top: float, bottom: float, label: str = "") -> Arrow:
    return Arrow(((x, top), (x, bottom)), label)


BOXES = (
    # video
    Box("data", 95, 48, 130, 42, "Clip", ("T frames",)),
    Box("data", 40, 128, 113, 56, "Face stream", ("box, or", "centre crop")),
    Box("data", 167, 128, 113, 56, "Context stream", ("body box, or", "whole frame")),
    Box("group", 26, 230, 268, 338),
    Box("trainable", 40, 252, 240, 44, "CLIP image tower", ("shared by both streams",)),
    Box("trainable", 40, 334, 240, 44, "Adapter", ("residual bottleneck",)),
    Box("trainable", 40, 416, 240, 44, "Fusion", ("face + correction from both",)),
    Box("trainable", 40, 498, 240, 56, "Temporal transformer", ("correction added to", "the mean over frames")),
    Box("data", 40, 606, 240, 42, "Video features", ("(B, D)",)),
    # momentum side
    Box("momentum", 337, 160, 122, 62, "Momentum", ("copy of the", "prompt learner")),
    Box("momentum", 337, 482, 96, 62, "Momentum", ("copy of the", "video encoder")),
    Box("data", 337, 606, 142, 42, "Keys", ("(C, D) or (B, D)",)),
    Box("data", 402, 686, 77, 42, "Queue", (f"({DEFAULTS.moco_k}, D)",)),
    # class texts
    Box("data", 508, 48, 364, 42, "Class texts", ("C classes, K texts each",)),
    Box("trainable", 508, 142, 216, 98, "Prompt learner", ("M vectors around the class text", "", "")),
    Box("data", 744, 142, 128, 56, "Hand-crafted", ("prompts: the texts", "as they stand")),
    Box("frozen", 420, 334, 452, 44, "CLIP text tower", ("one and the same for all prompts",)),
    Box("data", 508, 606, 166, 42, "Class features", ("(C, D)",)),
    Box("data", 716, 606, 156, 42, "Hand-crafted features", ("(C, D)",), 11.5),
    # objective
    Box("data", 508, 728, 166, 42, "Cosine", ("over a temperature",)),
    Box("objective", 508, 808, 364, 58),
    Box("loss", 522, 818, 92, 26, LABELS["cls"]),
    Box("loss", 734, 818, 124, 26, LABELS["ldl"]),
    Box("loss", 670, 682, 50, 26, LABELS["mi"]),
    Box("loss", 44, 694, 62, 26, LABELS["dc"]),
    Box("loss", 232, 694, 130, 26, LABELS["moco"]),
)

ARROWS = (
    # video
    Arrow(((130, 90), (130, 109), (96, 109), (96, 128))),
    Arrow(((190, 90), (190, 109), (224, 109), (224, 128))),
    v(70, 184, 252, "(B, T, 3, H, W)"), v(198, 184, 252, "(B, T, 3, H, W)"),
    v(70, 296, 334, "(B, T, D)"), v(198, 296, 334, "(B, T, D)"),
    v(70, 378, 416, "(B, T, D)"), v(198, 378, 416, "(B, T, D)"),
    v(160, 460, 498, "(B, T, D)"),
    v(160, 554, 606, "(B, D)"),
    # class texts
    v(616, 90, 142), v(808, 90, 142),
    v(616, 240, 334, "(C·K, L, W)"), v(808, 198, 334, "(C·K, L)"),
    v(591, 378, 606, "(C, D)"), v(794, 378, 606, "(C, D)"),
    # momentum side
    Arrow(((508, 191), (459, 191)), "EMA", dotted=True),
    Arrow(((294, 513), (337, 513)), "EMA", dotted=True),
    v(440, 222, 334, "(C·K, L, W)"),
    v(453, 378, 606, "(C, D)"),
    v(385, 544, 606, "(B, D)"),
    v(440, 648, 686, "enqueue"),
    # objective
    v(75, 648, 694), v(256, 648, 694), v(349, 648, 694),
    Arrow(((402, 707), (362, 707))),
    Arrow(((165, 648), (165, 749), (508, 749))),
    Arrow(((640, 648), (640, 695), (670, 695))), Arrow(((750, 648), (750, 695), (720, 695))),
    v(560, 648, 728), v(568, 770, 808, "logits (B, C)"),
    v(812, 648, 808, "targets"),
    Arrow(((614, 831), (734, 831)), "after a warm-up"),
)

# x, y of the middle, text
CAPTIONS = (
    (160, 32, "VIDEO"), (408, 32, "MOMENTUM SIDE"), (690, 32, "CLASSES"),
    (75, 734, "decorrelation"), (297, 734, "contrast"), (695, 722, "mutual information"),
    (690, 856, "classification"),
)
TOKENS = (("start", 38, "frozen"), ("1", 20, "trainable"), ("…", 18, "trainable"), ("M", 20, "trainable"),
          ("class text", 62, "frozen"), ("end", 32, "frozen"))
LEGEND = (("trainable", "trainable"), ("frozen", "frozen"), ("momentum", "momentum, no gradient"), ("data", "data"),
          ("loss", "loss term"))
SYMBOLS = ("B clips, T frames, D feature width, C classes, K texts of a class,",
           "M learned vectors, L tokens, W token width")


def draw() -> Figure:
    with matplotlib.rc_context(SETTINGS):
        figure = Figure((WIDTH / 72, HEIGHT / 72))  # so that font sizes are in px too
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
        axes.axis("off")
        _patch(axes, Box("card", 4, 4, WIDTH - 8, HEIGHT - 8), Kind(CARD, EDGE, width=1, radius=12))
        for box in BOXES:
            _box(axes, box)
        for arrow in ARROWS:
            _arrow(axes, arrow)
        for x, y, text in CAPTIONS:
            _text(axes, x, y, text, 10.5, MUTED)
        _tokens(axes, 517, 202)
        _legend(axes, 40, 786)
    return figure


def _patch(axes: Axes, box: Box, kind: Kind) -> None:
    radius = min(kind.radius, box.w / 2, box.h / 2)
    for inset in (0, 3) if kind.double else (0,):
        style = f"round,pad=0,rounding_size={max(radius - inset, 1)}"
        axes.add_patch(FancyBboxPatch(
            (box.x + inset, box.y + inset), box.w - 2 * inset, box.h - 2 * inset, boxstyle=style, facecolor=kind.fill,
            edgecolor=kind.edge, linestyle=kind.dash, linewidth=kind.width,
        ))


def _box(axes: Axes, box: Box) -> None:
    kind = KINDS[box.kind]
    _patch(axes, box, kind)
    if box.title:
        step, x = 13.5, box.x + box.w / 2
        y = box.y + box.h / 2 - step * len(box.notes) / 2
        _text(axes, x, y, box.title, box.size, kind.ink, weight="bold")
        for line, note in enumerate(box.notes, start=1):
            _text(axes, x, y + step * line + 0.5, note, 10.5, MUTED)


def _arrow(axes: Axes, arrow: Arrow) -> None:
    style = {"linestyle": (0, (1.2, 1.8))} if arrow.dotted else {}
    axes.add_patch(FancyArrowPatch(path=Line(arrow.points), arrowstyle="-|>", mutation_scale=9, linewidth=1.2,
                                   color=INK, joinstyle="round", **style))
    (x0, y0), (x1, y1) = arrow.points[:2]
    if y0 == y1:
        _text(axes, (x0 + x1) / 2, y0 - 9, arrow.label, 10.5, MUTED)
    else:
        _text(axes, x0 + 7, (y0 + y1) / 2 - 2, arrow.label, 10.5, MUTED, ha="left")


def _text(axes: Axes, x: float, y: float, text: str, size: float, colour: str, ha: str = "center", **font) -> None:
    axes.text(x, y, text, size=size, color=colour, ha=ha, va="center_baseline", **font)


def _tokens(axes: Axes, x: float, y: float) -> None:
    """A prompt, piece by piece: what is learned stands between what is not."""
    for name, width, kind in TOKENS:
        _box(axes, Box(kind, x, y, width, 24))
        _text(axes, x + width / 2, y + 12, name, 10.5, INK)
        x += width + 2


def _legend(axes: Axes, x: float, y: float) -> None:
    for place, (kind, name) in enumerate(LEGEND):
        left, top = x + 150 * (place % 3), y + 26 * (place // 3)
        _box(axes, Box(kind, left, top, 30, 16))
        _text(axes, left + 38, top + 8, name, 10.5, INK, ha="left")
    for line, text in enumerate(SYMBOLS):
        _text(axes, x, y + 62 + 15 * line, text, 10.5, MUTED, ha="left")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, nargs="?", default=OUT)
    with matplotlib.rc_context(SETTINGS):
        nameless = {"Date": None, "Creator": None}  # the same file from the same drawing
        draw().savefig(parser.parse_args().out, format="svg", transparent=True, metadata=nameless)


if __name__ == "__main__":
    main()
