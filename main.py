"""CamXuc: learn emotion in video with CLIP, and aspect sentiment in reviews.

    python main.py train RECIPE [flags]             train; RECIPE is a name in configs/ or a YAML file
    python main.py eval RUN [--split test] [flags]  score a run's best weights; --probe linear|knn its frozen features
    python main.py check RECIPE [flags]             audit data, settings and code; exit status 1 on an error
    python main.py predict RUN INPUT... [flags]     read reviews; INPUT is a table, a .txt with a review a line, or -
    python main.py ablate STUDY [--jobs N] [flags]  train a recipe's variants and compare them; STUDY is a name in
                                                    configs/ablations/ or a YAML file

`python main.py train RECIPE --help` lists the flags, `python main.py predict RUN --help` those of predict, and so on.
"""

import argparse
import logging
import os
import sys
from pathlib import Path

from ablate import ablate
from build import build_trainer
from check import check, examine, stop_on_errors
from dataloaders import Loader, build_loaders
from dataloaders.fingerprints import data_files, fingerprints
from models import load_run_model, save_run_model
from predict import predict
from probe import probe, probe_table
from trainer import Trainer
from utils.config import Config, SimclrConfig, flag
from utils.errors import UserError
from utils.findings import tell
from utils.precision import choose_device, choose_precision
from utils.prediction import predict as predictions_of
from utils.probe import PROBES
from utils.provenance import differences, gather, record, tell_aloud
from utils.recipe import find_recipe, load_config, save_config
from utils.report import write_report
from utils.results import read_metrics, summarise, write_json, write_predictions
from utils.run_folder import FREE_TO_CHANGE, RunLog, open_run, run_to_resume
from utils.tally import Tally
from utils.tasks import build_task

log = logging.getLogger("camxuc")

def train(recipe: str, flags: list[str]) -> None:
    """Train, choose on validation, score test once, write the report."""
    config = load_config(recipe, flags)
    run_dir = open_run(config)
    with RunLog(run_dir):
        state = run_to_resume(config, run_dir)
        save_config(config, run_dir / "config.yaml")
        trainer = build_trainer(config, run_dir)
        if state:
            trainer.load_state_dict(state)
            log.info("resumed %s after epoch %d, step %d", run_dir, trainer.epoch, trainer.steps)
        if trainer.finished and (run_dir / "metrics.json").is_file():
            log.info("%s is finished, and its test split has been read; --epochs N trains on", run_dir)
            return
        tell_aloud(record(made_of(config, trainer.loaders, True, recipe), run_dir, resumed=bool(state)), str(run_dir))
        if not state:
            findings = examine(trainer)
            write_json([finding.as_dict() for finding in findings], run_dir / "check.json")
            tell(findings, "check")
            stop_on_errors(findings, config)
        trainer.fit()
        finish(trainer, run_dir)


def made_of(config: Config, loaders: dict[str, Loader], training: bool, recipe: str | None = None) -> dict:
    """What provenance.json tells of a session."""
    files = data_files(config) | ({"recipe": find_recipe(recipe)} if recipe else {})
    return gather(config, files, fingerprints(config, loaders, training))


def finish(trainer: Trainer, run_dir: Path) -> None:
    """The best weights' scores and files. The test split is read here, for the first time."""
    trainer.load_best()
    splits = ("val", "test") if trainer.settings.score_test else ("val",)
    results = {split: trainer.evaluate(split) for split in splits if split in trainer.loaders}
    metrics = {split: summarise(*result, trainer.task) for split, result in results.items()}
    trainer.health.conclude(trainer.best, metrics["val"][trainer.task.best_by])
    predictions = {split: result[0] for split, result in results.items()}
    last = list(results)[-1]
    if isinstance(trainer.config, SimclrConfig):
        rows = probe(trainer.config, run_dir, trainer.evaluated, trainer.task.labels, last, "linear")
        metrics[last]["probes"] = {"linear": rows}
        log.info("%s", probe_table(rows, "linear", last))
    write_json(metrics, run_dir / "metrics.json")
    write_predictions(predictions, trainer.task, run_dir / "predictions.csv")
    save_run_model(trainer.evaluated, trainer.task.labels, run_dir)
    for split, scores in metrics.items():
        log.info("%s", trainer.task.describe(split, scores))
    shown = trainer.loaders[last].examples(trainer.task.worth_showing(predictions[last]))
    log.info("report: %s", write_report(run_dir, trainer.task, predictions[last], shown))


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
    predictions = predictions_of(model.to(device), loaders[split].epoch(0), device, tally, dtype)
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


COMMANDS = {"train": train, "eval": evaluate, "check": check, "predict": predict, "ablate": ablate}


def main(words: list[str]) -> int:
    named = len(words) > 1 and words[0] in COMMANDS and not words[1].startswith("-")
    lists_flags = named and words[0] in ("train", "check", "predict", "ablate")
    asks = not lists_flags and {"-h", "--help"} & set(words)
    if asks or not named:
        print(__doc__.strip(), file=sys.stdout if asks else sys.stderr)
        return 0 if asks else 2
    try:
        return COMMANDS[words[0]](words[1], words[2:]) or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):  # raised in the middle of whatever was being done
            raise
        print(f"error: {error} --resume auto goes on from the last checkpoint.", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read the output has enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
