"""The order of an epoch, and the way of a sample into its batch. Nothing is decoded."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Dataset

from dataloaders.audit.clips.view import Split, View
from dataloaders.loader import BadSample, Loader
from dataloaders.order import Draw
from dataloaders.video import Sample, VideoDataset
from utils.findings import Finding, of_some

SIGMAS = 6  # of a class's number of draws
LOOKED_AT = 2000  # samples of an epoch, before its end
ENOUGH = 20  # changes of class expected, from which an order by class shows
REMEDY = "look in dataloaders/order.py, loader.py and clip_loaders.py for what was changed"


class Echo(Dataset):
    """In place of a data set: samples whose pixels say which draw they answer. Every tenth cannot be read."""

    def __init__(self, split: Split):
        self.split, self.ids = split, split.dataset.ids
        self.pairs = type(split.dataset) is not VideoDataset and not split.labelled

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, draw: Draw) -> Sample | BadSample:
        clip = self.split.clips[draw.index]
        if draw.index % 10 == 9:
            return BadSample(clip.id, "by the audit's wish")
        face = torch.tensor([draw.epoch, draw.index, draw.repeat], dtype=torch.float64).reshape(1, 3, 1, 1)
        face = torch.stack([face, face]) if self.pairs else face
        return Sample(clip.id, clip.label, face, -face)


def check_drawing(view: View) -> Iterator[Finding]:
    for split in view.splits.values():
        try:
            yield from _settings(view, split)
            yield from _visits(view, split)
            yield from _batches(view, split)
            if split.training and len(split.clips) >= 10:
                yield from _shuffled(view, split)
        except Exception as error:  # whatever a broken line may raise
            yield Finding("error", "drawing-fails", f"{split.name}: its order or batches cannot be made: "
                          f"{type(error).__name__}: {error}", REMEDY)


def _settings(view: View, split: Split) -> Iterator[Finding]:
    data, dataset = view.config.data, split.dataset
    given = {"the data section": (dataset.config, data), "the seed": (dataset.seed, view.config.train.seed),
             "the order's seed": (split.order.seed, view.config.train.seed),
             "the batch size": (split.order.batch_size, data.batch_size),
             "the side of frames": (dataset.side, max(data.image_size, split.training
                                                      and getattr(data, "load_size", 0) or 0)),
             "the reader's time-out": (split.loader.timeout, data.reader_timeout),
             "the ids": (dataset.ids, [clip.id for clip in dataset.clips]),
             "the shuffling": (split.order.shuffle, split.training),
             "the weighted sampler": (split.order.weights is not None,
                                      split.training and getattr(data, "use_weighted_sampler", False))}
    if not split.labelled:  # no label may be learned from
        given["the targets, which are the clips' numbers"] = (list(dataset.targets), list(range(len(dataset))))
    wrong = [name for name, (has, due) in given.items() if has != due]
    if wrong:
        yield Finding("error", "settings-not-used", f"{split.name}: not as it should be in the loader: {wrong[0]}",
                      REMEDY, **of_some(wrong))
    boxes = {"--bounding-box-face": dataset.faces, "--bounding-box-body": dataset.bodies}
    for flag, has in boxes.items() if not dataset.pack else ():
        path = getattr(data, flag[2:].replace("-", "_"))
        if (path is None) != (has is None) or path and not str(has.path).endswith(str(path)):
            yield Finding("error", "settings-not-used", f"{split.name}: {flag} is {path}, and the loader has "
                          f"{has and has.path}", REMEDY)


def _draws(split: Split, epoch: int) -> list[Draw]:
    return [draw for batch in split.draws(epoch) for draw in batch]


def _visits(view: View, split: Split) -> Iterator[Finding]:
    weighted = split.training and getattr(view.config.data, "use_weighted_sampler", False)
    first, again = _draws(split, 0), [draw for batch in split.order.batches(0) for draw in batch]
    size = len(split.clips)
    if first != again:
        yield Finding("error", "order-not-repeatable", f"{split.name}: an epoch's order is another each time it is "
                      "asked for; a resumed run differs", REMEDY)
    if {draw.epoch for draw in first + _draws(split, 1)} != {0, 1} or len(set(first)) != len(first):
        yield Finding("error", "draws-not-told-apart", f"{split.name}: draws of different epochs or repeats carry the "
                      "same numbers: they get the same augmentation", REMEDY)
    visits = Counter(draw.index for draw in first)
    missed = [split.dataset.ids[index] for index in range(size) if visits[index] != 1]
    if missed and not weighted:
        yield Finding("error", "clips-not-visited-once", f"{split.name}: an epoch visits {len(missed)} of {size} clips "
                      "not exactly once", REMEDY, **of_some(missed))
    if len(first) != size:
        yield Finding("error", "epoch-of-another-length", f"{split.name}: an epoch makes {len(first)} draws of {size} "
                      "clips", REMEDY, abs(len(first) - size))
    if weighted and len(first) == size:
        yield from _weighted(view, split)


def _weighted(view: View, split: Split) -> Iterator[Finding]:
    """Each class's number of draws against --sampler-power's, and of each clip of a class alike."""
    epochs = range(-(-2000 // len(split.clips)))
    drawn = Counter(split.clips[draw.index].label for epoch in epochs for draw in _draws(split, epoch))
    total, counts = drawn.total(), Counter(clip.label for clip in split.clips)
    weights = {label: count ** (1 - view.config.data.sampler_power) for label, count in counts.items()}
    wrong = []
    for label, weight in weights.items():
        share = weight / sum(weights.values())
        if abs(drawn[label] - total * share) > SIGMAS * (total * share * (1 - share)) ** 0.5 + 1:
            wrong.append(f"{view.name_of(label)}: {drawn[label] / total:.1%} of draws, not {share:.1%}")
    if wrong:
        yield Finding("error", "classes-not-drawn-as-asked", "train: the weighted sampler does not draw classes as "
                      f"--sampler-power {view.config.data.sampler_power:g} says", REMEDY, **of_some(wrong))


def _shuffled(view: View, split: Split) -> Iterator[Finding]:
    orders = [[draw.index for draw in _draws(split, epoch)] for epoch in (0, 1)]
    if orders[0] == orders[1]:
        yield Finding("error", "order-never-changes", "train: two epochs visit clips in the same order", REMEDY)
    labels = np.array([split.clips[index].label for index in orders[0]])
    shares = np.bincount(labels)[labels] if split.labelled else np.ones(len(labels))
    expected = (1 - shares / len(labels)).sum()
    changes = int((labels[1:] != labels[:-1]).sum())
    if orders[0] == sorted(orders[0]) or expected > ENOUGH and changes < expected / 2:
        yield Finding("error", "order-not-shuffled", "train: clips come in the order of the list or of their classes: "
                      f"{changes} changes of class, where about {expected:.0f} are to be expected", REMEDY)


def _batches(view: View, split: Split) -> Iterator[Finding]:
    """An epoch of echoes through a Loader of the same collate: each sample whole, each in its place, none lost."""
    loader = Loader(Echo(split), split.order, split.loader.collate, 0, 0)
    labels, torn, told = dict(zip(split.dataset.ids, (clip.label for clip in split.clips))), [], []
    for epoch in (0, 1):
        plans, seen = split.draws(epoch), 0
        for batch, plan in zip(loader.epoch(epoch), plans):
            if said := _unlike_plan(split, batch, plan, labels):
                (torn if said == "torn" else told).append(batch.ids[0] if batch.ids else "an empty batch")
            seen += len(plan)
            if seen > LOOKED_AT:
                break
        late = list(loader.epoch(epoch, len(plans) - 1))
        if len(loader) != len(plans) or len(late) != 1 or _unlike_plan(split, late[0], plans[-1], labels):
            told.append(f"the last of epoch {epoch}")
    if told:
        yield Finding("error", "batches-not-as-planned", f"{split.name}: batches hold other clips than the order says",
                      REMEDY, **of_some(told))
    if torn:
        yield Finding("error", "batch-mixes-samples", f"{split.name}: a batch pairs clips with the targets or streams "
                      "of others", REMEDY, **of_some(torn))


def _unlike_plan(split: Split, batch, plan: list[Draw], labels: dict[str, int]) -> str:
    good, bad = [draw for draw in plan if draw.index % 10 != 9], [draw for draw in plan if draw.index % 10 == 9]
    ids = [split.dataset.ids[draw.index] for draw in good]
    if batch.ids != ids or [name for name, _ in batch.bad] != [split.dataset.ids[draw.index] for draw in bad]:
        return "told"
    return "torn" if good and not _whole(batch, good, [labels[name] for name in ids]) else ""


def _whole(batch, draws: list[Draw], targets: list[int]) -> bool:
    """Whether each row of a batch has one draw's target, face and context."""
    due = torch.tensor([list(draw) for draw in draws], dtype=torch.float64)  # (B, 3)
    face, context = (stream.reshape(len(draws), -1, 3) for stream in (batch.face, batch.context))
    return (batch.targets.tolist() == targets and bool((face == due[:, None]).all())
            and bool((context == -due[:, None]).all()))
