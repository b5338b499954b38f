"""A few reviews in UIT-ViSFD's format, and a recipe that learns from them in a second."""

import csv
from pathlib import Path

from utils.config import TextConfig
from utils.recipe import load_config

ROWS = [
    ("Pin rất trâu", "{BATTERY#Positive};"),
    ("pin tụt nhanh quá 😡", "{BATTERY#Negative};"),
    ("Camera đẹp, pin yếu", "{CAMERA#Positive};{BATTERY#Negative};"),
    ("chụp hình mờ", "{CAMERA#Negative};"),
    ("Pin tạm ổn", "{BATTERY#Neutral};"),
    ("shop ơi còn màu đen không", "{OTHERS};"),
    ("chụp đẹp mà giá cũng được", "{CAMERA#Positive};{PRICE#Neutral};"),
    ("giá rẻ", "{PRICE#Positive};"),
]
ASPECTS = ["BATTERY", "CAMERA", "OTHERS", "PRICE"]
RECIPE = """\
model: text
root_dir: {root}
train_annotation: train.csv
val_annotation: val.csv
test_annotation: test.csv
encoder: tiny
vocab_size: 300
head_width: 16
projection_width: 8
batch_size: 3
epochs: 2
lr_encoder: 1.0e-3
max_bad_clips: 0
use_amp: false
device: cpu
"""


def write_table(path: Path, rows: list[tuple[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["index", "comment", "n_star", "date_time", "label"])
        writer.writerows([i, text, 5, "1/1/2020", label] for i, (text, label) in enumerate(rows))
    return path


def write_recipe(root: Path) -> Path:
    """Three tables and a recipe in `root`; 8 training reviews in batches of 3 make 3 steps an epoch."""
    for split, rows in (("train", ROWS), ("val", ROWS[:5]), ("test", ROWS[2:])):
        write_table(root / f"{split}.csv", rows)
    path = root / "small_text.yaml"
    path.write_text(RECIPE.format(root=root))
    return path


def configure(root: Path, flags: str = "") -> TextConfig:
    return load_config(str(write_recipe(root)), flags.split())
