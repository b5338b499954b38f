"""Small recipes in which everything is on and nothing is wrong, to put a fault into."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np

from dataloaders.datasets import CAER
from dataloaders.demo_reviews import generate_reviews

SPLITS = {"train": ("train", 9), "validation": ("val", 3), "test": ("test", 3)}  # folder: flag, clips of a class
FRAMES, HEIGHT, WIDTH, SIDE = 12, 48, 64, 20

VIDEO = """\
dataset: caer
root_dir: {root}
train_annotation: train.txt
val_annotation: validation.txt
test_annotation: test.txt
bounding_box_face: face.json
clip_model: micro
clip_pretrained: none
text_type: class_descriptor
contexts_number: 2
temperature: 0.1
image_size: 32
num_segments: 3
batch_size: 6
num_workers: 0
epochs: 1
ema: 0.9
lr: 1.0e-3
lr_image_encoder: 1.0e-3
ldl_warmup: 0.5
moco_m: 0.9
use_amp: false
device: cpu
"""

# On the same clips.
SIMCLR = """\
model: simclr
dataset: caer
root_dir: {root}
train_annotation: train.txt
val_annotation: validation.txt
test_annotation: test.txt
bounding_box_face: face.json
clip_model: micro
clip_pretrained: none
image_size: 32
num_segments: 2
head_width: 16
projection_width: 8
batch_size: 8
num_workers: 0
epochs: 1
optimizer: adamw
lr: 1.0e-3
warmup_epochs: 0
neighbours: 3
use_amp: false
device: cpu
"""

TEXT = """\
model: text
root_dir: {root}
train_annotation: train.csv
val_annotation: val.csv
test_annotation: test.csv
encoder: tiny
vocab_size: 500
pooling: aspect
batch_size: 32
epochs: 1
lr_encoder: 1.5e-3
warmup_epochs: 0
use_amp: false
device: cpu
"""


def write_all(root: Path) -> dict[str, Path]:
    """The recipe of each base, in folders below."""
    for name in ("video", "text"):
        (root / name).mkdir()
    recipes = {"video": write_clips(root / "video"), "text": write_reviews(root / "text")}
    recipes["simclr"] = root / "video" / "simclr.yaml"
    recipes["simclr"].write_text(SIMCLR.format(root=root / "video"))
    return recipes


def write_clips(root: Path) -> Path:
    """Folders of frames as CAER has, lists and face boxes: a square that says the class wanders over a backdrop."""
    stream, boxes = np.random.default_rng(0), {}
    for folder, (_, number) in SPLITS.items():
        lines = []
        for label, name in enumerate(CAER):
            for index in range(number):
                clip = f"CAER/{folder}/{name}/{index:04}"
                boxes[clip] = _write_clip(root / clip, label, stream)
                lines.append(f"{clip} {FRAMES} {label}\n")
        (root / f"{folder}.txt").write_text("".join(lines))
    (root / "face.json").write_text(json.dumps(boxes))
    (root / "video.yaml").write_text(VIDEO.format(root=root))
    return root / "video.yaml"


def _write_clip(folder: Path, label: int, stream: np.random.Generator) -> dict[str, list[float]]:
    """The box of each frame."""
    folder.mkdir(parents=True)
    backdrop = cv2.resize(stream.integers(40, 215, (6, 8, 3)).astype(np.uint8), (WIDTH, HEIGHT))
    start, end = (stream.integers(0, (WIDTH - SIDE, HEIGHT - SIDE)) for _ in range(2))
    boxes = {}
    for number in range(FRAMES):
        frame = backdrop.copy()
        x, y = (start + (end - start) * number / (FRAMES - 1)).astype(int).tolist()
        face = np.full((SIDE, SIDE, 3), (30 + 25 * label, 220 - 20 * label, 60 + 60 * (label % 3)), np.uint8)
        cv2.line(face, (0, label * 3), (SIDE, SIDE - label * 2), (255, 255, 255), 2)
        frame[y : y + SIDE, x : x + SIDE] = face
        frame = np.clip(frame + stream.normal(0, 6, frame.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), frame, [cv2.IMWRITE_JPEG_QUALITY, 95])
        boxes[f"{number}.jpg"] = [x, y, x + SIDE, y + SIDE]
    return boxes


def write_reviews(root: Path) -> Path:
    """The first of the generated reviews."""
    generate_reviews(root / "all")
    for name, number in (("train.csv", 320), ("val.csv", 120), ("test.csv", 120)):
        header, *rows = read_rows(root / "all" / name)
        write_rows(root / name, [header, *rows[:number]])
    (root / "text.yaml").write_text(TEXT.format(root=root))
    return root / "text.yaml"


def read_rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def write_rows(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
