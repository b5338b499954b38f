"""Scores of a run's best weights on a split, and of its features."""

from pathlib import Path

from commands.made_of import made_of
from commands.probe import probe, probe_table
from dataloaders import build_loaders
from models import load_run_model
from utils.config import Config, flag
from utils.errors import UserError
from utils.prediction import predict_split
from utils.provenance import differences, tell_aloud
from utils.results import read_metrics, summarise, write_json
from utils.tasks import build_task


def score_run(run_dir: Path, config: Config, split: str, kind: str | None, changed: list[str]) -> None:
    """Score a run on a split, or with `kind` a probe of its features.

    Args:
        config: the run's own, but for the settings that `changed` names.
    Raises:
        UserError: damaged weights or scores; no such split; a mistake in the data.
    """
    metrics = read_metrics(run_dir / "metrics.json")
    model, labels = load_run_model(run_dir, config)
    loaders, _ = build_loaders(config, run_dir, labels)
    tell_aloud(differences(run_dir, made_of(config, loaders, False), changed), str(run_dir))
    if kind:
        rows = probe(config, run_dir, model, labels, split, kind, loaders)
        print(probe_table(rows, kind, split))
        of_split = metrics.get(split, {})
        keep(metrics | {split: of_split | {"probes": of_split.get("probes", {}) | {kind: rows}}}, run_dir, changed)
        return
    if split not in loaders:
        raise UserError(f"{run_dir}: its recipe has no {split} split")
    task = build_task(config, labels)
    predictions, tally = predict_split(config, model, loaders[split], split)
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
