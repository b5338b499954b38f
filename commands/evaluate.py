"""`main.py eval`: scores of a run's best weights."""

import argparse
from pathlib import Path

from utils.config import FREE_TO_CHANGE, Config, flag
from utils.errors import UserError
from utils.recipe import config_of_run, load_config

PROBES = ("linear", "knn")  # utils/probe.py has them
FLAGS = """\
flags of eval itself, beside those below that are of data:
  --split train|val|test   what is scored (default: test)
  --probe linear|knn       score the frozen features, with 1 %, 10 % and 100 % of the labels (clips)
"""


def evaluate(run: str, flags: list[str]) -> None:
    """Score a run's best weights on a split. Scores of the run's own data go into its metrics.json too."""
    run_dir = Path(run)
    if {"-h", "--help"} & set(flags):
        print(FLAGS)
    split, kind, flags = take_own_flags(flags)
    trained = config_of_run(run_dir)
    config = load_config(str(run_dir / "config.yaml"), flags)
    changed = changed_for_eval(trained, config)
    from commands.score_run import score_run  # only now: it brings torch, which takes seconds

    score_run(run_dir, config, split, kind, changed)


def changed_for_eval(trained: Config, config: Config) -> list[str]:
    """The settings that make other scores than the run's own.

    Raises:
        UserError: a setting of training, or one that would make another network of the same weights.
    """
    then, now = trained.flat(), config.flat()
    changed = [key for key in now if now[key] != then.get(key) and key not in FREE_TO_CHANGE]
    for key in changed:
        of_data = hasattr(config.data, key) and key != "streams"
        if not of_data and key not in ("mirror", "mention_threshold", "use_amp", "amp_dtype"):
            raise UserError(f"eval {flag(key)}: the run was trained with {then.get(key)}, and its weights go with that")
    return changed


def take_own_flags(flags: list[str]) -> tuple[str, str | None, list[str]]:
    """The values of --split and --probe, and the flags without them."""
    parser = argparse.ArgumentParser(allow_abbrev=False, exit_on_error=False, add_help=False)
    parser.add_argument("--split", default="test", choices=("train", "val", "test"))
    parser.add_argument("--probe", choices=PROBES)
    try:
        chosen, rest = parser.parse_known_args(flags)
    except argparse.ArgumentError as error:
        raise UserError(f"eval: {error}") from None
    return chosen.split, chosen.probe, rest
