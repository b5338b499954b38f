"""Whether training draws frames, boxes and augmentations of the card as it should."""

from collections.abc import Iterator

import numpy as np
import torch

from dataloaders.audit.clips.card.drawn import REMEDY, Card, dataset_of, frames_of, numbers_in
from dataloaders.audit.clips.card.places import few
from dataloaders.audit.clips.view import Split
from dataloaders.order import Draw
from dataloaders.video import Sample, VideoDataset
from utils.findings import Finding, of_some

REACH = 0.7  # of the frames between the first segment's middle and the last one's
EPOCHS = 8  # drawn


def sampled(split: Split, card: Card, plain: VideoDataset) -> Iterator[Finding]:
    """A split's own frames: the same again, random in training alone, and spread over the clip."""
    draws = [numbers_in(card, frames_of(plain[Draw(epoch, 0, 0)].face)) for epoch in range(EPOCHS)]
    wanted = plain.config.num_segments * plain.config.duration
    random = split.training and type(split.dataset) is not VideoDataset
    if random and all(draw == draws[0] for draw in draws):
        yield Finding("error", "frames-never-change", f"{split.name}: {EPOCHS} epochs take the same frames of a clip",
                      REMEDY, example=few(draws[0]))
    if not random and any(draw != draws[0] for draw in draws):
        yield Finding("error", "evaluation-changes", f"{split.name}: its clips differ from epoch to epoch", REMEDY,
                      example=f"frames {few(draws[0])}, then {few(draws[1])}")
    views = [draw[start : start + wanted] for draw in draws for start in range(0, len(draw), wanted)]
    jumbled = [few(one) for one in views if one != sorted(one)]
    if jumbled:
        yield Finding("error", "frames-out-of-order", f"{split.name}: a clip's frames do not follow one another",
                      REMEDY, **of_some(jumbled))
    far = max(max(one) for one in views) - min(min(one) for one in views)
    segments = plain.config.num_segments
    if len(views) == EPOCHS and far < REACH * (card.frames - plain.config.duration) * (segments - 1) / segments:
        yield Finding("error", "part-of-the-clip", f"{split.name}: only {far + 1} of a clip's {card.frames} frames are "
                      "ever in reach", REMEDY, example=few(views[0]))
    yield from _segments(split, card, views)


def _segments(split: Split, card: Card, views: list[list[int]]) -> Iterator[Finding]:
    """TSN: a start in each segment of the clip. Pairs take a window of it, wherever that is."""
    data = split.dataset.config
    if len(views) > EPOCHS:  # pairs
        return
    edges = np.linspace(0, card.frames - data.duration + 1, data.num_segments + 1)
    outside = [few(one) for one in views for part in range(data.num_segments)
               if not edges[part] - 1 <= one[part * data.duration] <= edges[part + 1]]
    broken = [few(one) for one in views for place in range(len(one))
              if place % data.duration and one[place] != one[place - 1] + 1]
    if outside or broken:
        yield Finding("error", "segments", f"{split.name}: frames are not one run from each of {data.num_segments} "
                      f"segments of {card.frames} frames", REMEDY, **of_some(outside or broken))


def augmented(split: Split, card: Card) -> Iterator[Finding]:
    """Training's own augmentation, on the clip whose frames are all alike."""
    real, data = dataset_of(split, card), split.dataset.config
    strength, erasing = getattr(data, "augment", 0.0), getattr(data, "random_erasing", 0.0)
    samples = [real[Draw(epoch, 4, 0)] for epoch in range(2 * EPOCHS)]
    again, still = real[Draw(0, 4, 0)], dataset_of(split, card, augment=0.0, random_erasing=0.0)[Draw(0, 4, 0)]
    for stream in ("face", "context") if data.streams == "both" else ("face",):
        draws = [frames_of(getattr(sample, stream)) for sample in samples]  # each (N, S, S, 3)
        if not np.array_equal(frames_of(getattr(again, stream)), draws[0]):
            yield Finding("error", "draw-not-repeatable", f"{split.name}: the same draw gives another {stream} stream; "
                          "a resumed run differs from an unbroken one", REMEDY)
        yield from _changes(split, stream, draws, strength, erasing)
    if erasing:
        yield from _erased(split, card, still)
    if strength and not all(torch.equal(sample.face, samples[0].face) for sample in samples):
        clean = dataset_of(split, card, random_erasing=0.0)
        shown = np.stack([frames_of(clean[Draw(epoch, 4, 0)].face)[0] for epoch in range(2 * EPOCHS)])
        yield from _strength(split, shown.astype(np.float32), strength, frames_of(still.face)[0])


def _changes(split: Split, stream: str, draws: list[np.ndarray], strength: float, erasing: float) -> Iterator[Finding]:
    """Whether draws of a stream differ where they should, and frames of one draw never do."""
    torn = sum(int(np.ptp(frames.astype(np.int16), axis=0).max() > 2) for frames in draws)
    if torn:
        yield Finding("error", "augmented-by-frame", f"{split.name}: frames of one clip's {stream} stream are "
                      "augmented differently", REMEDY, torn)
    changes = any(not np.array_equal(frames, draws[0]) for frames in draws)
    if changes and not (strength or erasing):
        yield Finding("error", "augmented-unasked", f"{split.name}: draws of a still clip's {stream} stream differ "
                      "with augmentation off", REMEDY)
    if not changes and (strength or erasing > 0.5):
        yield Finding("error", "augmentation-missing", f"{split.name}: {len(draws)} draws of a clip's {stream} stream "
                      f"are the same, with --augment {strength:g}", REMEDY)


def _erased(split: Split, card: Card, still: Sample) -> Iterator[Finding]:
    """Nothing but the patch, and that in every draw: as with --random-erasing 1."""
    erased = dataset_of(split, card, augment=0.0, random_erasing=1.0)[Draw(0, 4, 0)]
    for stream in ("face", "context") if erased.context is not None else ("face",):
        other = (getattr(erased, stream) != getattr(still, stream)).any(dim=1)  # (T, S, S)
        if not other.any() or other.all():
            yield Finding("error", "erasing-missing", f"{split.name}: of the {stream} stream "
                          f"{'all is' if other.all() else 'nothing is'} erased with --random-erasing 1", REMEDY)


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
