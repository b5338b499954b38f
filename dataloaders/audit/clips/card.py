"""A clip whose every pixel says its column, its row and its frame, sent through the very data set of a split.

Red grows with the column, green with the row, blue with the frame: what comes out tells which frames were taken and
where each pixel is from, whatever library or line of code went wrong on the way.
"""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from dataloaders.audit.clips.expected import Box, context_of, face_of, see
from dataloaders.audit.clips.pictures import unlike
from dataloaders.audit.clips.reading import middle_indices
from dataloaders.audit.clips.view import Split, View
from dataloaders.boxes import Boxes
from dataloaders.clips import Clip
from dataloaders.loader import BadSample
from dataloaders.order import Draw
from dataloaders.video import Sample, VideoDataset
from utils.findings import Finding, of_some

WIDTH, HEIGHT, SHORT = 128, 84, 2
REACH = 0.7  # of the frames between the first segment's middle and the last one's
EPOCHS, SIDE = 8, 48  # draws; largest side of the frames that are asked for, to be quick
REMEDY = "look in dataloaders/ for what was changed: this clip was drawn for the audit, and what it should give is "
"known"


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


def check_card(view: View) -> Iterator[Finding]:
    data = view.config.data
    with tempfile.TemporaryDirectory(prefix="camxuc-") as folder:
        wanted = data.num_segments * data.duration
        card = Card(Path(folder), max(25, min(4 * wanted + 1, 101), wanted + 3))
        tested = set()
        for split in view.splits.values():
            if (kind := (type(split.dataset), split.training)) not in tested:
                tested.add(kind)
                try:
                    yield from _check(split, card)
                except Exception as error:  # whatever a broken line may raise
                    yield Finding("error", "card-fails", f"{split.name}: the test card cannot be loaded: "
                                  f"{type(error).__name__}: {error}", REMEDY)


def _check(split: Split, card: Card) -> Iterator[Finding]:
    plain = _dataset(split, card, augment=0.0, random_erasing=0.0)
    found = {}
    for index, clip in enumerate(plain.clips[:4]):
        sample = plain[Draw(0, index, 0)]
        for name, example in _wrong(card, clip.path.name, sample, plain).items():
            found.setdefault(name, []).append(f"{clip.path.name}: {example}")
    for name, examples in found.items():
        yield Finding("error", name, f"{split.name}: {TEXTS[name]} on the audit's test card", REMEDY,
                      **of_some(examples))
    yield from _sampled(split, card, plain)
    if split.training:
        yield from _augmented(split, card)


TEXTS = {"card-shape": "samples have a wrong shape or type", "card-frames": "wrong frames of a clip are taken",
         "card-face": "the face stream shows another region or other colours than it should",
         "card-context": "the context stream shows another region or other colours than it should",
         "card-bad": "a clip without a box is not treated as --missing-box says"}


def _dataset(split: Split, card: Card, **changes) -> VideoDataset:
    """Of the split's own class and settings, with the card's clips and boxes."""
    real = split.dataset
    for side in ("image_size", "load_size"):
        changes[side] = min(getattr(real.config, side, 0), SIDE)
    settings = {name: value for name, value in changes.items() if hasattr(real.config, name)}
    clips = [card.clip(name) for name in ("boxed", "half", "bare", "short", "still")]
    bodies = card.table if real.bodies else None
    return type(real)(clips, replace(real.config, **settings), real.seed, card.table, bodies)


def _frames(stream) -> np.ndarray:
    """(T, 3, S, S), or of a pair (2, T, 3, S, S) -> (N, S, S, 3)"""
    return stream.reshape(-1, *stream.shape[-3:]).permute(0, 2, 3, 1).numpy()


def _numbers(card: Card, frames: np.ndarray) -> list[int]:
    """Which frames of the card these are; black borders are passed over."""
    blue = [float(np.median(frame[..., 2][frame.any(-1)])) if frame.any() else 0.0 for frame in frames]
    return [round(level * (card.frames - 1) / 255) for level in blue]


