"""Splits whose pictures are turned, mirrored, or of other colours than training's: what they show on the mean tells."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from dataloaders.audit.clips.glances import Glance
from dataloaders.audit.clips.pictures import WAYS, distance
from dataloaders.audit.clips.view import View
from utils.findings import Finding, of_some

LEAST = 3  # clips of a class in both groups
FAR, NEARER = 12.0, 0.5  # grey levels between the means; share of it that is left after the change


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
    means = {key: np.mean([picture for _, picture in group], axis=0) for key, group in groups.items()
             if len(group) >= LEAST or key[0] != "train" and len(group) >= 2}
    labels = sorted({label for _, label in means})
    for name in view.splits:
        both = [label for label in labels if name != "train" and {(name, label), ("train", label)} <= means.keys()]
        if way := _way([(means[name, label], means["train", label]) for label in both]) if len(both) > 2 else None:
            yield Finding("warning", "split-turned", f"clips of {name} look like training's when they are taken for "
                          f"{way}", "prepare all splits in the same way",
                          **of_some(one.clip.id for label in both for one, _ in groups[name, label]))


def _way(pairs: list[tuple[np.ndarray, np.ndarray]]) -> str | None:
    """By which change the first of each pair comes much nearer to the second."""
    ones, others = (np.stack(part) for part in zip(*pairs))
    far = distance(ones, others)
    known = {way: distance(change(ones), others) for way, change in WAYS.items()}
    best = min(known, key=known.get)
    return best if far > FAR and known[best] < NEARER * far else None
