"""The same clip more than once: the same bytes, and with every clip decoded the same pictures."""

import hashlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from dataloaders.audit.clips.looks import Look
from dataloaders.audit.clips.view import Split, View, where
from dataloaders.clips import IMAGE, Clip
from utils.findings import Finding, of_some

CHUNK = 1 << 16
LEAKED, OFTEN = 0.2, 0.05  # share of an evaluation split that was learned from, above which its score is worth
# nothing; share of repeats in a split from which they weigh on training. Of FER2013's test clips 6.5 % are learned from
ALIKE, FLAT = 2.5, 8.0  # grey levels: largest mean difference of the same pictures; least contrast that tells
SUBJECT = re.compile(r"(?:subject|subj|sub|person|people|actor|speaker|participant|id)[_-]?\d+", re.IGNORECASE)

Item = tuple[Split, Clip]


def check_overlap(view: View, looks: list[Look]) -> Iterator[Finding]:
    same = list(_same_files(view))
    yield from _tell(view, same, "files", "the same file's bytes")
    if view.full:
        told = [{_real(clip) for _, clip in group} for group in same]
        alike = [group for group in _same_pictures(view, looks)
                 if not any({_real(clip) for _, clip in group} <= names for names in told)]
        yield from _tell(view, alike, "pictures", "the same pictures, encoded anew,")
    yield from _subjects(view)


def _real(clip: Clip) -> str:
    return os.path.realpath(clip.path)


def _items(view: View) -> Iterator[Item]:
    for split in view.splits.values():
        yield from ((split, clip) for clip in split.present)


def _same_files(view: View) -> Iterator[list[Item]]:
    """Groups of clips that are listed apart and hold the same bytes. Of a size that is met once nothing is read."""
    groups = _grouped(_items(view), lambda item: _sizes(item[1].path))
    for key in (_ends, _whole):
        groups = [part for group in groups for part in _grouped(group, partial(_read, view, key))]
    return iter(groups)


def _read(view: View, key: Callable, item: Item) -> bytes:
    with view.reading(item[1]):
        return key(item[1].path)


def _grouped(items: Iterable[Item], key) -> list[list[Item]]:
    """Those that share a key, where they are not all one clip of the list."""
    groups = defaultdict(list)
    for item in items:
        try:
            found = key(item)
        except OSError:
            continue
        if found:
            groups[found].append(item)
    return [group for group in groups.values() if len({os.path.normpath(clip.path) for _, clip in group}) > 1]


def _parts(path: Path) -> list[str]:
    if not path.is_dir():
        return [str(path)]
    with os.scandir(path) as entries:
        return sorted((entry.path for entry in entries if os.path.splitext(entry.name)[1].lower() in IMAGE),
                      key=lambda name: (len(name), name))


def _sizes(path: Path) -> tuple[int, ...]:
    sizes = tuple(os.stat(name).st_size for name in _parts(path))
    return sizes if any(sizes) else ()


