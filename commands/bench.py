"""`main.py bench`: what things cost, each beside another way of doing it."""

from dataclasses import dataclass
from pathlib import Path

from commands.output_files import make_folder
from utils.config.checks import require
from utils.errors import UserError
from utils.recipe import nearest, parse_flags

BENCHES = {  # modules of benchmarks/
    "startup": "from a command to its first word",
    "text_tower": "prompts run to their end token, and over CLIP's whole context",
    "step": "a training step with every term, and one as commonly written",
    "heads": "a review read once for three heads, and once for each of two",
    "losses": "the share of the losses in a step; all aspects at once, and one after the other",
    "loading": "clips loaded here and by a straightforward loader; packed clips and video",
    "features": "steps on a frozen tower's features, and on its frames",
    "throughput": "clips a second, and the share of the device's fastest matrix product",
    "memory": "what a step of ViT-B/16 holds, by batch and --chunk-size",
    "growth": "time and memory by batch, frames, classes and queue, and over 20 epochs",
}


@dataclass(frozen=True)
class BenchSettings:
    """How benchmarks are run."""

    rounds: int = 7
    """Times that each way is run, by turns with the others."""
    output_dir: Path = Path("runs/bench")
    """Where NAME.json and NAME.png go."""

    def __post_init__(self):
        require(self.rounds >= 1, f"--rounds {self.rounds}: must be at least 1")


def bench(name: str, flags: list[str]) -> None:
    """One benchmark or `all`: its table on the screen, figures and a picture in a folder.

    Raises:
        UserError: no such benchmark; a mistake in the flags; the folder cannot be made.
    """
    if name not in ("all", *BENCHES):
        known = "\n".join(f"  {bench:<12}{what}" for bench, what in BENCHES.items())
        raise UserError(f"bench {name}: no such benchmark{nearest(name, BENCHES)}; there are `all` and\n{known}")
    settings = parse_flags(BenchSettings, flags, f"main.py bench {name}", "bench")
    make_folder(settings.output_dir)
    from benchmarks.report import measure  # only now: it brings torch, which takes seconds

    for one in BENCHES if name == "all" else (name,):
        print(measure(one, settings.rounds, settings.output_dir), flush=True)
