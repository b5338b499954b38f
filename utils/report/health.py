"""What a run's check.json and health.json say, and the figures that the watch over training has kept."""

import json
import re
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from utils.findings import LEVELS, Finding
from utils.report.curves import Panel, series

NUMBERS = re.compile(r"[-\d.]+")
LOGGED = re.compile(r"(check|epoch \d+|at the end): (error|warning): .*\[[\w-]+\]", re.DOTALL)
# Panels of history.csv's columns, by label.
FIGURES = {
    "cross entropy with the labels": {"training": "health_hard_cross_entropy", "validation": "val_cross_entropy"},
    "training accuracy less validation's": {"gap": "health_gap"},
    "features of validation": {"spread": "health_spread", "dead channels, share": "health_dead_channels"},
    "mean cosine of class texts": {"mean cosine": "health_text_cosine"},
    "LDL's targets": {"mass of the true class": "health_ldl_mass", "entropy, nats": "health_ldl_entropy"},
    "MoCo's queue": {"of a clip's own class, share": "health_queue_same_class", "drift, 1 − "
                     "cosine": "health_queue_drift"},
    "age of MoCo's queue, steps": {"age": "health_queue_age"},
}


@dataclass(frozen=True)
class Told:
    """A finding, and when it was made."""

    finding: Finding
    when: str


def told(run_dir: Path) -> dict[str, list[Told]] | None:
    """By level, the worst first; None where nothing was looked for. What comes in many epochs is told once, as in the
    last of them."""
    files = [run_dir / "check.json", run_dir / "health.json"]
    if not any(file.is_file() for file in files):
        return None
    found: dict[tuple, list[tuple[int, Finding]]] = {}
    for file in files:
        for entry in json.loads(file.read_text(encoding="utf-8")) if file.is_file() else ():
            epoch = entry.pop("epoch", 0)
            finding = Finding(**entry)
            alike = finding.name, *((NUMBERS.sub("", finding.text),) if epoch else (finding.text, finding.example))
            found.setdefault((LEVELS.index(finding.level), bool(epoch), *alike), []).append((epoch, finding))
    levels: dict[str, list[Told]] = {level: [] for level in LEVELS}
    for key, all_of_it in sorted(found.items()):
        levels[LEVELS[key[0]]].append(Told(all_of_it[-1][1], when([epoch for epoch, _ in all_of_it])))
    return levels


def when(epochs: list[int]) -> str:
    """Epoch 0 is before training: 1, 2, 3, 5 are `epochs 1–3, 5`."""
    epochs = sorted(set(epochs))
    if epochs == [0]:
        return "before training"
    runs = [[epoch for _, epoch in group] for _, group in groupby(enumerate(epochs), lambda pair: pair[1] - pair[0])]
    spans = ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return f"epoch{'s' if len(epochs) > 1 else ''} {spans}"


def is_told(warning: str) -> bool:
    """A line of the log that repeats a finding."""
    return bool(LOGGED.fullmatch(warning))


def health_panels(rows: list[dict[str, float]]) -> list[Panel]:
    """The watch's figures over epochs; without those that there are none of."""
    prefix = "health_grad_"
    groups = dict.fromkeys(name.removeprefix(prefix) for row in rows for name in row if name.startswith(prefix))
    panels = [Panel("gradient norm of each part", {name: series(rows, prefix + name) for name in groups}, log=True)]
    panels += [Panel(title, {label: series(rows, name) for label, name in lines.items()})
               for title, lines in FIGURES.items()
               if any(name.startswith("health_") and name in row for name in lines.values() for row in rows)]
    for panel in panels:
        panel.lines = {label: line for label, line in panel.lines.items() if line[0]}
    return [panel for panel in panels if panel.lines]
