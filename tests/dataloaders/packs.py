"""Small packs of noise, written without any files to pack."""

import json
import zlib
from pathlib import Path

import cv2
import numpy as np

from dataloaders.packed import FORMAT, INDEX, SETTINGS, Pack
from dataloaders.packing import Shards, _stored, close_split
from utils.config import VideoDataConfig

SIDE, CLASSES = 24, ["x", "y", "z"]
BAD = 5  # the number of a clip that could not be read when it was packed
DATA = VideoDataConfig(image_size=SIDE, num_segments=2, batch_size=6, random_erasing=0.5)


def write_pack(folder: Path, clips: int = 50, largest: int = 30_000) -> Pack:
    """`clips` of one to five frames to train on, in several shards; three to validate."""
    folder.mkdir(parents=True)
    splits = {split: _write(folder, split, size, largest) for split, size in (("train", clips), ("val", 3))}
    settings = {name: getattr(DATA, name) for name in SETTINGS} | {"side": SIDE}
    files = dict.fromkeys(
        ("train_annotation", "val_annotation", "test_annotation", "bounding_box_face", "bounding_box_body"))
    (folder / INDEX).write_text(json.dumps({"format": FORMAT, "settings": settings, "files": files, "classes": CLASSES,
                                            "splits": splits}))
    return Pack(folder)


def _write(folder: Path, split: str, size: int, largest: int) -> dict:
    shards, rows = Shards(folder, split, largest), {}
    for index in _stored(split, size):
        entry = {"id": f"{split}/{index}.avi", "index": index, "label": index % 3, "size": 100 + index}
        pictures = []
        if split == "train" and index == BAD:
            entry |= {"bad": "no such film"}
        else:
            stream, frames = np.random.default_rng(index), 1 + index % 5
            noise = stream.integers(0, 256, (2 * frames, SIDE, SIDE, 3)).astype(np.uint8)
            pictures = [cv2.imencode(".jpg", picture)[1].tobytes() for picture in noise]
            entry |= {"side": SIDE, "streams": ["face", "context"], "frames": frames, "numbers": [*range(frames)],
                      "notes": [], "said": [[["face: face box"], ["context: whole frame"]]], "steps": [0] * frames,
                      "sizes": [*map(len, pictures)], "crcs": [*map(zlib.crc32, pictures)]}
        rows[index] = [entry["id"], entry["label"], entry["size"], *shards.add(entry, pictures)]
    shards.close()
    return close_split(folder, split, shards.done, [rows[index] for index in range(size)], len(CLASSES))
