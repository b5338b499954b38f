"""report.html: a run's scores, curves and clips on one page that needs no other file."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import yaml
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from torch import Tensor

from utils.report.curves import draw, panels, thumbnails

HEADLINE = {"uar": "UAR", "war": "WAR", "macro_f1": "macro-F1"}
SPLITS = {"val": "validation"}  # spelt out
STREAMS = ("face", "context")  # in the order of a clip's frames
SHOWN = 2  # surest hits, and surest errors, of a class
FRAMES = 3  # of a clip, per stream
LEFT_OUT = 20  # clips named
POINTS, TIMES_CHANCE = 0.05, 1.5  # below these a score is commented on


@dataclass
class Example:
    """A clip, what the network saw of it and what it said."""

    clip: str
    true: str
    predicted: str
    probabilities: dict[str, float]  # the top three, and the true class
    strips: dict[str, list[str]]  # stream: data URIs


def write_report(run_dir: Path, frames: dict[str, Tensor]) -> Path:
    """Write `report.html` from the files of a run folder; sections without data are left out.

    Args:
        frames: clip id of the last split: (S, T, 3, H, W) uint8, what the network saw, face first.
    """
    metrics = json.loads((run_dir / "metrics.json").read_text())
    history = [{name: float(cell) for name, cell in row.items() if cell} for row in _rows(run_dir / "history.csv")]
    splits = dict(reversed(metrics.items()))  # test first: it is what counts
    last = next(iter(splits))
    predictions = [row for row in _rows(run_dir / "predictions.csv") if row["split"] == last]
    recipe, settings = _read_config(run_dir / "config.yaml")
    best = best_epoch(history)
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True,
                              trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": percent, "spelt": spelt}
    page = environment.get_template("clips.html.j2").render(
        recipe=recipe, settings=settings, splits=splits, last=last, headline=HEADLINE, epochs=len(history), best=best,
        cautions={split: caution(split, scores) for split, scores in splits.items()},
        plots={title: [(panel, Markup(draw(panel, int(history[-1]["epoch"]), best))) for panel in group]
               for title, group in panels(history).items()},
        notes=sorted({note for scores in metrics.values() for note in scores.get("shares", {})}),
        examples=examples(predictions, frames), named=LEFT_OUT,
    )
    path = run_dir / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _read_config(path: Path) -> tuple[str, dict[str, str]]:
    """The recipe's name, and every setting as YAML would write it."""
    text = path.read_text(encoding="utf-8")
    settings = yaml.safe_load(text)
    shown = {key: value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()}
    return text.splitlines()[0].removeprefix("# recipe:").strip(), shown


def spelt(split: str) -> str:
    return SPLITS.get(split, split)


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def best_epoch(history: list[dict[str, float]]) -> int | None:
    """The first epoch with the highest validation UAR: the one whose weights are kept."""
    scored = [row for row in history if "val_uar" in row]
    return int(max(scored, key=lambda row: row["val_uar"])["epoch"]) if scored else None


def caution(split: str, scores: dict) -> str | None:
    """A sentence on scores that are little above what no look at a clip would give."""
    if not {"baselines", "war", "uar"} <= scores.keys():
        return None
    majority, facts = scores["baselines"]["majority"], []
    gain, times_chance = scores["war"] - majority["war"], scores["uar"] / majority["uar"]
    if round(gain, 6) < POINTS:
        facts.append(f"WAR is {abs(gain) * 100:.1f} points {'below' if gain < 0 else 'above'} that of always "
                     f"answering {majority['class']} ({percent(majority['war'])} %)")
    if round(times_chance, 6) < TIMES_CHANCE:
        facts.append(f"UAR is {times_chance:.2f} times chance ({percent(majority['uar'])} %)")
    return f"On {spelt(split)}, {' and '.join(facts)}: that needs little or no look at the clips." if facts else None


def examples(predictions: list[dict[str, str]], frames: dict[str, Tensor]) -> dict[str, dict[str, list[Example]]]:
    """By true class, the surest hits and the surest errors among the clips that have frames."""
    found: dict[str, dict[str, list[Example]]] = {}
    for row in sorted(predictions, key=lambda row: -float(row[f"p_{row['predicted']}"])):
        if row["clip"] not in frames:
            continue
        of_class = found.setdefault(row["true"], {"hits": [], "errors": []})
        place = of_class["hits" if row["predicted"] == row["true"] else "errors"]
        if len(place) < SHOWN:
            place.append(_example(row, frames[row["clip"]]))
    order = [name[2:] for name in (predictions[0] if predictions else ()) if name.startswith("p_")]
    return {name: found[name] for name in order if name in found}


def _example(row: dict[str, str], frames: Tensor) -> Example:
    """`frames` is (S, T, 3, H, W)."""
    chances = {name[2:]: float(cell) for name, cell in row.items() if name.startswith("p_")}
    ranked = sorted(chances, key=lambda name: (name != row["predicted"], -chances[name]))
    listed = ranked[:3] if row["true"] in ranked[:3] else [*ranked[:3], row["true"]]
    return Example(row["clip"], row["true"], row["predicted"], {name: chances[name] for name in listed},
                   {name: thumbnails(stream, FRAMES) for name, stream in zip(STREAMS, frames)})
