"""The page of the video task: classes, and clips with what the network said of them."""

from dataclasses import dataclass

from torch import Tensor

from utils.prediction import Predictions
from utils.report.curves import thumbnails
from utils.report.frame import percent, spelt
from utils.tasks.clips import SHOWN, Clips

TEMPLATE = "clips.html.j2"
HEADLINE = {"uar": "UAR", "war": "WAR", "macro_f1": "macro-F1"}
APART = ()
WORDS = {"unit": "clip", "table": "per_class", "tables": "Classes", "notes": "Cuts", "noted": "How clips were cut"}
STREAMS = ("face", "context")  # in the order of a clip's frames
FRAMES = 3  # of a clip, per stream
POINTS, TIMES_CHANCE = 0.05, 1.5  # below these a score is commented on


@dataclass
class Example:
    """A clip, what the network saw of it and what it said."""

    clip: str
    true: str
    predicted: str
    probabilities: dict[str, float]  # the top three, and the true class
    strips: dict[str, list[str]]  # stream: data URIs


def score_panels(task: Clips) -> dict[str, dict[str, str]]:
    return {"scores, %": {"train accuracy": "accuracy", "validation WAR": "val_war", "validation UAR": "val_uar"}}


def context(task: Clips, predictions: Predictions, frames: dict[str, Tensor]) -> dict:
    """
    Args:
        frames: (S, T, 3, H, W) uint8 by clip id, what the network saw, face first.
    """
    return {"examples": examples(list(task.rows(predictions)), frames)}


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
