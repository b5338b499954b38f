"""Splits, or parts of one, whose pictures are turned, mirrored, or of other colours than the others'."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from dataloaders.audit.clips.doubles import spread
from dataloaders.audit.clips.glances import Glance
from dataloaders.audit.clips.pictures import WAYS, distance
from dataloaders.audit.clips.ridge import features, leave_out, tell
from dataloaders.audit.clips.shortcuts import SMALLEST
from dataloaders.audit.clips.view import View
from utils.findings import Finding, of_some

LEAST = 3  # clips of a class in both groups
FAR, NEARER = 12.0, 0.5  # grey levels between the means; share of it that is left after the change
PARTS = ("colours swapped (BGR for RGB)", "turned by 180 degrees", "turned by 90 degrees")  # 270 are told as 90
KNOWN, ASKED, MOST = 60, 30, 120  # clips of the other splits and of a split, at least; of either, at most
UNSURE, CLEAR = 0.03, 1.0  # share of the known that may be taken for changed; how far most must be from it, of 2
SHARE, SURE = 0.2, 0.1  # of a split that is taken for changed, and surely so; on sound sets 0.03 and 0.01


def check_turned(view: View, glances: list[Glance]) -> Iterator[Finding]:
    """Faces where boxes tell them, whole frames else; each class against the same of training."""
    if not view.splits["train"].labelled:
        return
    boxed = sum(one.face is not None for one in glances) > len(glances) / 2
    groups = defaultdict(list)
    for one in glances:
        picture = one.face if boxed else one.thumb
        if picture is not None:
            groups[one.split, one.clip.label].append((one, picture.astype(np.float32)))
    told = set()
    means = {key: np.mean([picture for _, picture in group], axis=0) for key, group in groups.items()
             if len(group) >= LEAST or key[0] != "train" and len(group) >= 2}
    labels = sorted({label for _, label in means})
    for name in view.splits:
        both = [label for label in labels if name != "train" and {(name, label), ("train", label)} <= means.keys()]
        if way := _way([(means[name, label], means["train", label]) for label in both]) if len(both) > 2 else None:
            told.add(name)
            yield Finding("warning", "split-turned", f"clips of {name} look like training's when they are taken for "
                          f"{way}", "prepare all splits in the same way",
                          **of_some(one.clip.id for label in both for one, _ in groups[name, label]))
    for name in view.splits:
        if name not in told:
            yield from _part(name, [one for one in glances if min(one.size) >= SMALLEST], boxed)


def _part(name: str, glances: list[Glance], boxed: bool) -> Iterator[Finding]:
    """Clips of a split that a reader takes for changed; it has learned from the others as they are, and changed."""
    groups = [spread([one for one in glances if (one.split == name) == own], MOST) for own in (False, True)]
    found = []
    for way in PARTS:
        faces = boxed and way == PARTS[0]  # of clips that are turned the box is elsewhere
        known, asked = ([one for one in group if one.face is not None or not faces] for group in groups)
        if len(known) < KNOWN or len(asked) < ASKED:
            continue
        inputs, targets, others = _both_ways(known, asked, WAYS[way], faces)
        said = _towards(tell(inputs, targets, others))
        if (said < 0).mean() <= SHARE:
            continue
        reference = _towards(leave_out(inputs, targets, np.tile(np.arange(len(known)), 2)))
        middle = np.median(reference)
        sure = (said < -middle / 4).mean()  # turned twice, it is half as sure
        if middle > CLEAR and (reference < 0).mean() <= UNSURE and sure > SURE:
            found.append((sure, way, [one.clip.id for one, much in zip(asked, said) if much < 0], len(asked)))
    if found:
        _, way, names, number = max(found)
        yield Finding("warning", "clips-turned", f"{len(names)} of {number} clips of {name} that were looked at seem "
                      f"to be {way}: the other splits' are not", "prepare all clips in the same way", **of_some(names))


def _both_ways(known: list[Glance], asked: list[Glance], change, faces: bool) -> tuple[np.ndarray, ...]:
    """Of the known as they are and changed: inputs, and targets 1 and -1; inputs of the asked, in the same order."""
    ones, others = (np.stack([one.face if faces else one.thumb for one in group]).astype(np.float32)
                    for group in (known, asked))
    if not faces:
        ones, others = (part.reshape(len(part), 16, 2, 16, 2, 3).mean((2, 4)) for part in (ones, others))
    inputs = features(np.concatenate([ones, change(ones), others, change(others)]))
    return inputs[: 2 * len(ones)], np.repeat([[1.0], [-1.0]], len(ones), axis=0), inputs[2 * len(ones) :]


def _towards(said: np.ndarray) -> np.ndarray:
    """How much more each picture seems to be as it should than when it is changed: 2 for surely, -2 for surely not."""
    return said[: len(said) // 2, 0] - said[len(said) // 2 :, 0]


def _way(pairs: list[tuple[np.ndarray, np.ndarray]]) -> str | None:
    """By which change the first of each pair comes much nearer to the second."""
    ones, others = (np.stack(part) for part in zip(*pairs))
    far = distance(ones, others)
    known = {way: distance(change(ones), others) for way, change in WAYS.items()}
    best = min(known, key=known.get)
    return best if far > FAR and known[best] < NEARER * far else None
