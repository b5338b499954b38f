"""Settings of `main.py bench`."""

from dataclasses import dataclass
from pathlib import Path

from utils.config.checks import at_least


@dataclass(frozen=True)
class BenchSettings:
    """Sets what is done here beside another way of doing it, by turns in one process."""

    rounds: int = 7
    """Times that each way is run."""
    output_dir: Path = Path("runs/bench")
    """Where NAME.json and NAME.png go."""

    def __post_init__(self):
        at_least(self, rounds=1)
