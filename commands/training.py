"""A training from its settings to the last file of its run folder."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from commands.build import build_trainer
from commands.examine import examine, stop_on_errors
from commands.features import with_features
from commands.made_of import made_of
from commands.probe import probe, probe_table
from dataloaders import build_loaders
from models import load_run_model, save_run_model
from trainer import Trainer
from utils.alone import alone_in
from utils.config import Config, SimclrConfig
from utils.distributed import first, processes, rank, world_size
from utils.errors import UserError, first_line
from utils.findings import tell
from utils.interrupt import Interrupted
from utils.prediction import Predictions
from utils.provenance import record, tell_aloud
from utils.recipe import save_config
from utils.report import write_report
from utils.results import summarise, write_json, write_predictions
from utils.run_folder import RunLog, begin_results, has_results, open_run, run_to_resume, silence

log = logging.getLogger("camxuc")

PLACES = {"epoch": int, "batch": int, "steps": int, "best": dict, "history": list}  # of a state, where training was


def run_training(config: Config, recipe: str) -> None:
    """Train, choose on validation, score test once, write the report; in one process, or in several beside it."""
    with processes(config.train.device), ExitStack() as stack:
        run_dir = first(lambda: open_run(config))
        first(lambda: stack.enter_context(alone_in(run_dir)))
        with RunLog(run_dir) if rank() == 0 else silence():
            state = first(lambda: run_to_resume(config, run_dir))
            trainer = _trainer(config, run_dir)
            if resumed := bool(state):
                _go_on(trainer, state, config.train.resume)
                log.info("resumed %s after epoch %d, step %d", run_dir, trainer.epoch, trainer.steps)
            del state  # as large as all that is trained
            if trainer.finished and first(lambda: has_results(run_dir)):
                log.info("%s is finished, and its test split has been read; --epochs N trains on", run_dir)
                return
            with _stopping(trainer):
                first(lambda: _begin(trainer, run_dir, recipe, resumed))
                trainer.check_signals()
                if getattr(config.data, "cache_features", False):
                    trainer.loaders = with_features(trainer, run_dir)
                trainer.fit()
                finish(trainer, run_dir)


@contextmanager
def _stopping(trainer: Trainer) -> Iterator[None]:
    """While entered, a signal before training or after it ends all processes as one within it does."""
    with trainer.interrupt:
        try:
            yield
        except Interrupted:
            log.info("stopped after step %d; --resume auto goes on", trainer.steps)
            raise SystemExit(128 + trainer.interrupt.ending) from None


def _trainer(config: Config, run_dir: Path) -> Trainer:
    """As built in the first process, which may have to write the data first, and then in the others."""
    if world_size() > 1:
        first(lambda: build_loaders(config, run_dir) and None)
    return build_trainer(config, run_dir)


def _begin(trainer: Trainer, run_dir: Path, recipe: str, resumed: bool) -> None:
    """Write what the training is made of, and before its first step what the audit finds."""
    config = trainer.config
    begin_results(run_dir)
    save_config(config, run_dir / "config.yaml")
    tell_aloud(record(made_of(config, trainer.loaders, True, recipe), run_dir, resumed), str(run_dir))
    if not resumed:
        findings = examine(trainer)
        write_json([finding.as_dict() for finding in findings], run_dir / "check.json")
        tell(findings, "check")
        stop_on_errors(findings, config)


def _go_on(trainer: Trainer, state: dict, resume: str) -> None:
    """
    Raises:
        UserError: the state is not one of this training.
    """
    try:
        trainer.load_state_dict(state)
        if wrong := [name for name, kind in PLACES.items() if type(state[name]) is not kind]:
            raise TypeError(f"{wrong[0]} is a {type(state[wrong[0]]).__name__}")
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"--resume {resume}: not the state of this training: {first_line(error)}") from None


def finish(trainer: Trainer, run_dir: Path) -> None:
    """The best weights' scores and files. The test split is read here, for the first time."""
    trainer.load_best()
    splits = ("val", "test") if trainer.settings.score_test else ("val",)
    results = {split: trainer.evaluate(split) for split in splits if split in trainer.loaders}
    metrics = {split: summarise(*result, trainer.task) for split, result in results.items()}
    predictions = {split: result[0] for split, result in results.items()}
    weights = save_run_model(trainer.evaluated, trainer.task.labels, run_dir)
    trainer.health.conclude(trainer.best, metrics["val"][trainer.task.best_by], predictions, weights)
    first(lambda: _write(trainer, run_dir, metrics, predictions))


def _write(trainer: Trainer, run_dir: Path, metrics: dict[str, dict], predictions: dict[str, Predictions]) -> None:
    """Scores, predictions and report."""
    last = list(metrics)[-1]
    if isinstance(trainer.config, SimclrConfig):
        model, labels = load_run_model(run_dir, trainer.config)  # of the trainer's own, this process may have a part
        rows = probe(trainer.config, run_dir, model, labels, last, "linear")
        metrics[last]["probes"] = {"linear": rows}
        log.info("%s", probe_table(rows, "linear", last))
    write_json(metrics, run_dir / "metrics.json")
    write_predictions(predictions, trainer.task, run_dir / "predictions.csv")
    for split, scores in metrics.items():
        log.info("%s", trainer.task.describe(split, scores))
    shown = trainer.loaders[last].examples(trainer.task.worth_showing(predictions[last]))
    log.info("report: %s", write_report(run_dir, trainer.task, predictions[last], shown))
