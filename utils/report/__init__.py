"""report.html: a run's scores and curves on one page that needs no other file."""

from pathlib import Path
from pkgutil import resolve_name
from types import ModuleType

from utils.prediction import Predictions
from utils.report.frame import render, run_context
from utils.tasks import Task
from utils.tasks.clips import Clips
from utils.tasks.pretraining import Pretraining
from utils.tasks.reviews import Reviews
from utils.whole_file import whole_file

__all__ = ["page_of", "write_report"]

# Imported when one is asked for: scikit-learn, for reviews, takes seconds.
PAGES = {Clips: "utils.report.clips", Reviews: "utils.report.reviews", Pretraining: "utils.report.pretraining"}


def page_of(task: Task) -> ModuleType:
    """What is particular about the reports of a task."""
    return resolve_name(PAGES[type(task)])


def write_report(run_dir: Path, task: Task, predictions: Predictions, examples: dict) -> Path:
    """Write `report.html` from the files of a run folder; sections without data are left out.

    Args:
        predictions: of the split that counts, the last.
        examples: what samples of that split look like, by id.
    """
    page = page_of(task)
    context = run_context(run_dir, task, page) | page.context(task, predictions, examples)
    path = run_dir / "report.html"
    with whole_file(path) as file:
        file.write(render(page.TEMPLATE, context))
    return path
