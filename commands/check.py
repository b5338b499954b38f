"""`main.py check`: what can be known of a recipe before anything is learned."""

import argparse
import json
from pathlib import Path

from commands.output_files import make_folder
from utils.findings import table
from utils.recipe import load_config

FLAGS = """\
flags of check itself, beside those of `train RECIPE --help`:
  --full      look into every sample, not a few of each split
  --strict    exit with status 1 on a warning too, not on errors only
  --json      print the findings as JSON
"""


def take_own_flags(flags: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """--full, --strict and --json, and the flags without them."""
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    for name in ("--full", "--strict", "--json"):
        parser.add_argument(name, action="store_true")
    return parser.parse_known_args(flags)


def check(recipe: str, flags: list[str]) -> int:
    """Print all findings about a recipe, and write check.html into --output-dir, or runs/RECIPE-check.

    Returns:
        the exit status: 1 if there is an error, or with --strict a warning.
    Raises:
        UserError: a mistake in the flags, or a folder that cannot be made.
    """
    if {"-h", "--help"} & set(flags):
        print(FLAGS)
    own, flags = take_own_flags(flags)
    config = load_config(recipe, flags)
    page = (config.train.output_dir or Path("runs") / f"{config.recipe}-check") / "check.html"
    make_folder(page.parent)
    from commands.examine import examine_recipe  # only now: it brings torch, which takes seconds

    findings = examine_recipe(config, page, own.full)
    if own.json:
        print(json.dumps([finding.as_dict() for finding in findings], indent=2, ensure_ascii=False))
    else:
        print(table(findings))
        if page.is_file():
            print(f"what the network sees: {page}")
    grave = {"error", "warning"} if own.strict else {"error"}
    return int(any(finding.level in grave for finding in findings))
