"""Some samples of each split as the network sees them, for a person to look at."""

from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np
from torch import Tensor

from dataloaders.audit.review_sheet import review_sheet
from dataloaders.loader import BadSample, Loader
from dataloaders.order import Draw
from dataloaders.streamed import StreamedLoader
from dataloaders.video import PairDataset, Sample, collate_clips
from utils.config import Config
from utils.seeding import STEP, generator
from utils.sheets import Sheet, Shown
from utils.structures import Labels
from utils.views import view_pairs

CLASSES, CLIPS = 12, 24  # of a split, at most
FIRST = 200  # clips of a stream, among which those shown are
FRAMES = 3  # of a clip and stream
PAIRS = 12
STREAMS = ("face", "context")


def contact_sheet(config: Config, loaders: dict[str, Loader], labels: Labels, per_class: int = 3) -> list[Sheet]:
    """A Sheet of each split, in the order of the loaders; clips are read, `per_class` of each class at most.

    Those of training are as its first epoch draws them. What is chosen depends on the data alone.
    """
    make = SHEETS[config.model.model]
    return [make(config, split, loader, labels, per_class) for split, loader in loaders.items()]


def _clips(config: Config, split: str, loader: Loader, labels: Labels, per_class: int) -> Sheet:
    dataset = loader.dataset
    if isinstance(dataset, PairDataset):
        return _pairs(config, split, loader)
    if loader.streamed:
        return _stream(config, split, loader, labels, per_class)
    of_clips = np.array([clip.label for clip in dataset.clips])
    places = {name: np.flatnonzero(of_clips == number) for number, name in enumerate(labels.classes)}
    shown = _evenly(list(places), CLASSES)
    count = min(per_class, CLIPS // len(shown))
    groups = {name: [_seen(dataset[Draw(0, place, 0)]) for place in _evenly(places[name].tolist(), count)]
              for name in shown}
    counts = {name: len(of_class) for name, of_class in places.items()}
    return Sheet(split, dataset.unit, len(dataset), _how(config, loader), {"class": counts}, groups,
                 len(places) - len(shown))


def _stream(config: Config, split: str, loader: StreamedLoader, labels: Labels, per_class: int) -> Sheet:
    """Of the first clips, which are all that is looked at, up to `per_class` of each class."""
    shown = _evenly(labels.classes, CLASSES)
    groups, count = {name: [] for name in shown}, min(per_class, CLIPS // len(shown))
    named = dict(enumerate(labels.classes))
    for clip in islice(loader.clips.visits(range(loader.order.lanes)), FIRST):
        name = named.get(clip.entry["label"])  # a damaged one is none's
        if name in groups and len(groups[name]) < count:
            groups[name].append(_seen(loader.clips.sample(clip, 0)))
    return Sheet(split, loader.unit, loader.size, f"{_how(config, loader)} The first of the stream.",
                 {"class": dict(zip(labels.classes, loader.held.counts))}, groups, len(labels.classes) - len(shown))


def _how(config: Config, loader: Loader) -> str:
    if not loader.order.shuffle and loader.order.weights is None:
        return "As they are."
    drawn = ", and drawn with chances by class" if loader.order.weights is not None else ""
    mixup = "; mixup, which blends two of them, comes after" if getattr(config.loss, "mixup_alpha", 0) else ""
    return f"Augmented as in the first epoch{drawn}{mixup}."


def _pairs(config: Config, split: str, loader: Loader) -> Sheet:
    """Two views of each clip, as a step of training would draw them."""
    dataset = loader.dataset
    samples = [*islice(loader.samples(), PAIRS)] if loader.streamed else [
        dataset[Draw(0, place, 0)] for place in _evenly(range(len(dataset)), PAIRS)]
    good = [sample for sample in samples if isinstance(sample, Sample)]
    shown = [_seen(sample) for sample in samples if isinstance(sample, BadSample)]
    if good:
        views = view_pairs(collate_clips(good), config.data, generator(config.train.seed, STEP, 0))
        streams = {name: frames for name in STREAMS if (frames := getattr(views, name)) is not None}  # (B, 2, T, ...)
        shown = [Shown(sample.id, notes=_steps(sample),
                       strips={f"{name}, view {view + 1}": _some(frames[row, view])
                               for view in range(2) for name, frames in streams.items()})
                 for row, sample in enumerate(good)] + shown
    how = "Two random views of each; the network learns which belong together. No label is looked at."
    return Sheet(split, dataset.unit, loader.size, how, groups={"pairs of views": shown})


def _seen(sample: Sample | BadSample) -> Shown:
    if isinstance(sample, BadSample):
        return Shown(sample.id, bad=sample.reason)
    streams = {"face": sample.face, "context": sample.context}
    return Shown(sample.id, notes=_steps(sample),
                 strips={name: _some(frames) for name, frames in streams.items() if frames is not None})


def _steps(sample: Sample) -> list[str]:
    """What the loader did, the face's step first."""
    return sorted(+sample.notes, key=lambda note: (not note.startswith("face:"), note))


def _some(frames: Tensor) -> Tensor:
    """(T, 3, H, W) -> up to FRAMES of them, copied, so that the others are let go."""
    return frames[_evenly(range(len(frames)), FRAMES)]


def _evenly(items: Sequence, count: int) -> list:
    """`count` of them, the first and the last among these, or all."""
    places = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[place] for place in places]


SHEETS: dict[str, Callable[..., Sheet]] = {"video": _clips, "simclr": _clips, "text": review_sheet}
