"""A training for an hour, and whether memory, files, threads and shared memory stand still.

    python -m scripts.soak [--minutes 60] [--recipe demo] [--output-dir runs/soak] [flags of the recipe]

Looks after every epoch, and ends after the epoch in which the time is up. Writes OUTPUT_DIR/soak.csv and soak.png
and prints a line. Exit status 1: something still grows in the second half, by more than 1 % of its median, or by one of
what is counted; 2: the training has failed, or was too short to tell.
"""

import argparse
import csv
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.leaks import Trend, trend
from benchmarks.report import draw
from benchmarks.resources import Held
from benchmarks.results import Curves
from commands.build import build_trainer
from utils.config import Config
from utils.errors import UserError
from utils.recipe import load_config
from utils.run_folder import RunLog

PANELS = {"MiB": ("resident", "children_resident", "gpu", "shared"),
          "number": ("open_files", "shared_files", "threads", "children")}


class TimeIsUp(Exception):
    pass


def soak(config: Config, folder: Path, seconds: float, look: Callable[[], Held] = Held.now) -> list[Held]:
    """Train from the start in a folder, for so long or to the last epoch. What was held after each epoch is in
    soak.csv at once.

    Raises:
        UserError: as of a training.
    """
    folder.mkdir(parents=True, exist_ok=True)
    seen = []
    with RunLog(folder), (folder / "soak.csv").open("w", newline="") as file:
        trainer, writer = build_trainer(config, folder), csv.writer(file)
        close, end = trainer._close_epoch, time.monotonic() + seconds  # demo data may have been drawn until now

        def close_and_look(taken: float) -> dict:
            row = close(taken)
            seen.append(held := look())
            if len(seen) == 1:
                writer.writerow(["epoch", "seconds", *held.as_dict()])
            writer.writerow([row["epoch"], f"{taken:.3f}", *held.as_dict().values()])
            file.flush()
            if time.monotonic() > end:
                raise TimeIsUp
            return row

        trainer._close_epoch = close_and_look
        try:
            trainer.fit()
        except TimeIsUp:
            pass
    return seen


def trends(seen: list[Held]) -> dict[str, Trend]:
    """By figure; those that were 0 all the time are left out.

    Raises:
        UserError: too few.
    """
    series = {name: [getattr(held, name) for held in seen] for names in PANELS.values() for name in names}
    found = {name: trend(values) for name, values in series.items() if any(values)}
    if not found or None in found.values():
        raise UserError(f"soak: {len(seen)} epochs are too few to tell; give more --minutes")
    return found


def verdict(found: dict[str, Trend], epochs: int) -> str:
    grown = [name for name, of in found.items() if of.grows]
    said = "; ".join(f"{name} {of}" for name, of in found.items())
    return f"soak: {epochs} epochs: {', '.join(grown) + ' still grow' if grown else 'nothing grows'}: {said}"


def picture(seen: list[Held], path: Path) -> None:
    panels = [Curves(unit, "epoch", unit, {name.replace("_", " "): {epoch: getattr(held, name)
                                                                    for epoch, held in enumerate(seen, 1)}
                                           for name in names if any(getattr(held, name) for held in seen)})
              for unit, names in PANELS.items()]
    draw(panels, path)


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--recipe", default="demo")
    parser.add_argument("--output-dir", type=Path, default=Path("runs/soak"))
    args, flags = parser.parse_known_args(words)
    try:
        config = load_config(args.recipe, ["--epochs", "1000000", "--force", *flags])
        seen = soak(config, args.output_dir, 60 * args.minutes)
        found = trends(seen)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    picture(seen, args.output_dir / "soak.png")
    print(verdict(found, len(seen)))
    return int(any(of.grows for of in found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
