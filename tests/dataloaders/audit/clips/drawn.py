"""Glances of clips that were never written: a disc of the class's colour somewhere on a backdrop of its own."""

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np

from dataloaders.audit.clips.expected import see
from dataloaders.audit.clips.glances import FACE, THUMB, Glance, measured, middle_of
from dataloaders.clips import Clip

WIDTH, HEIGHT, SIDE = 128, 96, 32
COLOURS = np.array([[220, 60, 40], [60, 200, 80], [50, 70, 210], [210, 200, 60]])
NAMES = ["Anger", "Fear", "Happy", "Sad"]


def backdrop(stream: np.random.Generator) -> np.ndarray:
    return cv2.resize(stream.integers(40, 215, (6, 8, 3)).astype(np.uint8), (WIDTH, HEIGHT))


def drawn(split: str, label: int, number: int, stream: np.random.Generator, change=lambda frame: frame,
          box=lambda box: box) -> Glance:
    """`change` is of the frame, `box` of its box."""
    frame = backdrop(stream)
    x, y = (int(v) for v in stream.integers(0, (WIDTH - SIDE, HEIGHT - SIDE)))
    colour = np.clip(COLOURS[label] + stream.normal(0, 8, 3), 0, 255)
    cv2.rectangle(frame, (x, y), (x + SIDE - 1, y + SIDE - 1), colour.tolist(), -1)
    cv2.line(frame, (x, y), (x + SIDE, y + SIDE // 2), (255, 255, 255), 3)
    return glance_of(split, label, number, change(frame), box((x, y, x + SIDE, y + SIDE)))


def glance_of(split: str, label: int, number: int, frame: np.ndarray, box) -> Glance:
    frame = np.ascontiguousarray(frame)
    clip = Clip(f"{split}/{number:04}", Path(f"{split}/{number:04}"), label)
    height, width = frame.shape[:2]
    return Glance(split, clip, (width, height), cv2.resize(frame, (THUMB, THUMB), interpolation=cv2.INTER_AREA), box,
                  see(frame, box, FACE), frame, middle_of(frame), {"codec": "MJPG"}, measured(frame, middle_of(frame)))


def a_set(seed: int, each=(("train", 8), ("val", 4), ("test", 4)), **changes) -> list[Glance]:
    """Of each class; `changes` of `drawn` are functions of (split, label), or absent."""
    stream, glances = np.random.default_rng(seed), []
    for split, number in each:
        for label in range(len(NAMES)):
            for _ in range(number):
                own = {name: change for name, make in changes.items() if (change := make(split, label))}
                glances.append(drawn(split, label, len(glances), stream, **own))
    return glances


def view_of(*splits: str) -> SimpleNamespace:
    """As much of a View as the checks of glances ask for."""
    parts = {name: SimpleNamespace(labelled=True) for name in splits or ("train", "val", "test")}
    return SimpleNamespace(full=False, splits=parts,
                           labels=SimpleNamespace(classes=NAMES), name_of=NAMES.__getitem__)