def _wrong(card: Card, name: str, sample: Sample | BadSample, dataset: VideoDataset) -> dict[str, str]:
    data, side = dataset.config, dataset.side
    bare_is_bad = name == "bare" and data.missing_box == "error"
    if isinstance(sample, BadSample) or bare_is_bad:
        return {} if bare_is_bad and isinstance(sample, BadSample) else {"card-bad": getattr(sample, "reason", "read")}
    views = 1 if sample.face.ndim == 4 else 2
    shape = (*(() if views == 1 else (2,)), data.num_segments * data.duration, 3, side, side)
    streams = {"face": sample.face} | ({"context": sample.context} if data.streams == "both" else {})
    for stream, tensor in streams.items():
        if tensor is None or tuple(tensor.shape) != shape or str(tensor.dtype) != "torch.uint8":
            said = "none" if tensor is None else f"{tuple(tensor.shape)} {tensor.dtype}"
            return {"card-shape": f"{stream} {said}, not {shape} torch.uint8"}
    wrong, count = {}, card.counts[name]
    numbers = _numbers(card, _frames(sample.face))
    if type(dataset) is VideoDataset and numbers != (due := middle_indices(count, data.num_segments,
                                                                                   data.duration)):
        wrong["card-frames"] = f"{_few(numbers)}, not {_few(due)}"
    if max(numbers) >= count:
        return {"card-frames": f"{_few(numbers)} of {count}"}
    for stream, tensor in streams.items():
        if how := _misplaced(card, name, stream, _frames(tensor), numbers, dataset):
            wrong[f"card-{stream}"] = how
    return wrong


def _few(numbers: list[int]) -> str:
    return " ".join(map(str, numbers[:8])) + (" ..." if len(numbers) > 8 else "")


def _misplaced(card: Card, name: str, stream: str, frames: np.ndarray, numbers: list[int],
               dataset: VideoDataset) -> str | None:
    data, due = dataset.config, []
    for number in numbers:
        frame, box = card.frame(number), card.box(name, number)
        if stream == "face":
            face = face_of(box, WIDTH, HEIGHT, data)
            due.append(see(frame, face.region, frames.shape[1]))
        else:
            due.append(context_of(frame, box if data.crop_body else None, frames.shape[1]))
    return unlike(frames, np.stack(due), 4.0)


def _sampled(split: Split, card: Card, plain: VideoDataset) -> Iterator[Finding]:
    """A split's own frames: the same again, random in training alone, and spread over the clip."""
    draws = [_numbers(card, _frames(plain[Draw(epoch, 0, 0)].face))
             for epoch in range(EPOCHS)]
    wanted = plain.config.num_segments * plain.config.duration
    random = split.training and type(split.dataset) is not VideoDataset
    if random and all(draw == draws[0] for draw in draws):
        yield Finding("error", "frames-never-change", f"{split.name}: {EPOCHS} epochs take the same frames of a clip",
                      REMEDY, example=_few(draws[0]))
    if not random and any(draw != draws[0] for draw in draws):
        yield Finding("error", "evaluation-changes", f"{split.name}: its clips differ from epoch to epoch", REMEDY,
                      example=f"frames {_few(draws[0])}, then {_few(draws[1])}")
    views = [draw[start : start + wanted] for draw in draws for start in range(0, len(draw), wanted)]
    jumbled = [_few(one) for one in views if one != sorted(one)]
    if jumbled:
        yield Finding("error", "frames-out-of-order", f"{split.name}: a clip's frames do not follow one another",
                      REMEDY, **of_some(jumbled))
    far = max(max(one) for one in views) - min(min(one) for one in views)
    segments = plain.config.num_segments
    if len(views) == EPOCHS and far < REACH * (card.frames - plain.config.duration) * (segments - 1) / segments:
        yield Finding("error", "part-of-the-clip", f"{split.name}: only {far + 1} of a clip's {card.frames} frames are "
                      "ever in reach", REMEDY, example=_few(views[0]))
    yield from _segments(split, card, views)


