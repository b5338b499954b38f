"""What the watch over training costs: its share of the time of training steps.

    python -m scripts.health_cost [--steps 48] [--cases demo absa_demo ViT-B-32] [-- FLAGS]

Each case is an epoch of so many steps in this process; clips are random pixels, and weights random. What follows `--`
goes to every recipe. Prints a Markdown table.
"""

import argparse
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.clips import RandomClips
from commands.build import build_trainer
from dataloaders.datasets import CAER
from models import build_model
from trainer import Trainer
from utils.objective import build_objective
from utils.recipe import load_config
from utils.structures import Labels
from utils.tasks import build_task

WARMED = 2  # steps before the clock runs


def of_clips(flags: list[str], recipe: str, steps: int, folder: Path) -> Trainer:
    config, labels = load_config(recipe, flags), Labels(list(CAER))
    model = build_model(config, labels)
    with torch.no_grad():
        objective = build_objective(config, model.class_features(), labels)
    return Trainer(config, build_task(config, labels), model, objective, {"train": RandomClips(config, steps)}, folder)


def of_demo(flags: list[str], steps: int, folder: Path) -> Trainer:
    return of_clips(["--bounding-box-face", "none", *flags], "demo", steps, folder)


def of_vit(flags: list[str], steps: int, folder: Path) -> Trainer:
    flags = ["--clip-model", "ViT-B-32", "--clip-pretrained", "none", "--batch-size", "2",
             "--num-segments", "4", *flags]
    return of_clips(flags, "caer", steps, folder)


def of_reviews(flags: list[str], steps: int, folder: Path) -> Trainer:
    return build_trainer(load_config("absa_demo", ["--root-dir", str(folder), *flags]), folder)


CASES: dict[str, Callable[[list[str], int, Path], Trainer]] = {
    "demo": of_demo, "absa_demo": of_reviews, "ViT-B-32": of_vit}


def measure(trainer: Trainer, steps: int) -> tuple[float, float]:
    """Seconds of steps, and of these what the watch has taken: the first epoch's looks, most steps without one, and
    the end of the epoch."""
    trainer.model.train()
    seconds = taken = 0.0
    for number, batch in enumerate(islice(trainer.loaders["train"].epoch(0), steps + WARMED)):
        if number == WARMED:
            trainer.batch, seconds, taken = 0, 0.0, trainer.health.seconds
        started = time.perf_counter()  # loading is not of the step
        trainer.health.loaded(batch)
        trainer.step([batch])
        trainer.batch += 1
        seconds += time.perf_counter() - started
    started = time.perf_counter()
    trainer.health.close(1, {})
    return seconds + time.perf_counter() - started, trainer.health.seconds - taken


def table(rows: dict[str, tuple[int, float, float]]) -> str:
    """Markdown, of steps, their seconds and the watch's."""
    lines = ["| case | steps | ms a step | of these the watch | share |", "|---|---|---|---|---|"]
    for name, (steps, seconds, watch) in rows.items():
        lines.append(f"| {name} | {steps} | {1e3 * seconds / steps:.1f} | {1e3 * watch / steps:.2f} | "
                     f"{watch / seconds:.2%} |")
    return "\n".join(lines)


def main(words: list[str]) -> None:
    place = words.index("--") if "--" in words else len(words)
    own, flags = words[:place], words[place + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    chosen, rows = parser.parse_args(own), {}
    for name in chosen.cases:
        with TemporaryDirectory() as folder:
            trainer = CASES[name](flags, chosen.steps + WARMED, Path(folder))
            rows[name] = (chosen.steps, *measure(trainer, chosen.steps))
    print(table(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
