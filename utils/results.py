"""The files of a run folder that hold figures, and the table on the screen."""

import csv
import json
from pathlib import Path

from tqdm import tqdm

from utils.errors import UserError
from utils.prediction import Predictions
from utils.tally import Tally
from utils.tasks import Task
from utils.whole_file import whole_file


class EpochTable:
    """Prints a line an epoch, and a heading above the first and wherever a term has set in or gone."""

    LEFT_OUT = ("lr_", "weight_", "grad_norm", "ghm_", "health_")  # history.csv and the report have them
    SHORT = {"loss_": "", "cross_entropy": "ce", "micro_f1": "f1"}

    def __init__(self):
        self.columns: list[str] = []

    def show(self, row: dict) -> None:
        columns = [name for name in row if not name.startswith(self.LEFT_OUT) and not name.endswith("macro_f1")]
        headings = [self._heading(name) for name in columns]
        if columns != self.columns:
            self.columns = columns
            tqdm.write(self._line(headings, headings))
        tqdm.write(self._line(headings, [self._cell(row[name]) for name in columns]))

    def _line(self, headings: list[str], cells: list[str]) -> str:
        return " ".join(cell.rjust(max(8, len(heading))) for heading, cell in zip(headings, cells))

    def _heading(self, name: str) -> str:
        for long, short in self.SHORT.items():
            name = name.replace(long, short)
        return name

    def _cell(self, value: float) -> str:
        return str(value) if isinstance(value, int) else f"{value:.3f}" if value < 100 else f"{value:.0f}"


def write_history(rows: list[dict], path: Path) -> None:
    """One line an epoch; a term that is not yet at work leaves its cell empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with whole_file(path, newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def summarise(predictions: Predictions, tally: Tally, task: Task) -> dict:
    """A split's entry in metrics.json."""
    return {**task.score(predictions), "shares": tally.shares(), "left_out": dict(tally.bad)}


def write_json(value: dict | list, path: Path) -> None:
    with whole_file(path) as file:
        file.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_metrics(path: Path) -> dict[str, dict]:
    """What `write_json` wrote; nothing, if there is no file.

    Raises:
        UserError: the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON: {error}; delete it, and `eval` writes it anew") from None
    if not isinstance(metrics, dict) or not all(isinstance(scores, dict) for scores in metrics.values()):
        raise UserError(f"{path}: must be scores by split; delete it, and `eval` writes it anew")
    return metrics


def write_predictions(splits: dict[str, Predictions], task: Task, path: Path) -> None:
    rows = ({"split": split, **row} for split, predictions in splits.items() for row in task.rows(predictions))
    first = next(rows)
    with whole_file(path, newline="") as file:
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rows)
