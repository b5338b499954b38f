"""A study as a picture: each variant's difference to the baseline."""

from pathlib import Path
from statistics import mean

import matplotlib
from matplotlib.figure import Figure

from utils.ablation.study import Study
from utils.ablation.tables import WIDTH, title

MEAN, SEED, ZERO = "#0072b2", "#d55e00", "#777777"


def draw(study: Study) -> Figure:
    """A line a variant: the mean difference with its interval, and beneath it each seed's, in points."""
    rows = [row for row in study.rows if row.differences]
    figure = Figure(figsize=(6.4, 1.3 + 0.42 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        middle = 100 * mean(row.differences.values())
        low, high = (100 * end for end in row.interval)
        axes.plot([low, high], [place] * 2, color=MEAN, linewidth=1.6, marker="|", markersize=7,
                  label=f"{WIDTH} interval over {study.unit}")
        axes.plot(middle, place, "o", color=MEAN, markersize=6, label="mean over seeds")
        axes.plot([100 * value for value in row.differences.values()], [place + 0.22] * len(row.differences), ".",
                  color=SEED, alpha=0.8, label="each seed")
    axes.axvline(0, color=ZERO, linestyle=":", label=study.spec.baseline)
    axes.set_yticks(range(len(rows)), [row.variant for row in rows], parse_math=False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(f"difference in {study.spec.split} {title(study.spec.metric)}, points")
    axes.spines[["top", "right"]].set_visible(False)
    handles = dict(zip(*reversed(axes.get_legend_handles_labels())))  # each once
    legend = figure.legend(handles.values(), handles, frameon=False, loc="outside upper center", ncols=4, fontsize=8)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure


def save(study: Study, folder: Path) -> list[Path]:
    """The picture as PNG and SVG; the same study makes the same files."""
    paths = [folder / f"differences.{suffix}" for suffix in ("png", "svg")]
    with matplotlib.rc_context({"svg.hashsalt": study.spec.name}):
        for path in paths:
            draw(study).savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    return paths
