"""Known answers of what is held out for validation, and of which labels are used. See utils/known_answers."""

import csv
import tempfile
from collections import Counter
from pathlib import Path

from dataloaders.clip_loaders import clip_loaders
from dataloaders.datasets import CAER
from dataloaders.text_dataloader import load_reviews
from utils.config import TextConfig, TextDataConfig, TextTrainConfig, VideoConfig, VideoDataConfig, VideoTrainConfig
from utils.known_answers.answer import Answer

SEEDS = (0, 0, 1, 2, 3, 4)  # the first twice: the same again
EACH, ROWS = 8, 40  # clips of a class, reviews


def of_clips() -> list:
    """7 classes of 8 clips: a quarter held out is 2 of each; half of the other 42 labels is 3 of each."""
    with tempfile.TemporaryDirectory() as name:
        for emotion in CAER:
            place = Path(name, "train", emotion)
            place.mkdir(parents=True)
            for number in range(EACH):
                (place / f"{number}.png").touch()
        data = VideoDataConfig(root_dir=Path(name), val_fraction=0.25, label_fraction=0.5, num_workers=0)
        chosen = []
        for seed in SEEDS:
            loaders, _ = clip_loaders(VideoConfig(data=data, train=VideoTrainConfig(seed=seed)), Path(name), None)
            chosen.append({split: loader.dataset for split, loader in loaders.items()})
    counts = [sorted(Counter(chosen[0][split].targets).items()) for split in ("val", "train")]
    ids = {split: [frozenset(each[split].ids) for each in chosen] for split in ("val", "train")}
    return [*counts, not ids["val"][0] & ids["train"][0],
            *(drawn_anew(ids[split], len(CAER) * EACH) for split in ("val", "train"))]


def of_reviews() -> list:
    """A quarter of 40 rows; the others are learned from."""
    with tempfile.TemporaryDirectory() as name:
        with Path(name, "train.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["comment", "label"], *([f"good {row}", "{A#Positive};"]
                                                               for row in range(ROWS))])
        data = TextDataConfig(root_dir=Path(name), train_annotation=Path("train.csv"), val_fraction=0.25)
        chosen = [load_reviews(TextConfig(data=data, train=TextTrainConfig(seed=seed)))[0] for seed in SEEDS]
    ids = {split: [frozenset(review.id for review in each[split]) for each in chosen] for split in ("val", "train")}
    return [len(ids["val"][0]), len(ids["train"][0]), not ids["val"][0] & ids["train"][0],
            drawn_anew(ids["val"], ROWS)]


def drawn_anew(chosen: list[frozenset], size: int) -> list[bool]:
    """The same again; another choice for each other seed; together more than half of all."""
    return [chosen[0] == chosen[1], len(set(chosen)) == len(chosen) - 1, len(frozenset.union(*chosen)) > size / 2]


ANSWERS = [
    Answer("clips held out and labels used", "dataloaders/datasets.py, subset.py or clip_loaders.py", of_clips,
           [[[label, 2] for label in range(7)], [[label, 3] for label in range(7)], True, [True] * 3, [True] * 3]),
    Answer("reviews held out", "dataloaders/text_dataloader.py", of_reviews, [10, 30, True, [True] * 3]),
]
