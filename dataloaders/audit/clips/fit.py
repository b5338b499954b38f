"""Whether labels go with pictures: a simple reader of one frame, where it can read training's labels at all."""

from collections.abc import Iterator

import numpy as np

from dataloaders.audit.clips.glances import Glance
from dataloaders.audit.clips.ridge import features, leave_out, tell
from dataloaders.audit.clips.view import View
from utils.findings import Finding, of_some

LEAST = 14  # clips of a split
READ, SHORT = 0.6, 0.5  # share that must be right where labels are sound; of that, what is right where they are not
SWAPPED = 0.6  # of a class that is taken for another, and the reverse


def check_fit(view: View, glances: list[Glance]) -> Iterator[Finding]:
    boxed = sum(one.face is not None for one in glances) > len(glances) / 2
    kept = [one for one in glances if view.splits[one.split].labelled and (one.face is not None or not boxed)]
    train = np.array([one.split == "train" for one in kept], bool)
    classes = np.arange(len(view.labels.classes))
    if len(classes) < 2 or min(train.sum(), (~train).sum()) < LEAST:
        return
    inputs = features(np.stack([one.face if boxed else one.thumb for one in kept]))
    labels = np.array([one.clip.label for one in kept])
    targets = (labels[:, None] == classes) - 1 / len(classes)
    of_train, of_rest = (leave_out(inputs[part], targets[part], np.arange(part.sum())).argmax(1) == labels[part]
                         for part in (train, ~train))
    said = tell(inputs[train], targets[train], inputs[~train]).argmax(1)
    back = tell(inputs[~train], targets[~train], inputs[train]).argmax(1)
    rest = [one for one, own in zip(kept, train) if not own]
    chance = np.bincount(labels).max() / len(labels)
    bar = max(READ, 2 * chance)
    known, hit = of_train.mean(), said == labels[~train]
    for name in view.splits:
        here = np.array([one.split == name for one in rest], bool)
        if here.sum() < LEAST or known < bar or hit[here].mean() > SHORT * known:
            continue
        yield Finding("error", "labels-not-of-pictures", f"labels of {name} do not go with the pictures as those of "
                      f"train do: a simple reader finds {hit[here].mean():.0%} of them, and {known:.0%} of train's",
                      "look whether labels were shuffled, shifted or numbered otherwise",
                      **of_some(one.clip.id for one, wrong in zip(rest, here & ~hit) if wrong))
    if of_rest.mean() > bar and known < SHORT * of_rest.mean() and (back == labels[train]).mean() < SHORT:
        yield Finding("error", "labels-not-of-pictures", f"labels of train do not go with the pictures: a simple "
                      f"reader finds {known:.0%} of them, and {of_rest.mean():.0%} of the other splits'",
                      "look whether labels were shuffled, shifted or numbered otherwise", int(train.sum()))
    elif hit.mean() > known + max(0.2, 3 * np.sqrt(known * (1 - known) / len(hit))) and hit.mean() > bar:
        yield Finding("warning", "labels-noisier", f"a simple reader that has learned train finds {hit.mean():.0%} of "
                      f"the other splits' labels, and {known:.0%} of train's own: many of train's are wrong, it seems",
                      "look at some of train's clips and their labels", int(train.sum()))
    if known >= bar:
        yield from _swapped(view, rest, labels[~train], said)


def _swapped(view: View, rest: list[Glance], labels: np.ndarray, said: np.ndarray) -> Iterator[Finding]:
    for name in view.splits:
        here = np.array([one.split == name for one in rest], bool)
        for one in np.unique(labels[here]):
            for other in range(one):
                taken = [said[here & (labels == label)] == mate for label, mate in ((one, other), (other, one))]
                if min(map(len, taken)) >= 2 and min(part.mean() for part in taken) >= SWAPPED:
                    yield Finding("error", "classes-swapped", f"clips of {name} that are labelled "
                                  f"{view.name_of(one)} look like training's {view.name_of(other)}, and the reverse",
                                  "look which list numbers them otherwise", int(len(taken[0]) + len(taken[1])))
