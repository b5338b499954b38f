"""`main.py eval`: scores of a run's best weights."""

import argparse
from pathlib import Path

from commands.build import made_of
from commands.probe import probe, probe_table
from dataloaders import build_loaders
from models import load_run_model
from utils.config import Config, flag
from utils.errors import UserError
from utils.precision import choose_device, choose_precision
from utils.prediction import predict
from utils.probe import PROBES
from utils.provenance import differences, tell_aloud
from utils.recipe import load_config
from utils.results import read_metrics, summarise, write_json
from utils.run_folder import FREE_TO_CHANGE
from utils.tally import Tally
from utils.tasks import build_task


def evaluate(run: str, flags: list[str]) -> None:
    """Score a run's best weights on a split. Scores of the run's own data go into its metrics.json too."""
    run_dir = Path(run)
    split, kind, flags = take_own_flags(flags)
    if not (run_dir / "config.yaml").is_file():
        raise UserError(f"{run}: no run; `eval` takes the folder of one, with its config.yaml")
    trained = load_config(str(run_dir / "config.yaml"))
    config = load_config(str(run_dir / "config.yaml"), flags)
    changed = changed_for_eval(trained, config)
    metrics = read_metrics(run_dir / "metrics.json")
    model, labels = load_run_model(run_dir, config)
    loaders, _ = build_loaders(config, run_dir, labels)
    tell_aloud(differences(run_dir, made_of(config, loaders, False), changed), run)
    if kind:
        rows = probe(config, run_dir, model, labels, split, kind, loaders)
        print(probe_table(rows, kind, split))
        of_split = metrics.get(split, {})
        keep(metrics | {split: of_split | {"probes": of_split.get("probes", {}) | {kind: rows}}}, run_dir, changed)
        return
    if split not in loaders:
        raise UserError(f"{run}: its recipe has no {split} split")
    task = build_task(config, labels)
    device = choose_device(config.train.device)
    tally = Tally(split, loaders[split].size, config.data.max_bad_clips, loaders[split].unit)
    dtype = choose_precision(config.train, device).dtype
    predictions = predict(model.to(device), loaders[split].epoch(0), device, tally, dtype)
    scores = summarise(predictions, tally, task)
    print(tally)
    print(task.describe(split, scores))
    keep(metrics | {split: metrics.get(split, {}) | scores}, run_dir, changed)


def keep(metrics: dict, run_dir: Path, changed: list[str]) -> None:
    """Scores of the run's own data go into its metrics.json."""
    if changed:
        print(f"not written to metrics.json: {', '.join(map(flag, changed))} differ from the run's own")
    else:
        write_json(metrics, run_dir / "metrics.json")


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
    parser.add_argument("--probe", choices=tuple(PROBES))
    try:
        chosen, rest = parser.parse_known_args(flags)
    except argparse.ArgumentError as error:
        raise UserError(f"eval: {error}") from None
    return chosen.split, chosen.probe, rest
