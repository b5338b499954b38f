"""Known answers of what is held out for validation, and of which labels are used. See utils/known_answers."""

import csv
import tempfile
from pathlib import Path

from dataloaders.clip_loaders import clip_loaders
from dataloaders.datasets import CAER
from dataloaders.text_dataloader import load_reviews
from utils.config import TextConfig, TextDataConfig, TextTrainConfig, VideoConfig, VideoDataConfig, VideoTrainConfig
from utils.known_answers.answer import Answer

SEEDS = (0, 0, 1, 2, 3)  # the first twice: the same again
EACH, ROWS = 4, 40  # clips of a class, reviews


def of_clips(split: str, *listed: str, **settings: float) -> list:
    """Of lists of 4 clips of 7 classes: how many of each class a split holds, and whether drawn anew."""
    with tempfile.TemporaryDirectory() as name:
        for each in listed:
            clips = [(f"{each}{label}{number}.png", label) for label in range(len(CAER)) for number in range(EACH)]
            Path(name, f"{each}.txt").write_text("".join(f"{clip} 1 {label}\n" for clip, label in clips))
            for clip, _ in clips:
                Path(name, clip).touch()
        lists = {f"{each}_annotation": Path(f"{each}.txt") for each in listed}
        data, chosen = VideoDataConfig(root_dir=Path(name), num_workers=0, **lists, **settings), []
        for seed in SEEDS:
            loaders, _ = clip_loaders(VideoConfig(data=data, train=VideoTrainConfig(seed=seed)), Path(name), None)
            chosen.append(loaders[split].dataset)
    apart = not set(loaders["val"].ids) & set(loaders["train"].ids)
    return [[chosen[0].targets.count(label) for label in range(len(CAER))], apart,
            drawn_anew([frozenset(each.ids) for each in chosen], len(CAER) * EACH)]


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
    # A quarter of 4
    Answer("clips held out", "dataloaders/datasets.py, subset.py or clip_loaders.py",
           lambda: of_clips("val", "train", val_fraction=0.25), [[1] * 7, True, [True] * 3]),
    # Half of 4
    Answer("labels used", "dataloaders/clip_loaders.py or subset.py",
           lambda: of_clips("train", "train", "val", label_fraction=0.5), [[2] * 7, True, [True] * 3]),
    Answer("reviews held out", "dataloaders/text_dataloader.py", of_reviews, [10, 30, True, [True] * 3]),
]
