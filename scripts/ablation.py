"""What each term of a recipe brings: trains it with everything on, with one thing off, and with all of them off.

    python -m scripts.ablation fer2013 --seeds 0 1 --jobs 2 -- --root-dir D --epochs 10

What follows `--` goes to every `main.py train`. Each run is a process of its own in OUT/SEED/NAME, and one that
is finished there is not run again. Only validation is scored; the test split stays unread. Prints a Markdown table.
"""

import argparse
import sys
from pathlib import Path

from scripts.runs import Run, spread, train_all, words_after_dashes

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, which share the processors")
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    words, flags = words_after_dashes(sys.argv[1:])
    args = parser.parse_args(words)
    runs = {(variant, seed): Run(args.out / str(seed) / variant.replace(" ", "-"), args.recipe,
                                 (*flags, *VARIANTS[variant], "--seed", str(seed), "--no-score-test"))
            for seed in args.seeds for variant in VARIANTS}
    train_all(list(runs.values()), args.jobs)
    print(table({variant: [runs[variant, seed].scores("val") for seed in args.seeds] for variant in VARIANTS}))


if __name__ == "__main__":
    main()
