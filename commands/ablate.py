"""`main.py ablate`: variants of a recipe, trained and compared."""

import argparse
from pathlib import Path

from utils.errors import UserError


def ablate(study: str, words: list[str]) -> None:
    """
    Raises:
        UserError: a mistake in the flags or the study, found before any training.
        SystemExit: 1, a run failed; the tables are made of the others, and say so.
    """
    args = parse(words)
    from commands.study import run_study  # only now: it brings torch, which takes seconds

    run_study(study, args)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> None:
        raise UserError(f"ablate: {message}; --help lists the flags")


def parse(words: list[str]) -> argparse.Namespace:
    """
    Raises:
        UserError: an unknown flag, or a bad value.
    """
    parser = Parser(prog="main.py ablate STUDY", allow_abbrev=False,
                    epilog="STUDY is a name in configs/ablations/ or a YAML file.")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, which share the processors (default: "
                        "1)")
    parser.add_argument("--output-dir", type=Path, help="where the runs and tables go (default: runs/ablations/STUDY)")
    parser.add_argument("--dry-run", action="store_true", help="check the study and print its commands")
    parser.add_argument("--write", type=Path, metavar="FILE", help="also put the table into a Markdown file, between "
                        "<!-- ablation STUDY --> and <!-- /ablation STUDY -->")
    args = parser.parse_args(words)
    if args.jobs < 1:
        raise UserError(f"ablate: --jobs {args.jobs}: must be at least 1")
    return args