def _ends(path: Path) -> bytes:
    """Of the head and the tail of its first, middle and last file."""
    names, digest = _parts(path), hashlib.blake2b(digest_size=16)
    for name in sorted({names[0], names[len(names) // 2], names[-1]}):
        with open(name, "rb") as file:
            digest.update(file.read(CHUNK))
            if (size := os.fstat(file.fileno()).st_size) > CHUNK:
                file.seek(max(size - CHUNK, CHUNK))
                digest.update(file.read(CHUNK))
    return digest.digest()


def _whole(path: Path) -> bytes:
    """Of every file of a folder; of one file its ends were enough."""
    digest = hashlib.blake2b(digest_size=16)
    for name in _parts(path) if path.is_dir() else ():
        with open(name, "rb") as file:
            digest.update(file.read())
    return digest.digest()


def _tell(view: View, groups: list[list[Item]], kind: str, what: str) -> Iterator[Finding]:
    inside, torn, across = defaultdict(list), [], defaultdict(list)
    for group in groups:
        named = " = ".join(where(split, clip) for split, clip in group[:2])
        splits = Counter(split.name for split, _ in group)
        for name, number in splits.items():
            inside[name] += [named] * (number - 1)
        labels = {clip.label for split, clip in group if split.labelled}
        if len(labels) > 1:
            torn.append(f"{named}: {', '.join(sorted(map(view.name_of, labels)))}")
        for name, number in splits.items():
            if name != "train" and len(splits) > 1:
                other = "train" if "train" in splits else next(one for one in splits if one != name)
                pair = [next(item for item in group if item[0].name == one) for one in (other, name)]
                if other == "train" or other > name:
                    across[name, other] += [" = ".join(where(*item) for item in pair)] * number
    for (name, other), names in across.items():
        share = len(names) / len(view.splits[name].clips)
        yield Finding("error" if share > LEAKED else "warning", f"same-{kind}-in-two-splits", f"{len(names)} of "
                      f"{len(view.splits[name].clips)} clips of {name} hold {what} as clips of {other}",
                      "keep each in one split", **of_some(names))
    for name, names in inside.items():
        if names:
            many = len(names) > OFTEN * len(view.splits[name].clips)
            yield Finding("warning" if many else "note", f"same-{kind}", f"clips of {name} repeat {what} of others",
                          "drop the copies", **of_some(names))
    if torn:
        yield Finding("warning", f"same-{kind}-two-labels", f"clips hold {what} and have different labels",
                      "keep the right one of each", **of_some(torn))


def _same_pictures(view: View, looks: list[Look]) -> Iterator[list[Item]]:
    """Groups of clips whose kept frames are alike, each with one of a group at least."""
    kept = [seen for seen in looks if seen.thumbs is not None and seen.spread > FLAT]
    by_shape = defaultdict(list)
    for seen in kept:
        by_shape[seen.still, seen.thumbs.shape].append(seen)
    for part in by_shape.values():
        near = _near(np.stack([seen.thumbs for seen in part]))
        groups = defaultdict(list)
        for place, first in enumerate(near):
            groups[first].append((view.splits[part[place].split], part[place].clip))
        yield from (group for group in groups.values() if len({_real(clip) for _, clip in group}) > 1)


def _near(thumbs: np.ndarray) -> list[int]:
    """Each clip's first look-alike, (N, K, 32, 32, 3) -> N places."""
    from sklearn.neighbors import KDTree  # slow to import, and needed for every clip only

    small = thumbs.reshape(len(thumbs), -1, 4, 8, 4, 8, 3).mean((1, 3, 5)).reshape(len(thumbs), -1).astype(np.float32)
    first = list(range(len(thumbs)))
    found = KDTree(small, metric="chebyshev").query_radius(small, 2 * ALIKE)
    for place, others in enumerate(found):
        for other in sorted(others):
            if other >= place:
                break
            if first[other] == other and np.abs(thumbs[place].astype(np.int16) - thumbs[other]).mean() < ALIKE:
                first[place] = other
                break
    return first


def _subjects(view: View) -> Iterator[Finding]:
    """People, where the folders of paths tell them, in train and in a split that scores."""
    people = {name: _people(view, split) for name, split in view.splits.items()}
    names = list(people)
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            shared = sorted(people[first].keys() & people[second].keys())
            if shared and not (view.config.data.val_fraction and {first, second} == {"train", "val"}
                               and view.config.data.val_annotation is None):
                example = f"{people[first][shared[0]]} and {people[second][shared[0]]}"
                yield Finding("warning", "person-in-two-splits", f"{first} and {second} show {len(shared)} of the same "
                              "people: the score is not that of strangers", "split by person", len(shared), example)


def _people(view: View, split: Split) -> dict[str, str]:
    """By person, one of their clips."""
    found = {}
    for clip in split.clips:
        folders = clip.id.split("/")[:-1]
        if view.config.data.dataset == "daisee" and len(folders) > 2:
            found.setdefault(folders[2], clip.id)
        for part in folders:
            if SUBJECT.fullmatch(part):
                found.setdefault(part.lower(), clip.id)
    return found
