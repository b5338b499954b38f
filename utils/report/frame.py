"""What the pages of all tasks share: what is read from the run's files, and how a page is filled with it.

A page is a module. Its TEMPLATE extends base.html.j2. HEADLINE names the scores that stand large; APART those that
the template tells itself. WORDS: `unit` is a sample's name, `table` the scores' entry that the `tables` block shows,
under that title, and `notes` the title of the loaders' notes, of which `noted` says what they tell. `score_panels`
groups history.csv's columns by panel and label; `caution` comments on scores; `context` gives the rest.
"""

import csv
import json
import re
from pathlib import Path
from types import ModuleType

import yaml
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from utils.recipe import recipe_of
from utils.report.curves import Panel, draw, panels
from utils.report.health import health_panels, is_told, told
from utils.report.provenance import provenance
from utils.results import read_metrics
from utils.tasks import Task

SPLITS = {"val": "validation"}  # spelt out
LEFT_OUT = 20  # samples named
WARNED = 8  # warnings not folded away
LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ([A-Z]+) (.*)")


def render(template: str, context: dict) -> str:
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True,
                              trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": percent, "spelt": spelt}
    return environment.get_template(template).render(context)


def run_context(run_dir: Path, task: Task, page: ModuleType) -> dict:
    """What the base template shows."""
    metrics = read_metrics(run_dir / "metrics.json")
    history = [{name: float(cell) for name, cell in row.items() if cell} for row in read_rows(run_dir / "history.csv")]
    splits = dict(reversed(metrics.items()))  # test first: it is what counts
    recipe, settings = read_config(run_dir / "config.yaml")
    best, findings = best_epoch(history, task.best_by), told(run_dir)
    return {
        "recipe": recipe, "settings": settings, "splits": splits, "last": next(iter(splits)), "words": page.WORDS,
        "headline": page.HEADLINE, "apart": page.APART, "epochs": len(history), "best": best,
        "best_by": page.HEADLINE[task.best_by],
        "cautions": {split: page.caution(split, scores) for split, scores in splits.items()},
        "plots": {title: drawn(group, history, best)
                  for title, group in panels(history, page.score_panels(task)).items()},
        "told": findings, "health": drawn(health_panels(history), history, best),
        "notes": sorted({note for scores in metrics.values() for note in scores.get("shares", {})}),
        "named": LEFT_OUT, "warned": WARNED,
        "warnings": [text for text in read_warnings(run_dir / "train.log") if findings is None or not is_told(text)],
        "provenance": provenance(run_dir),
    }


def drawn(group: list[Panel], history: list[dict[str, float]], best: int | None) -> list[tuple[Panel, Markup]]:
    return [(panel, Markup(draw(panel, int(history[-1]["epoch"]), best))) for panel in group]


def read_rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_config(path: Path) -> tuple[str, dict[str, str]]:
    """The recipe's name, and every setting as YAML would write it."""
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    shown = {key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
             for key, value in settings.items()}
    return recipe_of(path), shown


def read_warnings(path: Path) -> list[str]:
    """What a log warns of, each text once; further lines of a message belong to it."""
    found: list[str] = []
    warns = False
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
        if start := LOGGED.fullmatch(line):
            warns = start[1] == "WARNING"
            if warns:
                found.append(start[2])
        elif warns:
            found[-1] += "\n" + line
    return list(dict.fromkeys(found))


def spelt(split: str) -> str:
    return SPLITS.get(split, split)


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def best_epoch(history: list[dict[str, float]], best_by: str) -> int | None:
    """The epoch with the highest validation score, of equal ones the lowest cross entropy: its weights are kept."""
    scored = [row for row in history if f"val_{best_by}" in row]
    best = max(scored, key=lambda row: (row[f"val_{best_by}"], -row.get("val_cross_entropy", 0.0)), default=None)
    return int(best["epoch"]) if best else None
