"""A training of one of the sound recipes, with a fault in it, and all that is said about it."""

import shutil
from collections.abc import Callable
from pathlib import Path

from commands.build import build_trainer
from commands.examine import examine
from models import save_run_model
from tests.faults.fault import Fault
from tests.faults.line import replace_line
from utils.errors import UserError
from utils.findings import Finding
from utils.recipe import load_config


def findings_of(fault: Fault, sound: Callable[[str], Path], root: Path, monkeypatch) -> list[Finding]:
    """Before training, and to the end of its epochs; notes are left out."""
    recipe = sound(fault.base)
    if fault.data:
        shutil.copytree(recipe.parent, root / "data")
        fault.data(root / "data")
    if fault.line:
        replace_line(*fault.line, monkeypatch)
    place = ["--root-dir", str(root / "data")] if fault.data else []
    return [finding for finding in findings(recipe, [*place, *fault.flags.split()], root / "run")
            if finding.level != "note"]


def findings(recipe: Path, flags: list[str], run_dir: Path) -> list[Finding]:
    """--force: the training goes on, whatever is found."""
    config = load_config(str(recipe), [*flags, "--force"])
    run_dir.mkdir()
    try:
        trainer = build_trainer(config, run_dir)
        found = examine(trainer)
        trainer.fit()
        trainer.load_best()
        predictions = {"val": trainer.evaluate("val")[0]}
        score = trainer.task.score(predictions["val"])[trainer.task.best_by]
        weights = save_run_model(trainer.evaluated, trainer.task.labels, run_dir)
        trainer.health.conclude(trainer.best, score, predictions, weights)
    except UserError as error:
        return [Finding("error", "stopped", str(error))]
    of_training = [Finding(**{key: value for key, value in each.items() if key != "epoch"})
                   for each in trainer.health.found]
    return [*found, *of_training]
