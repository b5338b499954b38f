"""`main.py serve` in a process of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MAIN = Path(__file__).parents[3] / "main.py"
SAID = r"(http://127\.0\.0\.1:(\d+)/)  \(this machine only; not shared; Ctrl-C ends it\)\n"


@dataclass
class Served:
    """A page that is being served. `said` is the line on standard output, `place` the folder that it works in."""

    process: subprocess.Popen
    said: str
    place: Path

    @property
    def url(self) -> str:
        return re.fullmatch(SAID, self.said)[1]

    @property
    def port(self) -> int:
        return int(re.fullmatch(SAID, self.said)[2])

    @property
    def errors(self) -> str:
        return (self.place / "errors.txt").read_text(encoding="utf-8")

    def private(self) -> list[Path]:
        """The folders for what is uploaded: one while it runs."""
        return list(self.place.glob("camxuc-*"))

    def end(self, number: int) -> int:
        """The exit status after a signal."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@contextmanager
def serving(runs: list[Path], place: Path, *flags: str) -> Iterator[Served]:
    command = [sys.executable, str(MAIN), "serve", *map(str, runs), "--port", "0", *flags]
    surroundings = os.environ | {"TMPDIR": str(place), "OMP_NUM_THREADS": "1"}
    with (place / "errors.txt").open("wb") as errors, subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=place, env=surroundings,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as process:  # as in a terminal
        try:
            said = process.stdout.readline()  # when the page stands, or the process has ended
            served = Served(process, said, place)
            assert said, served.errors
            yield served
        finally:
            process.kill()
