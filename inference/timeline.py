"""The answers to a video as a picture: probabilities over time, and what was to be seen."""

from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from inference.clips import Answer
from utils.report.svg import inline
from utils.thinned import Thinned

MOMENTS, PICTURES = 512, 16  # of a video of any length, at most
SHOWN = 8  # pictures side by side
CLASSES = 12  # rows at most, those with the highest probability
NARROW = 0.5  # of width and pictures, for a phone
WIDTH, ROW = 7.4, 0.42  # inches: of all pictures, and the height of a class
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)  # seconds between marks


@dataclass(frozen=True)
class Palette:
    """Colours: text, rules, all probabilities, and those of the class that is said."""

    ink: str
    rule: str
    pale: str
    said: str


PAPER = Palette("#5b6670", "#dde1e5", "#9cc7e3", "#0072b2")
# matplotlib knows no CSS, so it draws in stand-ins, which the page's variables then replace.
STAND_INS = Palette("#0000f1", "#0000f2", "#0000f3", "#0000f4")
VARIABLES = {"#0000f1": "var(--muted)", "#0000f2": "var(--rule)", "#0000f3": "var(--pale)", "#0000f4": "var(--s1)"}


@dataclass(frozen=True)
class Stretch:
    """What was said from one time to another, in seconds: mean probabilities (C,) over `count` answers."""

    start: float
    end: float
    probabilities: np.ndarray
    count: int


def _joined(a: Stretch, b: Stretch) -> Stretch:
    count = a.count + b.count
    return Stretch(a.start, b.end, (a.count * a.probabilities + b.count * b.probabilities) / count, count)


class Timeline:
    """Gathers answers, in a memory that does not grow, and draws them.

    Args:
        stride: seconds from one answer to the next.
    """

    def __init__(self, classes: list[str], stride: float):
        self.classes, self.stride = classes, stride
        self.answers, self.end = 0, 0.0  # how many there were, and the second up to which
        self._stretches: Thinned[Stretch] = Thinned(MOMENTS, _joined)
        self._pictures: Thinned[tuple[float, np.ndarray]] = Thinned(PICTURES, lambda earlier, later: earlier)

    def add(self, answer: Answer) -> None:
        middle = (answer.start + answer.end) / 2
        start = answer.start if not self.answers else middle - self.stride / 2
        self._stretches.add(Stretch(start, middle + self.stride / 2, np.array(list(answer.probabilities.values())), 1))
        self._pictures.add((answer.time, answer.seen.picture))
        self.answers += 1
        self.end = answer.end

    @property
    def mean(self) -> dict[str, float]:
        """The probabilities over the whole video."""
        weights = [stretch.count for stretch in self._stretches.items]
        rows = np.average([stretch.probabilities for stretch in self._stretches.items], axis=0, weights=weights)
        return dict(zip(self.classes, rows.tolist()))

    def save(self, path: Path, title: str) -> None:
        self._draw(PAPER, title, 1).savefig(path, dpi=150, facecolor="white")

    def svg(self, narrow: bool = False) -> str:
        """For a page: coloured by its variables --muted, --rule, --pale and --s1."""
        with matplotlib.rc_context({"svg.fonttype": "none"}):
            file = StringIO()
            figure = self._draw(STAND_INS, "", NARROW if narrow else 1)
            figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
        return inline(file.getvalue(), "narrow" if narrow else "timeline", VARIABLES)

    def _draw(self, palette: Palette, title: str, share: float) -> Figure:
        """A row of pictures, and a row for each class; `share` of the width, with as many fewer pictures."""
        shown = sorted(self.mean, key=self.mean.get, reverse=True)[:CLASSES]
        shown = [name for name in self.classes if name in shown]
        ratio = np.divide(*self._pictures.items[0][1].shape[1::-1])
        pictures = WIDTH / SHOWN / max(ratio, 1) + 0.2  # inches high
        figure = Figure(figsize=(share * WIDTH + 1, pictures + 0.6 + ROW * len(shown)), layout="constrained")
        figure.get_layout_engine().set(h_pad=0.02, hspace=0)
        rows = figure.subplots(len(shown) + 1, 1, height_ratios=[pictures, *[ROW] * len(shown)])
        self._show_pictures(rows[0], palette, round(share * SHOWN))
        if title:
            rows[0].set_title(title, loc="left", fontsize=9, color=palette.ink, parse_math=False)
        for axes, name in zip(rows[1:], shown):
            self._show_class(axes, self.classes.index(name), palette)
            axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8.5, color=palette.ink,
                            parse_math=False)
        last = rows[-1]
        last.tick_params(labelbottom=True, labelsize=8, colors=palette.ink, length=3)
        marks = 8 * share
        step = next((step for step in STEPS if self.end <= marks * step), self.end / marks)
        last.xaxis.set_major_locator(MultipleLocator(step))
        last.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: clock(seconds)))
        return figure

    def _show_pictures(self, axes: Axes, palette: Palette, most: int) -> None:
        """Those of the video at even distances, side by side, with their times."""
        axes.set_axis_off()
        kept = self._pictures.items
        shown = np.unique(np.linspace(0, len(kept) - 1, min(most, len(kept))).round().astype(int))
        for place, number in enumerate(shown):
            at, picture = kept[number]
            width, height = np.array(picture.shape[1::-1]) / max(picture.shape[:2])
            axes.imshow(picture, extent=(place, place + 0.96 * width, 0, 0.96 * height))
            axes.text(place, height, clock(at), fontsize=7.5, va="bottom", color=palette.ink)
        axes.set_aspect("equal", anchor="SW")
        axes.set_xlim(0, most)
        axes.set_ylim(0, height + 0.22)

    def _show_class(self, axes: Axes, number: int, palette: Palette) -> None:
        stretches = self._stretches.items
        edges = [stretches[0].start, *(stretch.end for stretch in stretches)]
        edges[-1] = max(self.end, edges[-2] + 1e-3)
        values = np.array([stretch.probabilities[number] for stretch in stretches])
        said = np.array([stretch.probabilities.argmax() == number for stretch in stretches])
        axes.stairs(values, edges, fill=True, color=palette.pale)
        axes.stairs(np.where(said, values, 0), edges, fill=True, color=palette.said)
        axes.set_ylim(0, 1)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_yticks([])
        axes.tick_params(labelbottom=False, length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(palette.rule)


def clock(seconds: float) -> str:
    """1:02, or 1:00:02, or 0:01.5 where it is no whole second."""
    minutes, tenths = divmod(round(10 * seconds), 600)
    rest = f"{tenths / 10:04.1f}".removesuffix(".0")
    return f"{minutes // 60}:{minutes % 60:02}:{rest}" if minutes >= 60 else f"{minutes}:{rest}"
