"""Trainings side by side: each is a process of its own, and one that is finished is not run again."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from utils.interrupt import Interrupt
from utils.results import read_metrics
from utils.run_folder import has_results

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Run:
    """`main.py train RECIPE FLAGS` into a folder."""

    folder: Path
    recipe: str
    flags: tuple[str, ...]

    @property
    def command(self) -> list[str]:
        return [sys.executable, str(ROOT / "main.py"), "train", self.recipe, *self.flags, "--resume", "auto",
                "--output-dir", str(self.folder)]

    @property
    def done(self) -> bool:
        return has_results(self.folder)

    @property
    def started(self) -> bool:
        return (self.folder / "checkpoints").exists() or self.done

    @property
    def words(self) -> Path:
        """What the process says."""
        return self.folder.with_name(self.folder.name + ".out")

    @property
    def last_line(self) -> str:
        """The error that the process ended with, or else the last that it said."""
        said = self.words.read_text(encoding="utf-8", errors="replace")
        lines = [line.strip() for line in re.split(r"[\r\n]+", said) if line.strip()]
        errors = [line for line in lines if line.startswith("error: ")]
        return (errors or lines or ["no word was said"])[-1]

    def scores(self, split: str) -> dict:
        return read_metrics(self.folder / "metrics.json")[split]


class Children(Interrupt):
    """The processes at work. While entered, SIGINT and SIGTERM are passed on to them, as SIGTERM, on which they save.

    They are not in the terminal's group, from which each would get a Ctrl-C of its own, and end at the second.
    """

    def __init__(self, threads: int):
        super().__init__()
        self.threads, self.children, self.lock = threads, set(), threading.RLock()

    def train(self, run: Run) -> bool:
        """Whether the training came to its end. Nothing begins after a signal."""
        with self.lock:  # a signal comes before this, or sees the child
            if self.signal:
                return False
            run.folder.mkdir(parents=True, exist_ok=True)
            with run.words.open("w") as out:
                child = subprocess.Popen(run.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                         start_new_session=True,
                                         env={"OMP_NUM_THREADS": str(self.threads)} | os.environ)
            self.children.add(child)
        status = child.wait()
        with self.lock:
            self.children.discard(child)
        return status == 0 and run.done

    def end(self) -> None:
        with self.lock:
            for child in self.children:
                child.terminate()

    def _note(self, number: int, frame) -> None:
        super()._note(number, frame)
        tqdm.write("stopping; the trainings save", file=sys.stderr)
        self.end()


def train_all(runs: Sequence[Run], jobs: int) -> dict[Run, str]:
    """`jobs` trainings at a time, which share the processors.

    A failed one stops no other. SIGINT and SIGTERM end all, which save, and then the program, by
    SystemExit(128 + signal).

    Returns:
        The runs that failed, and the last line of each.
    """
    todo, failed = [run for run in runs if not run.done], {}
    children = Children(max((os.cpu_count() or 1) // max(min(jobs, len(todo)), 1), 1))
    bar = tqdm(total=len(runs), initial=len(runs) - len(todo), desc="trainings")
    with children, ThreadPoolExecutor(jobs) as pool, bar:
        futures = {pool.submit(children.train, run): run for run in todo}
        try:
            for future in as_completed(futures):
                run = futures[future]
                if not future.result() and not children.signal:
                    failed[run] = run.last_line
                    tqdm.write(f"failed: {run.folder}", file=sys.stderr)
                bar.update(not children.signal)
        except BaseException:  # a second signal
            children.end()
            raise
    if children.signal:
        raise SystemExit(128 + children.signal)
    return failed