def _segments(split: Split, card: Card, views: list[list[int]]) -> Iterator[Finding]:
    """TSN: a start in each segment of the clip. Pairs take a window of it, wherever that is."""
    data = split.dataset.config
    if len(views) > EPOCHS:  # pairs
        return
    edges = np.linspace(0, card.frames - data.duration + 1, data.num_segments + 1)
    outside = [_few(one) for one in views for part in range(data.num_segments)
               if not edges[part] - 1 <= one[part * data.duration] <= edges[part + 1]]
    broken = [_few(one) for one in views for place in range(len(one))
              if place % data.duration and one[place] != one[place - 1] + 1]
    if outside or broken:
        yield Finding("error", "segments", f"{split.name}: frames are not one run from each of {data.num_segments} "
                      f"segments of {card.frames} frames", REMEDY, **of_some(outside or broken))


def _augmented(split: Split, card: Card) -> Iterator[Finding]:
    """Training's own augmentation, on the clip whose frames are all alike."""
    real, data = _dataset(split, card), split.dataset.config
    strength, erasing = getattr(data, "augment", 0.0), getattr(data, "random_erasing", 0.0)
    draws = [real[Draw(epoch, 4, 0)] for epoch in range(2 * EPOCHS)]
    faces = np.stack([_frames(sample.face) for sample in draws])  # (E, N, S, S, 3)
    for stream in ("face", "context") if data.streams == "both" else ("face",):
        again = getattr(real[Draw(0, 4, 0)], stream)
        if not np.array_equal(_frames(again), _frames(getattr(draws[0], stream))):
            yield Finding("error", "draw-not-repeatable", f"{split.name}: the same draw gives another {stream} stream; "
                          "a resumed run differs from an unbroken one", REMEDY)
    torn = sum(int(np.ptp(face.astype(np.int16), axis=0).max() > 2) for face in faces)
    if torn:
        yield Finding("error", "augmented-by-frame", f"{split.name}: frames of one clip are augmented differently",
                      REMEDY, torn)
    changes = any(not np.array_equal(face, faces[0]) for face in faces)
    if changes and not (strength or erasing):
        yield Finding("error", "augmented-unasked", f"{split.name}: draws of a still clip differ with augmentation off",
                      REMEDY)
    if not changes and (strength or erasing > 0.5):
        yield Finding("error", "augmentation-missing", f"{split.name}: {len(faces)} draws of a clip are the same, with "
                      f"--augment {strength:g}", REMEDY)
    elif strength:
        clean = _dataset(split, card, random_erasing=0.0)
        plain = _dataset(split, card, augment=0.0, random_erasing=0.0)[Draw(0, 4, 0)]
        shown = np.stack([_frames(clean[Draw(epoch, 4, 0)].face)[0] for epoch in range(2 * EPOCHS)])
        yield from _strength(split, shown.astype(np.float32), strength, _frames(plain.face)[0])


def _strength(split: Split, faces: np.ndarray, strength: float, plain: np.ndarray) -> Iterator[Finding]:
    """Whether pictures stay upright, are mirrored now and then, and keep their colours. (E, S, S, 3)"""
    across = np.diff(faces.mean(1)[..., 0], axis=1).mean(1)  # red grows to the right
    down = np.diff(faces.mean(2)[..., 1], axis=1).mean(1)  # green grows downwards
    if (down < 0).any():
        yield Finding("error", "augmented-upside-down", f"{split.name}: augmentation turns clips upside down", REMEDY,
                      int((down < 0).sum()))
    mirrored = int((across < 0).sum())
    if mirrored in (0, len(faces)):
        yield Finding("error", "mirrored-always" if mirrored else "mirrored-never",
                      f"{split.name}: {mirrored} of {len(faces)} draws are mirrored, where about half should "
                      f"be", REMEDY)
    level = abs(float(faces.mean()) - float(plain.mean()))
    if level > 25 * max(strength, 1):
        yield Finding("error", "augmented-colours", f"{split.name}: augmented clips are {level:.0f} grey levels off "
                      "the plain ones on the mean", REMEDY)
