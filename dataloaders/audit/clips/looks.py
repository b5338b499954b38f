"""A few evenly spaced clips of each split, or all: each decoded once by the loader's means, once by others."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from dataloaders.audit.clips.expected import BoxTable, context_of, face_of, see, shrink
from dataloaders.audit.clips.pictures import distance, unlike
from dataloaders.audit.clips.reading import Reading, UnlikeError, read
from dataloaders.audit.clips.view import Split, View
from dataloaders.clips import Clip
from dataloaders.loader import BadSample
from dataloaders.order import Draw
from dataloaders.video import Sample, VideoDataset

SECONDS, LEAST = 1.5, 3  # of a quick audit: until time is up, but at least so many clips of a split
SIDE = 16  # of pictures that are compared
THUMB, KEPT = 32, 4  # side of those that are kept; frames of a clip


@dataclass
class Look:
    """What is kept of a clip that was decoded."""

    split: str
    index: int
    clip: Clip
    error: str = ""  # why the loader could not read it
    wrong: dict[str, str] = field(default_factory=dict)  # stream -> how it differs from an independent reading
    apart: dict[str, float] = field(default_factory=dict)
    count: int = 0  # frames in the clip, 0 if only the loader can read it
    size: tuple[int, int] = (0, 0)  # width, height
    still: bool = False
    thumbs: np.ndarray | None = None  # (K, 32, 32, 3) uint8, whole frames of the independent reading
    spread: float = 0.0  # of a frame's pixels, the largest
    moves: float = 0.0  # largest difference of a pixel between frames
    face: np.ndarray | None = None  # (K, 16, 16, 3), as the loader gives it
    context: np.ndarray | None = None
    shape: tuple[int, ...] = ()
    brightest: int = 0
    saturated: float = 0.0  # share of the face stream's pixels at 0 or 255


def look(view: View) -> list[Look]:
    tables = {"face": view.config.data.bounding_box_face, "body": view.config.data.bounding_box_body}
    tables = {kind: table_of(view, path) for kind, path in tables.items()}
    looks, begun, number = [], time.monotonic(), {name: 0 for name in view.splits}
    plan = list(_plan(view))
    for split, index in tqdm(plan, desc="audit", unit="clip", disable=not view.full, leave=False):
        if not view.full and time.monotonic() - begun > SECONDS:
            enough = all(number[name] >= min(LEAST, len(part.clips)) for name, part in view.splits.items())
            if enough:
                break
            if number[split.name] >= LEAST:
                continue
        number[split.name] += 1
        with view.reading(split.clips[index]):
            looks.append(_look(view, split, index, tables))
    return looks


def table_of(view: View, path) -> BoxTable | None:
    if path is None:
        return None
    root = view.config.data.root_dir
    return BoxTable(root / path if root and (root / path).is_file() else path)


def _plan(view: View) -> Iterator[tuple[Split, int]]:
    """(split, index) of clips that exist: all in turn; or evenly spread however soon one stops, splits in turn."""
    if view.full:
        yield from ((split, index) for split in view.splits.values() for index in range(len(split.clips)))
        return
    golden = (5**0.5 - 1) / 2
    orders = {}
    for name, split in view.splits.items():
        size = len(split.clips)
        spread = [int((step + 0.5) * golden % 1 * size) for step in range(min(4 * size, 2000))]
        orders[name] = list(dict.fromkeys([*spread, *range(min(size, 2000))]))
    for place in range(max(map(len, orders.values()))):
        for name, order in orders.items():
            if place < len(order):
                yield view.splits[name], order[place]


def plain(dataset: VideoDataset) -> VideoDataset:
    """The same clips, neither augmented nor sampled at random."""
    return VideoDataset(dataset.clips, dataset.config, dataset.seed, dataset.faces, dataset.bodies)


def sample_of(split: Split, index: int) -> Sample | BadSample:
    data = split.dataset if type(split.dataset) is VideoDataset else plain(split.dataset)
    return data[Draw(0, index, 0)]


def _look(view: View, split: Split, index: int, tables: dict) -> Look:
    clip = split.clips[index]
    seen, data = Look(split.name, index, clip), split.dataset.config
    try:
        sample = sample_of(split, index)
    except Exception as error:  # whatever else the loader's code may raise
        seen.wrong["sample"] = f"{type(error).__name__}: {error}"
        return seen
    reading, reason = None, ""
    try:
        reading = read(clip.path, data.num_segments, data.duration)
    except UnlikeError as error:
        reason = str(error)
    if reading:
        _describe(seen, reading)
    if isinstance(sample, BadSample):
        seen.error = sample.reason
        return seen
    _keep(seen, sample, split)
    if reading is None:
        seen.wrong["reading"] = f"another reader says: {reason}"
    else:
        _compare(seen, sample, reading, split, tables)
    return seen


def _places(frames: int) -> list[int]:
    """Which frames of a sample are looked at."""
    return np.linspace(0, frames - 1, min(frames, KEPT)).round().astype(int).tolist()


def _describe(seen: Look, reading: Reading) -> None:
    seen.count, seen.size, seen.still = reading.count, reading.pixels[0].shape[1::-1], reading.still
    thumbs = np.stack([shrink(reading.pixels[place], THUMB, THUMB) for place in _places(len(reading.pixels))])
    seen.thumbs, seen.spread = thumbs, float(thumbs.std((1, 2)).max())
    seen.moves = float(np.abs(thumbs.astype(np.int16) - thumbs[0]).max())


def _keep(seen: Look, sample: Sample, split: Split) -> None:
    places = _places(len(sample.face))
    face = sample.face.permute(0, 2, 3, 1).numpy()[places]
    side = min(SIDE, face.shape[1])
    seen.shape, seen.brightest = tuple(sample.face.shape), int(face.max())
    seen.saturated = float(((face == 0) | (face == 255)).mean())
    seen.face = np.stack([shrink(frame, side, side) for frame in face])
    if sample.context is not None:
        seen.context = np.stack([shrink(sample.context[place].permute(1, 2, 0).numpy(), side, side)
                                 for place in places])
    if (sample.id, sample.target) != (seen.clip.id, seen.clip.label) or split.dataset.ids[seen.index] != seen.clip.id:
        seen.wrong["sample"] = f"the loader gives {sample.id} with target {sample.target}"


def _compare(seen: Look, sample: Sample, reading: Reading, split: Split, tables: dict) -> None:
    data, clip, side, small = split.dataset.config, seen.clip, split.dataset.config.image_size, seen.face.shape[1]
    faces, contexts = [], []
    if seen.shape[0] != len(reading.pixels):
        seen.wrong["frames"] = f"{seen.shape[0]} frames, not {len(reading.pixels)}"
        return
    for place in _places(len(reading.pixels)):
        frame, number = reading.pixels[place], reading.numbers[place]
        height, width = frame.shape[:2]
        face = face_of(tables["face"] and tables["face"].box(clip.id, number), width, height, data)
        faces.append(None if face is None else see(frame, face.region, side))
        body = tables["body"].box(clip.id, number) if tables["body"] and data.crop_body else None
        if seen.context is not None:
            contexts.append(context_of(frame, body, side))
    pairs = {"face": (seen.face, faces), "context": (seen.context, contexts)}
    for stream, (given, due) in pairs.items():
        kept = [place for place, picture in enumerate(due) if picture is not None]
        if given is None or not kept:
            continue
        due = np.stack([shrink(due[place], small, small) for place in kept])
        seen.apart[stream] = distance(given[kept], due)
        if how := unlike(given[kept], due):
            seen.wrong[stream] = how
