"""From a command to its first word."""

import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks.results import Comparison, Result
from benchmarks.timing import by_turns

ROOT = Path(__file__).parent.parent
COMMANDS = {"python -c pass": ["-c", "pass"], "main.py --help": ["main.py", "--help"],
            "main.py train demo --help": ["main.py", "train", "demo", "--help"],
            "python -c 'import torch'": ["-c", "import torch"]}


def run(rounds: int) -> list[Result]:
    cases = {name: partial(subprocess.run, [sys.executable, *words], cwd=ROOT, capture_output=True, check=True)
             for name, words in COMMANDS.items()}
    return [Comparison("Start-up, whole processes", by_turns(cases, rounds), [])]
