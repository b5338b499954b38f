"""What each term of a recipe brings: trains it with everything on, with one thing off, and with all of them off.

    python -m scripts.ablation fer2013 --seeds 0 1 --jobs 2 -- --root-dir D --epochs 10

What follows `--` goes to every `main.py train`. Each run is a process of its own in OUT/SEED/NAME, and one that
is finished there is not run again. Only validation is scored; the test split stays unread. Prints a Markdown table.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from tqdm import tqdm

ROOT = Path(__file__).parent.parent
OFF = {
    "label smoothing": ("--label-smoothing", "0"),
    "LDL": ("--no-use-ldl",),
    "MI": ("--lambda-mi", "0"),
    "DC": ("--lambda-dc", "0"),
    "MoCo": ("--no-use-moco",),
    "mixup": ("--mixup-alpha", "0"),
}
FULL, BARE = "everything on", "cross entropy alone"
VARIANTS = {FULL: (), **{f"no {name}": flags for name, flags in OFF.items()}, BARE: sum(OFF.values(), ())}


@dataclass(frozen=True)
class Run:
    variant: str
    seed: int
    folder: Path

    def train(self, recipe: str, flags: list[str], threads: int) -> None:
        """
        Raises:
            CalledProcessError: the training failed; its own words are in train.out.
        """
        if (self.folder / "metrics.json").is_file():
            return
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, ROOT / "main.py", "train", recipe, *flags, *VARIANTS[self.variant], "--seed",
                   str(self.seed), "--no-score-test", "--resume", "auto", "--output-dir", self.folder]
        with self.folder.with_suffix(".out").open("w") as out:
            subprocess.run(command, check=True, stdout=out, stderr=out,
                           env={"OMP_NUM_THREADS": str(threads)} | os.environ)

    def scores(self) -> dict:
        return json.loads((self.folder / "metrics.json").read_text())["val"]


def table(scores: dict[str, list[dict]]) -> str:
    """Markdown: mean and sample standard deviation over seeds of validation UAR and WAR, and UAR beside FULL's.

    Args:
        scores: of each variant, one entry per seed, in the same order of seeds.
    """
    lines = ["| | val UAR | against everything on | val WAR |", "|---|---|---|---|"]
    full = [run["uar"] for run in scores[FULL]]
    for variant, runs in scores.items():
        paired = "" if variant == FULL else spread((run["uar"] - all_on for run, all_on in zip(runs, full)), "+")
        lines.append(f"| {variant} | {spread(run['uar'] for run in runs)} | {paired} | "
                     f"{spread(run['war'] for run in runs)} |")
    return "\n".join(lines)


def spread(values: Iterable[float], sign: str = "") -> str:
    """Mean, and the sample standard deviation where there are two values or more."""
    values = list(values)
    return f"{mean(values):{sign}.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, which share the processors")
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    words = sys.argv[1:]
    place = words.index("--") if "--" in words else len(words)
    args, flags = parser.parse_args(words[:place]), words[place + 1 :]
    runs = [Run(variant, seed, args.out / str(seed) / variant.replace(" ", "-"))
            for seed in args.seeds for variant in VARIANTS]
    threads = max((os.cpu_count() or 1) // args.jobs, 1)
    with ThreadPoolExecutor(args.jobs) as pool:
        trained = pool.map(lambda run: run.train(args.recipe, flags, threads), runs)
        try:
            for _ in tqdm(trained, total=len(runs), desc="trainings"):
                pass
        except subprocess.CalledProcessError as error:
            sys.exit(f"error: {Path(error.cmd[-1]).with_suffix('.out')}: a training failed, its last lines say why")
    print(table({variant: [run.scores() for run in runs if run.variant == variant] for variant in VARIANTS}))


if __name__ == "__main__":
    main()
