"""What pretraining without labels buys: a recogniser from scratch and from a run of SimCLR, at few labels and at all.

    python -m scripts.label_efficiency fer2013 --init-from runs/simclr --seeds 0 1 2 -- --root-dir D --clip-model tiny

What follows `--` goes to every `main.py train`; `--at 0.01 "--epochs 40 --batch-size 32"` adds flags at one share of
the labels, `--scratch "FLAGS"` and `--pretrained "FLAGS"` to one of the two; a lone flag as `" --no-use-moco"`, with a
space, or it would be taken as one of this script's. The seed draws the labelled clips as well
as the weights, and both have the same. Each run is a process of its own in OUT/SHARE/START-SEED, and one that is
finished there is not run again. Prints a Markdown table, and writes it and a picture to OUT.
"""

import argparse
import shlex
import sys
from pathlib import Path
from statistics import mean, stdev

from matplotlib.figure import Figure

from utils.ablation.tables import spread
from utils.processes import Run, train_all

SCRATCH, PRETRAINED = "from scratch", "pretrained"
Scores = dict[float, dict[str, list[dict]]]  # by share of the labels and start, one for each seed


def table(scores: Scores, split: str) -> str:
    """Markdown: mean and sample standard deviation over seeds, and of the difference, seed by seed."""
    lines = [f"| labels | {split} UAR, {SCRATCH} | {split} UAR, {PRETRAINED} | gain | {split} WAR, {SCRATCH} | "
             f"{split} WAR, {PRETRAINED} |", "|---|---|---|---|---|---|"]
    for share, starts in scores.items():
        uar, war = ([[run[key] for run in starts[start]] for start in (SCRATCH, PRETRAINED)] for key in ("uar", "war"))
        gain = spread((after - before for before, after in zip(*uar)), "+")
        lines.append(f"| {share:.4g} | {spread(uar[0])} | {spread(uar[1])} | {gain} | {spread(war[0])} | "
                     f"{spread(war[1])} |")
    return "\n".join(lines)


def draw(scores: Scores, split: str, chance: float) -> Figure:
    """UAR over the share of the labels, in log scale: means, standard deviations, and each run."""
    figure = Figure(figsize=(5.2, 3.4), layout="constrained")
    axes = figure.add_subplot()
    for start, colour, marker in ((PRETRAINED, "#0072b2", "o"), (SCRATCH, "#d55e00", "s")):
        runs = [[100 * run["uar"] for run in starts[start]] for starts in scores.values()]
        deviations = [stdev(values) if len(values) > 1 else 0 for values in runs]
        axes.errorbar([100 * share for share in scores], [mean(values) for values in runs], deviations, label=start,
                      color=colour, marker=marker, capsize=3)
        for share, values in zip(scores, runs):
            axes.plot([100 * share] * len(values), values, ".", color=colour, alpha=0.4)
    axes.axhline(100 * chance, color="#777777", linestyle=":", label="chance")
    axes.set_xscale("log")
    axes.set_xticks([100 * share for share in scores], [f"{100 * share:.3g}" for share in scores])
    axes.minorticks_off()
    axes.set_xlabel("share of the training labels, %")
    axes.set_ylabel(f"{split} UAR, %")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def words_after_dashes(words: list[str]) -> tuple[list[str], list[str]]:
    """What stands before and after `--`."""
    place = words.index("--") if "--" in words else len(words)
    return words[:place], words[place + 1 :]


def _at_shares(pairs: list[list[str]], shares: list[float], parser: argparse.ArgumentParser) -> dict[float, list[str]]:
    """The words that --at adds at each share."""
    at = {share: [] for share in shares}
    for share, words in pairs:
        added = shlex.split(words)
        try:
            at[float(share)] += added
        except (KeyError, ValueError):
            parser.error(f"--at {share}: must be one of --shares {' '.join(f'{one:g}' for one in shares)}")
    return at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--init-from", type=Path, required=True, help="the run of SimCLR")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.01, 0.1, 1.0], help="of the training labels")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--split", default="test", choices=("val", "test"), help="test is read once by each run")
    parser.add_argument("--at", nargs=2, action="append", default=[], metavar=("SHARE", "FLAGS"))
    parser.add_argument("--scratch", default="", metavar="FLAGS")
    parser.add_argument("--pretrained", default="", metavar="FLAGS")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, which share the processors")
    parser.add_argument("--out", type=Path, default=Path("runs/label_efficiency"))
    words, flags = words_after_dashes(sys.argv[1:])
    args = parser.parse_args(words)
    flags += ["--score-test" if args.split == "test" else "--no-score-test"]
    own = {SCRATCH: shlex.split(args.scratch),
           PRETRAINED: [*shlex.split(args.pretrained), "--init-from", str(args.init_from)]}
    at = _at_shares(args.at, args.shares, parser)
    runs = {(share, start, seed): Run(args.out / f"{share:g}" / f"{start.replace(' ', '-')}-{seed}", args.recipe, (
                *flags, *at[share], *own[start], "--label-fraction", str(share), "--seed", str(seed)))
            for seed in args.seeds for share in args.shares for start in own}
    if failed := train_all(list(runs.values()), args.jobs):
        sys.exit("\n".join(f"error: {run.words}: {line}" for run, line in failed.items()))
    scores = {share: {start: [runs[share, start, seed].scores(args.split) for seed in args.seeds] for start in own}
              for share in args.shares}
    chance = runs[args.shares[0], SCRATCH, args.seeds[0]].scores(args.split)["baselines"]["majority"]["uar"]
    (args.out / "table.md").write_text(table(scores, args.split) + "\n")
    for suffix in ("png", "svg"):
        draw(scores, args.split, chance).savefig(args.out / f"label_efficiency.{suffix}", dpi=150)
    print(table(scores, args.split))


if __name__ == "__main__":
    main()
