"""The report's pictures: curves as inline SVG that takes its colours from the page, frames as data URIs."""

import base64
import math
from dataclasses import dataclass
from io import StringIO

import cv2
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from torch import Tensor

from utils.report.svg import inline

Series = tuple[list[int], list[float]]  # epochs, values

SIZE = (3.1, 1.9)  # inches of 72 pt; a panel must stay legible on a phone
THUMBNAIL = 96  # px
QUALITY = 75  # JPEG
HUES = 6  # --s1 to --s6 of the page
DASHES = ((), (5, 1.5), (1.2, 1.2), (5, 1.5, 1.2, 1.5))  # lines are not told apart by colour alone
# matplotlib knows no CSS, so it draws in stand-ins that are then replaced.
HUE = {f"#0000{i:02x}": f"var(--s{i})" for i in range(1, HUES + 1)}
INK, RULE, MARK = "#0000f1", "#0000f2", "#0000f3"
COLOURS = HUE | {INK: "var(--muted)", RULE: "var(--rule)", MARK: "currentColor"}


@dataclass
class Panel:
    """One small plot: lines over epochs, by their labels."""

    name: str
    lines: dict[str, Series]
    log: bool = False
    stacked: bool = False  # lines are shares of a whole, drawn as bands upon each other

    def __str__(self) -> str:
        """What the lines do, for who cannot see them."""
        return "; ".join(f"{label}: {values[0]:.4g} at epoch {epochs[0]}, {values[-1]:.4g} at epoch {epochs[-1]}"
                         for label, (epochs, values) in self.lines.items())

    def style(self, place: int) -> str:
        """CSS of a line or band, for the legend."""
        if self.stacked:
            hue, opacity = band(place, len(self.lines))
            return f"stroke: var(--s{hue}); stroke-opacity: {opacity:.2f}; stroke-width: 9"
        dashes = " ".join(str(1.4 * part) for part in DASHES[place % len(DASHES)])
        return f"stroke: var(--s{place % HUES + 1}); stroke-dasharray: {dashes or 'none'}"


def band(place: int, count: int) -> tuple[int, float]:
    """Hue and opacity of one of `count` bands: from one colour, over pale, to another."""
    way = place / max(count - 1, 1)
    return (1 if way < 0.5 else 2), 0.12 + 0.78 * abs(2 * way - 1)


def series(rows: list[dict[str, float]], column: str, scale: float = 1.0) -> Series:
    """The epochs that have a finite value in a column, and the values."""
    pairs = [(int(row["epoch"]), scale * row[column]) for row in rows if math.isfinite(row.get(column, math.nan))]
    return [epoch for epoch, _ in pairs], [value for _, value in pairs]


def panels(rows: list[dict[str, float]], scores: dict[str, dict[str, str]]) -> dict[str, list[Panel]]:
    """The plots of a history, in groups; without what it has no values of.

    Args:
        scores: of each panel of scores its columns, by label; where its name ends in %, they are shares.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    losses = ["loss", *(name for name in columns if name.startswith("loss_")), "val_cross_entropy"]
    names = {"loss": "total", "val_cross_entropy": "validation cross-entropy"}
    rates = [name for name in columns if name.startswith("lr_")]
    groups = {
        "Training": [
            *(Panel(title, _merged({label: series(rows, name, 100 if title.endswith("%") else 1)
                                    for label, name in of.items()})) for title, of in scores.items()),
            Panel("learning rates", _merged({name[3:]: series(rows, name) for name in rates}), log=True),
            Panel("gradient norm", {"gradient norm": series(rows, "grad_norm")}, log=True),
        ],
        "Losses": [Panel(names.get(name, name[5:]), {names.get(name, name[5:]): series(rows, name)})
                   for name in losses],
        "Gradient harmonising (GHM-C)": _harmonising(rows, columns),
    }
    for group in groups.values():
        for panel in group:
            panel.lines = {label: line for label, line in panel.lines.items() if line[0]}
    return {title: [p for p in group if p.lines] for title, group in groups.items() if any(p.lines for p in group)}


def _harmonising(rows: list[dict[str, float]], columns: list[str]) -> list[Panel]:
    """How hard GHM-C finds the cells that it weighs: the norm of each one's gradient, 1 - p of its class."""
    norms = {"largest": "ghm_g_max", "mean": "ghm_g_mean", "smallest": "ghm_g_min"}
    bins = [name for name in columns if name.startswith("ghm_g_bin_")]
    labels = [f"{number / len(bins):.2g}–{(number + 1) / len(bins):.2g}" for number in range(len(bins))]
    return [Panel("cells' gradient norm 1 − p", {label: series(rows, name) for label, name in norms.items()}),
            Panel("cells by gradient norm, %", {label: series(rows, name, 100) for label, name in zip(labels, bins)},
                  stacked=True)]


