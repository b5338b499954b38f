"""The clips of the card, and a data set of them with a split's settings."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from dataloaders.audit.clips.expected import Box
from dataloaders.audit.clips.view import Split
from dataloaders.boxes import Boxes
from dataloaders.clips import Clip
from dataloaders.video import VideoDataset

WIDTH, HEIGHT, SHORT = 128, 84, 2
SIDE = 48  # of the frames that are asked for at most, to be quick
REMEDY = ("look in dataloaders/ for what was changed: this clip was drawn for the audit, and what it should give is "
          "known")


class Card:
    """Clips in a folder of their own: `boxed` by frame, `half` a box that leaves the frame, `bare`, `short`, `still`.

    Args:
        frames: number of `boxed`'s frames.
    """

    def __init__(self, folder: Path, frames: int):
        self.folder, self.frames = folder, frames
        moving = {f"{n}.jpg": [20.0 + 40 * n / frames, 12.0 + 20 * n / frames, 60 + 40 * n / frames,
                               52 + 20 * n / frames] for n in range(frames)}
        half = [-14.0, 40.0, 34.0, 92.0]
        self.boxes = {"card/set/boxed": moving, "card/set/half": half, "card/set/short": half, "card/set/still": half}
        self.counts = {"boxed": frames, "half": 3, "bare": 3, "short": SHORT, "still": 3}
        for name, number in self.counts.items():
            self._write(name, number, name == "still")
        path = folder / "boxes.json"
        path.write_text(json.dumps(self.boxes))
        self.table = Boxes(path)

    def _write(self, name: str, number: int, still: bool) -> None:
        place = self.folder / "card" / "set" / name
        place.mkdir(parents=True)
        for n in range(number):
            Image.fromarray(self.frame(0 if still else n)).save(place / f"{n}.png", compress_level=1)

    def frame(self, number: int) -> np.ndarray:
        red = np.broadcast_to(np.linspace(0, 255, WIDTH), (HEIGHT, WIDTH))
        green = np.broadcast_to(np.linspace(0, 255, HEIGHT)[:, None], (HEIGHT, WIDTH))
        blue = np.full((HEIGHT, WIDTH), 255 * number / max(self.frames - 1, 1))
        return np.stack([red, green, blue], -1).round().astype(np.uint8)

    def clip(self, name: str) -> Clip:
        return Clip(f"card/set/{name}", self.folder / "card" / "set" / name, 0)

    def box(self, name: str, number: int) -> Box | None:
        boxes = self.boxes.get(f"card/set/{name}")
        return tuple(boxes[f"{number}.jpg"]) if isinstance(boxes, dict) else boxes


def dataset_of(split: Split, card: Card, **changes) -> VideoDataset:
    """Of the split's own class and settings, with the card's clips and boxes."""
    real = split.dataset
    for side in ("image_size", "load_size"):
        changes[side] = min(getattr(real.config, side, 0), SIDE)
    settings = {name: value for name, value in changes.items() if hasattr(real.config, name)}
    clips = [card.clip(name) for name in ("boxed", "half", "bare", "short", "still")]
    bodies = card.table if real.bodies else None
    return type(real)(clips, replace(real.config, **settings), real.seed, card.table, bodies)


def frames_of(stream) -> np.ndarray:
    """(T, 3, S, S), or of a pair (2, T, 3, S, S) -> (N, S, S, 3)"""
    return stream.reshape(-1, *stream.shape[-3:]).permute(0, 2, 3, 1).numpy()


def numbers_in(card: Card, frames: np.ndarray) -> list[int]:
    """Which frames of the card these are; black borders are passed over."""
    blue = [float(np.median(frame[..., 2][frame.any(-1)])) if frame.any() else 0.0 for frame in frames]
    return [round(level * (card.frames - 1) / 255) for level in blue]
