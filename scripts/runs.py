"""Trainings side by side: each is a process of its own, and one that is finished is not run again."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from tqdm import tqdm

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Run:
    """`main.py train RECIPE FLAGS` into a folder."""

    folder: Path
    recipe: str
    flags: tuple[str, ...]

    def train(self, threads: int) -> None:
        """
        Raises:
            CalledProcessError: the training failed; `words` says why.
        """
        if (self.folder / "metrics.json").is_file():
            return
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, ROOT / "main.py", "train", self.recipe, *self.flags, "--resume", "auto",
                   "--output-dir", self.folder]
        with self.words.open("w") as out:
            subprocess.run(command, check=True, stdout=out, stderr=out,
                           env={"OMP_NUM_THREADS": str(threads)} | os.environ)

    @property
    def words(self) -> Path:
        """What the process says."""
        return self.folder.with_name(self.folder.name + ".out")

    def scores(self, split: str) -> dict:
        return json.loads((self.folder / "metrics.json").read_text())[split]


def train_all(runs: list[Run], jobs: int) -> None:
    """`jobs` trainings at a time, which share the processors. Ends the program when one fails."""
    threads = max((os.cpu_count() or 1) // jobs, 1)
    with ThreadPoolExecutor(jobs) as pool:
        trained = {pool.submit(run.train, threads): run for run in runs}
        for future in tqdm(as_completed(trained), total=len(runs), desc="trainings"):
            if future.exception():
                pool.shutdown(wait=False, cancel_futures=True)
                sys.exit(f"error: {trained[future].words}: a training failed, its last lines say why")


def words_after_dashes(words: list[str]) -> tuple[list[str], list[str]]:
    """What stands before and after `--`."""
    place = words.index("--") if "--" in words else len(words)
    return words[:place], words[place + 1 :]


def spread(values: Iterable[float], sign: str = "") -> str:
    """Mean, and the sample standard deviation where there are two values or more."""
    values = list(values)
    return f"{mean(values):{sign}.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")