def _merged(lines: dict[str, Series]) -> dict[str, Series]:
    """Lines that coincide become one with all their labels: one would hide the other."""
    labels: dict[tuple, list[str]] = {}
    for label, line in lines.items():
        same = (tuple(line[0]), *(f"{value:.9g}" for value in line[1]))
        labels.setdefault(same, []).append(label)
    return {", ".join(same): lines[same[0]] for same in labels.values()}


def draw(panel: Panel, last_epoch: int, best_epoch: int | None) -> str:
    """An `<svg>`; all panels of a run share the epoch axis. The best epoch is marked by a dashed line."""
    settings = {"svg.fonttype": "none", "svg.hashsalt": panel.name, "font.size": 8, "axes.edgecolor": RULE,
                "axes.spines.top": False, "axes.spines.right": False, "xtick.color": RULE, "ytick.color": RULE,
                "xtick.labelcolor": INK, "ytick.labelcolor": INK, "grid.color": RULE, "grid.linewidth": 0.5}
    with matplotlib.rc_context(settings):
        figure = Figure(SIZE)
        axes = figure.add_axes((0.175, 0.23, 0.8, 0.74))  # the same in all panels, so that they line up
        (_stack if panel.stacked else _plot)(axes, panel)
        axes.grid(axis="y")
        axes.set_xlim((1, last_epoch) if last_epoch > 1 else (0.5, 1.5))
        axes.set_xticks(np.unique(np.linspace(1, last_epoch, 5).astype(int)))
        axes.set_xlabel("epoch", color=INK)
        _set_values_axis(axes, [value for _, values in panel.lines.values() for value in values], panel.log)
        if best_epoch is not None:
            axes.axvline(best_epoch, gid="best", color=MARK, linewidth=0.7, linestyle=(0, (3, 3)), clip_on=False)
        file = StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return inline(file.getvalue(), panel.name, COLOURS)


def _plot(axes, panel: Panel) -> None:
    for place, (epochs, values) in enumerate(panel.lines.values()):
        axes.plot(epochs, values, gid=f"line-{place}", color=list(HUE)[place % HUES], linewidth=1.4,
                  linestyle=(0, DASHES[place % len(DASHES)]), marker="o" if len(epochs) == 1 else "", markersize=4,
                  clip_on=False)


def _stack(axes, panel: Panel) -> None:
    """All bands have the same epochs; one epoch fills the whole width."""
    below = 0.0
    for place, (epochs, values) in enumerate(panel.lines.values()):
        hue, opacity = band(place, len(panel.lines))
        sides, above = (epochs, np.array(values)) if len(epochs) > 1 else ([0.5, 1.5], np.array(2 * values))
        axes.fill_between(sides, below, below + above, gid=f"band-{place}", facecolor=list(HUE)[hue - 1],
                          alpha=opacity, linewidth=0)
        below = below + above
    axes.set_ylim(0, 100)


def _set_values_axis(axes, values: list[float], log: bool) -> None:
    positive = [value for value in values if value > 0]
    if log and positive:
        low, high = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
        axes.set_yscale("log")
        axes.set_ylim(10**low / 1.2, 10 ** max(high, low + 1) * 1.2)  # whole decades, so that ticks have labels
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def thumbnails(frames: Tensor, count: int) -> list[str]:
    """JPEG data URIs of up to `count` frames, evenly spread, of at most THUMBNAIL px.

    Args:
        frames: (T, 3, H, W) uint8, RGB.
    """
    steps = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    return [data_uri(frames[step].permute(1, 2, 0).numpy()) for step in steps]


def data_uri(image: np.ndarray, side: int = THUMBNAIL) -> str:
    """A JPEG of (H, W, 3) uint8 RGB, of at most `side` px."""
    scale = min(side / max(image.shape[:2]), 1.0)
    size = [max(round(side * scale), 1) for side in image.shape[1::-1]]
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    jpeg = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
