"""The files of a run folder that hold figures, and the table on the screen."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from utils.errors import UserError
from utils.metrics import score
from utils.prediction import Predictions
from utils.tally import Tally


class EpochTable:
    """Prints a line an epoch, and a heading above the first and wherever a term has set in or gone."""

    LEFT_OUT = ("lr_", "weight_", "grad_norm", "val_macro_f1")  # history.csv and the report have them

    def __init__(self):
        self.columns: list[str] = []

    def show(self, row: dict) -> None:
        columns = [name for name in row if not name.startswith(self.LEFT_OUT)]
        if columns != self.columns:
            self.columns = columns
            tqdm.write(self._line(name.replace("loss_", "").replace("cross_entropy", "ce") for name in columns))
        tqdm.write(self._line(self._cell(row[name]) for name in columns))

    def _line(self, cells: Iterable[str]) -> str:
        return " ".join(cell.rjust(8) for cell in cells)

    def _cell(self, value: float) -> str:
        return str(value) if isinstance(value, int) else f"{value:.3f}" if value < 100 else f"{value:.0f}"


def write_history(rows: list[dict], path: Path) -> None:
    """One line an epoch; a term that is not yet at work leaves its cell empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def summarise(predictions: Predictions, tally: Tally, classes: list[str]) -> dict:
    """A split's entry in metrics.json."""
    scores = score(predictions.probabilities, predictions.targets, classes)
    return {**scores, "cross_entropy": predictions.cross_entropy, "shares": tally.shares(), "left_out": dict(tally.bad)}


def write_metrics(metrics: dict[str, dict], path: Path) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(metrics, indent=2) + "\n")
    temporary.replace(path)


def read_metrics(path: Path) -> dict[str, dict]:
    """What `write_metrics` wrote; nothing, if there is no file.

    Raises:
        UserError: the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        metrics = json.loads(path.read_text())
    except ValueError as error:
        raise UserError(f"{path}: not JSON: {error}; delete it, and `eval` writes it anew") from None
    if not isinstance(metrics, dict):
        raise UserError(f"{path}: must be scores by split, not a {type(metrics).__name__}; delete it, and `eval` "
                        "writes it anew")
    return metrics


def write_predictions(splits: dict[str, Predictions], classes: list[str], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["split", "clip", "true", "predicted", *(f"p_{name}" for name in classes)])
        for split, predictions in splits.items():
            for clip, target, row in zip(predictions.ids, predictions.targets.tolist(), predictions.probabilities):
                writer.writerow([split, clip, classes[target], classes[int(row.argmax())], *(f"{p:.6f}" for p in row)])


def describe(split: str, scores: dict) -> str:
    """The line that is read first: scores beside what no look at a clip would give."""
    line = "  ".join(f"{name} {scores[key]:.3f}" for name, key in
                     (("WAR", "war"), ("UAR", "uar"), ("macro-F1", "macro_f1")))
    majority, prior = scores["baselines"]["majority"], scores["baselines"]["prior"]
    return (f"{split}: {line}  ({scores['clips']} clips; always {majority['class']}: WAR {majority['war']:.3f}, "
            f"UAR {majority['uar']:.3f}; drawing from the priors: WAR {prior['war']:.3f}, UAR {prior['uar']:.3f})")
