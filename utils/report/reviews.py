"""The page of the text task: aspects, sentiments, the reviews' embeddings, and the worst mistakes."""

import unicodedata
from dataclasses import dataclass, field

from markupsafe import Markup

from utils.prediction import Predictions
from utils.report.frame import percent, spelt
from utils.report.projection import project
from utils.tasks.reviews import Reviews

TEMPLATE = "reviews.html.j2"
HEADLINE = {
    "pair_micro_f1": "aspect+polarity micro-F1", "aspect_micro_f1": "aspect micro-F1",
    "polarity_accuracy": "polarity accuracy", "pair_macro_f1": "aspect+polarity macro-F1",
    "aspect_macro_f1": "aspect macro-F1", "polarity_macro_f1": "polarity macro-F1",
}
APART = ("filled_accuracy", "always_neutral_accuracy")
WORDS = {"unit": "review", "table": "per_aspect", "tables": "Aspects and sentiments", "notes": "Reading",
         "noted": "How reviews were read"}
POINTS = 0.05  # a score is commented on that is less above what one answer to all would get
TEXT = 400  # characters after which a review is folded
UNSAID = {"ignore": "not mentioned", "class": "not mentioned", "neutral": "Neutral or not mentioned"}


@dataclass
class Mistake:
    """A cell of which the wrong thing was said."""

    aspect: str
    true: str
    said: str
    probability: float  # of what was said


@dataclass
class Misread:
    """A review, its mistakes, and its text: what is shown, and what is folded."""

    review: str
    text: str
    rest: str
    mistakes: list[Mistake] = field(default_factory=list)


def score_panels(task: Reviews) -> dict[str, dict[str, str]]:
    """Training's accuracy stands beside that of the same cells, where validation has it."""
    polarity = {"validation accuracy": "val_polarity_accuracy", "validation macro-F1": "val_polarity_macro_f1"}
    both = {name: {"validation micro": f"val_{key}_micro_f1", "validation macro": f"val_{key}_macro_f1"}
            for name, key in (("aspect+polarity F1, %", "pair"), ("aspect F1, %", "aspect"))}
    if task.unmentioned == "ignore":
        return both | {"polarity, %": {"train accuracy": "accuracy"} | polarity}
    return both | {"polarity, %": polarity, "train accuracy of all cells, %": {"train accuracy": "accuracy"}}


def context(task: Reviews, predictions: Predictions, texts: dict[str, str]) -> dict:
    """
    Args:
        texts: of reviews, by id.
    """
    projection = None
    if predictions.embedding is not None:
        projection = project(predictions.embedding, predictions.targets, task.sentiments)
    return {"misread": misread(task, predictions, texts), "projection": projection,
            "plane": Markup(projection.svg) if projection else "", "unmentioned": task.unmentioned}


def misread(task: Reviews, predictions: Predictions, texts: dict[str, str]) -> list[Misread]:
    """The reviews of the worst mistakes, in the order of each one's worst."""
    said, truth = task.cells(predictions), predictions.targets
    found: dict[int, Misread] = {}
    for review, aspect, probability in task.mistakes(predictions):
        name = predictions.ids[review]
        of = found.setdefault(review, Misread(name, *fold(texts.get(name, ""))))
        of.mistakes.append(Mistake(task.labels.aspects[aspect],
                                   task.name_of(int(truth[review, aspect])) or "not mentioned",
                                   task.name_of(int(said[review, aspect])) or UNSAID[task.unmentioned], probability))
    return list(found.values())


def fold(text: str) -> tuple[str, str]:
    """The first TEXT characters, to the end of a word where one is near, and the rest."""
    text = text.strip()
    if len(text) <= TEXT:
        return text, ""
    end = max((place for place in range(TEXT - 60, TEXT + 1) if text[place].isspace()), default=TEXT)
    while end < len(text) and unicodedata.combining(text[end]):  # a letter keeps its accents
        end += 1
    return text[:end].rstrip(), text[end:].strip()


def caution(split: str, scores: dict) -> str | None:
    """A sentence on scores that are little above what one answer to every review would give."""
    if not {"baselines", *HEADLINE} <= scores.keys():
        return None
    facts = []
    for key, name in HEADLINE.items():
        fixed = max(of[key] for of in scores["baselines"].values())
        if round(scores[key] - fixed, 6) < POINTS:
            facts.append(f"{name} {percent(scores[key])} % (against {percent(fixed)} %)")
    if not facts:
        return None
    return (f"On {spelt(split)}, little or nothing is gained by reading over giving every review the same answer: "
            f"{', '.join(facts)}.")
