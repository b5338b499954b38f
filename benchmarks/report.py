"""A benchmark's table, figures and picture."""

import logging
from importlib import import_module
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from benchmarks.results import Result
from utils.config import TrainConfig
from utils.provenance.machine import machine
from utils.results import write_json

MANY = 5  # pictures, above which they stand in two columns


def measure(name: str, rounds: int, folder: Path) -> str:
    """Run it; write folder/NAME.json and NAME.png; the table, in Markdown."""
    logging.getLogger("camxuc").setLevel(logging.ERROR)  # that weights are random is known
    results = import_module(f"benchmarks.{name}").run(rounds)
    write_json({"benchmark": name, "rounds": rounds, "machine": machine(TrainConfig()), "torch": torch.__version__,
                "results": [result.data() for result in results]}, folder / f"{name}.json")
    draw(results, folder / f"{name}.png")
    return "\n\n".join([f"## {name}", *(result.table() for result in results), ""])


def draw(results: list[Result], path: Path) -> None:
    """One below the other, many in two columns."""
    columns = 1 if len(results) <= MANY else 2
    rows = -(-len(results) // columns)
    figure, all_axes = plt.subplots(rows, columns, figsize=(8, 2.6 * rows), squeeze=False, layout="constrained")
    for axes in all_axes.flat[len(results) :]:
        axes.remove()
    for result, axes in zip(results, all_axes.flat):
        result.draw(axes)
        axes.set_title(result.title, fontsize=10, loc="left", pad=22 if axes.get_legend() and axes.containers else 8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    plt.close(figure)
