"""A training split that is streamed: its order, and its first clips. Nothing is decoded."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from dataloaders.audit.clips.drawing import ENOUGH
from dataloaders.audit.clips.view import Split, View
from dataloaders.packed_clip import PackedClip
from utils.findings import Finding, of_some

FIRST, FULL = 200, 2000  # clips that are looked at, in a quick audit and in a full one
REMEDY = "look in dataloaders/lanes.py, streamed.py and clip_loaders.py for what was changed"
PACK = "pack the clips again"


def check_stream(view: View) -> Iterator[Finding]:
    for split in view.splits.values():
        if split.loader.streamed:
            yield from _settings(view, split)
            yield from _order(split)
            clips = [*islice(split.loader.clips.visits(range(split.order.lanes)), FULL if view.full else FIRST)]
            yield Finding("note", "stream-audited-in-part", f"{split.name}: is streamed; only its first {len(clips)} "
                          f"of {split.loader.size} clips are looked at")
            yield from _clips(split, clips)


def _settings(view: View, split: Split) -> Iterator[Finding]:
    data, seed, order, dataset = view.config.data, view.config.train.seed, split.order, split.dataset
    given = {"the data section": (dataset.config, data), "the seed": (dataset.seed, seed),
             "the order's seed": (order.seed, seed), "the batch size": (order.batch_size, data.batch_size),
             "--stream-lanes": (order.lanes, data.lanes),
             "--shuffle-buffer": (order.shuffle_buffer, data.shuffle_buffer),
             "--stream": (split.loader.clips.place.address, data.stream),
             "the side of frames": (dataset.side, max(data.image_size, getattr(data, "load_size", 0))),
             "the reader's time-out": (split.loader.timeout, data.reader_timeout),
             "the targets, labels or the clips' numbers": (split.loader.clips.numbered, not split.labelled)}
    if wrong := [name for name, (has, due) in given.items() if has != due]:
        yield Finding("error", "settings-not-used", f"{split.name}: not as it should be in the stream: {wrong[0]}",
                      REMEDY, **of_some(wrong))


def _order(split: Split) -> Iterator[Finding]:
    """Of each lane the first group: another in each epoch, the same when asked again, each place once."""
    order = split.order
    first, again, later = ([order.visits(epoch, lane, 0).tolist() for lane in range(order.lanes)]
                           + [[*order.stretches(epoch, lane, 0)] for lane in range(order.lanes)] for epoch in (0, 0, 1))
    if first != again:
        yield Finding("error", "order-not-repeatable", f"{split.name}: an epoch's order is another each time it is "
                      "asked for; a resumed run differs", REMEDY)
    if first == later and order.size >= ENOUGH:
        yield Finding("error", "order-never-changes", f"{split.name}: two epochs visit clips in the same order", REMEDY)
    if sum(map(order.length, range(order.lanes))) != split.loader.size:
        yield Finding("error", "epoch-of-another-length", f"{split.name}: the lanes do not hold {split.loader.size} "
                      "clips", REMEDY)


def _clips(split: Split, clips: list[PackedClip]) -> Iterator[Finding]:
    good = [clip for clip in clips if "bad" not in clip.entry]
    numbers = [clip.entry["index"] for clip in good]
    if twice := [clip.id for clip in good if numbers.count(clip.entry["index"]) > 1]:
        yield Finding("error", "clips-not-visited-once", f"{split.name}: clips come twice in an epoch", REMEDY,
                      **of_some(twice))
    strange = [clip.id for clip in good if clip.entry["label"] >= len(split.loader.held.counts)]
    if strange:
        yield Finding("error", "strange-labels", f"{split.name}: clips have labels of no class", PACK,
                      **of_some(strange))
    labels = np.array([clip.entry["label"] for clip in good])
    counts = np.array(split.loader.held.counts) / split.loader.size
    expected, changes = len(labels) * (1 - (counts**2).sum()), int((labels[1:] != labels[:-1]).sum())
    if expected > ENOUGH and changes < expected / 2:
        yield Finding("error", "order-not-shuffled", f"{split.name}: clips come in the order of their classes: "
                      f"{changes} changes of class among the first {len(labels)}, where about {expected:.0f} should be",
                      f"{PACK}, which mixes them, or take a larger --shuffle-buffer")
