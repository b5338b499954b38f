"""`main.py bench`: what things cost, each beside another way of doing it."""

from commands.output_files import make_folder
from utils.config import BenchSettings
from utils.errors import UserError, nearest
from utils.recipe import parse_flags

# Modules of benchmarks/, in the order in which `all` runs them.
BENCHES = ("startup", "text_tower", "step", "heads", "losses", "loading", "features", "throughput", "memory", "growth")


def bench(name: str, flags: list[str]) -> None:
    """One benchmark or `all`: its table on the screen, figures and a picture in a folder.

    Raises:
        UserError: no such benchmark; a mistake in the flags; the folder cannot be made.
    """
    if name not in ("all", *BENCHES):
        raise UserError(f"bench {name}: no such benchmark{nearest(name, BENCHES)}; there are all, {', '.join(BENCHES)}")
    settings = parse_flags(BenchSettings, flags, f"main.py bench {name}", "bench")
    make_folder(settings.output_dir)
    from benchmarks.report import measure  # only now: it brings torch, which takes seconds

    for one in BENCHES if name == "all" else (name,):
        print(measure(one, settings.rounds, settings.output_dir), flush=True)
