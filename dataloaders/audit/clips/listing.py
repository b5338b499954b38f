"""Clips as they are listed: whether they are there, how classes are spread, what paths say against labels."""

import os
import re
import stat
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from dataloaders.audit.clips.view import Split, View
from utils.findings import Finding, of_some

FOLDERS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val",
           "test": "test", "testing": "test"}
OFTEN, APART = 0.95, 0.5  # share of one class; total variation of two splits' classes
FEW = 20  # clips, below which shares say little
TELLING = 0.9  # share of a class that looks unlike all others


def check_listing(view: View) -> Iterator[Finding]:
    for split in view.splits.values():
        yield from _presence(view, split)
        yield from _links(view, split)
        yield from _counts(view, split)
        yield from _path_labels(view, split)
        yield from _path_splits(view, split)
        yield from _twice(view, split)
    yield from _between(view)
    train = view.splits.get("train")
    if train and train.labelled:
        yield from _tell_tales(view, train)


def _presence(view: View, split: Split) -> Iterator[Finding]:
    missing = [clip.id for clip, known in zip(split.clips, split.stats) if not known]
    share = len(missing) / max(len(split.clips), 1)
    if missing:
        level = "error" if share > view.config.data.max_bad_clips else "warning"
        yield Finding(level, "clips-missing", f"{len(missing)} of {len(split.clips)} clips of {split.name} are not "
                      "there", "fetch them, or mend the list or --root-dir", **of_some(missing))
    empty = [clip.id for clip, known in zip(split.clips, split.stats) if known and (
        not any(clip.path.iterdir()) if stat.S_ISDIR(known.st_mode) else known.st_size == 0)]
    if empty:
        yield Finding("error" if len(empty) > view.config.data.max_bad_clips * len(split.clips) else "warning",
                      "clips-empty", f"clips of {split.name} are empty files or folders", "fetch them again",
                      **of_some(empty))
    shut = [clip.id for clip in split.present if not os.access(clip.path, os.R_OK)]
    if shut:
        yield Finding("error", "clips-unreadable", f"clips of {split.name} may not be read", "change their rights",
                      **of_some(shut))


def _links(view: View, split: Split) -> Iterator[Finding]:
    """Links are followed wherever they lead, for data sets are often laid out with them; those that lead away are told.
    """
    root = view.config.data.root_dir
    if root is None:
        return
    within, real_folder = os.path.realpath(root) + os.sep, cache(os.path.realpath)  # clips share a few folders

    def place(path: Path) -> str:
        return os.path.realpath(path) if path.is_symlink() else f"{real_folder(path.parent)}{os.sep}{path.name}"

    away = [clip.id for clip in split.present
            if clip.path.is_relative_to(root) and not place(clip.path).startswith(within)]
    if away:
        yield Finding("note", "clips-linked", f"links in --root-dir lead to {len(away)} of {len(split.clips)} clips of "
                      f"{split.name} outside it", **of_some(away))


def _counts(view: View, split: Split) -> Iterator[Finding]:
    if not split.labelled:
        yield Finding("note", "clips", f"{split.name}: {len(split.clips)} clips without labels",
                      count=len(split.clips))
        return
    counts, classes = Counter(clip.label for clip in split.clips), range(len(view.labels.classes))
    said = ", ".join(f"{view.name_of(label)} {counts[label]}" for label in classes)
    yield Finding("note", "clips", f"{split.name}: {said}", count=len(split.clips))
    outside = [f"{clip.id}: {clip.label}" for clip in split.clips if clip.label not in classes]
    if outside:
        yield Finding("error", "label-out-of-range", f"labels of {split.name} are not in 0..{len(classes) - 1}",
                      "mend the list", **of_some(outside))
    absent = [view.name_of(label) for label in classes if not counts[label]]
    if absent:
        yield Finding("error" if split.training else "warning", "class-absent", f"{split.name} has no clip of "
                      "these classes; its recall of them is undefined", "list some", **of_some(absent))
    if split.training and (rare := [view.name_of(label) for label in classes if counts[label] == 1]):
        yield Finding("warning", "class-of-one-clip", "training has one clip of these classes", "list more",
                      **of_some(rare))
    most, number = counts.most_common(1)[0]
    if len(classes) > 1 and number > OFTEN * len(split.clips):
        yield Finding("warning", "one-class", f"{number} of {len(split.clips)} clips of {split.name} are "
                      f"{view.name_of(most)}: always saying so scores well", "check the labels", number,
                      view.name_of(most))


def _path_labels(view: View, split: Split) -> Iterator[Finding]:
    """A class's name in a clip's path, nearest to the file, against its label."""
    names = {name.lower(): label for label, name in enumerate(view.labels.classes)}
    wrong, right = [], 0
    for clip in split.clips if split.labelled else ():
        said = [names[part.lower()] for part in clip.id.split("/")[:-1] if part.lower() in names]
        if said and said[-1] != clip.label:
            wrong.append(f"{clip.id} is {view.name_of(clip.label)}")
        right += bool(said) and said[-1] == clip.label
    if wrong:
        yield Finding("error", "label-against-folder", f"{len(wrong)} of {len(wrong) + right} clips of {split.name} "
                      "whose path names a class have the label of another", "check the labels' base and order",
                      **of_some(wrong))


def _path_splits(view: View, split: Split) -> Iterator[Finding]:
    """A clip of `train/` in another split's list, or the reverse."""
    data = view.config.data
    if data.dataset == "fer2013" or getattr(data, "unlabelled", None) and split.training:
        return
    expected = {split.name} | ({"train"} if data.val_fraction and split.name == "val" else set())
    said = [(clip, [FOLDERS[part.lower()] for part in clip.id.split("/")[:-1] if part.lower() in FOLDERS])
            for clip in split.clips]
    wrong = [clip.id for clip, names in said if names and not expected & set(names)]
    if wrong:
        # A list that is wholly of one other folder may be meant; a mixed one is not.
        level = "error" if split.training and len(wrong) < len(split.clips) else "warning"
        yield Finding(level, "split-against-folder", f"{len(wrong)} of {len(split.clips)} clips of {split.name} lie "
                      "in another split's folder", "check the lists", **of_some(wrong))


def _twice(view: View, split: Split) -> Iterator[Finding]:
    labels = defaultdict(list)
    for clip in split.clips:
        labels[os.path.normcase(os.path.normpath(clip.path))].append(clip)
    again = [clips[0].id for clips in labels.values() if len(clips) > 1]
    torn = [f"{clips[0].id}: {', '.join(sorted({view.name_of(clip.label) for clip in clips}))}"
            for clips in labels.values() if split.labelled and len({clip.label for clip in clips}) > 1]
    if torn:
        yield Finding("error", "listed-with-two-labels", f"clips of {split.name} are listed with two labels",
                      "keep the right line of each", **of_some(torn))
    if again:
        yield Finding("warning", "listed-twice", f"clips of {split.name} are listed more than once",
                      "drop the repeats", **of_some(again))


def _between(view: View) -> Iterator[Finding]:
    names = list(view.splits)
    paths = {name: {os.path.normpath(clip.path): clip for clip in split.clips} for name, split in view.splits.items()}
    for place, first in enumerate(names):
        for second in names[place + 1:]:
            shared = sorted(paths[first].keys() & paths[second].keys())
            if {first, second} == {"val", "test"} and paths["val"].keys() == paths["test"].keys():
                yield Finding("warning", "val-is-test", "val and test are the same clips: the test score chooses the "
                              "weights", "hold out some of train: --val-fraction", len(shared),
                              paths[first][shared[0]].id)
            elif shared and not (getattr(view.config.data, "unlabelled", None) and "train" in (first, second)):
                yield Finding("error", "clip-in-two-splits", f"{first} and {second} share clips: the score is of clips "
                              "that were seen" if first == "train" else f"{first} and {second} share clips",
                              "keep each in one list", **of_some(paths[first][path].id for path in shared))
            yield from _apart(view, view.splits[first], view.splits[second])


def _apart(view: View, first: Split, second: Split) -> Iterator[Finding]:
    if not (first.labelled and second.labelled) or min(len(first.clips), len(second.clips)) < FEW:
        return
    one, other = (Counter(clip.label for clip in split.clips) for split in (first, second))
    shares = {label: (one[label] / len(first.clips), other[label] / len(second.clips)) for label in one | other}
    distance = sum(abs(a - b) for a, b in shares.values()) / 2
    if distance > APART:
        worst = max(shares, key=lambda label: abs(shares[label][0] - shares[label][1]))
        yield Finding("warning", "classes-spread-otherwise", f"{first.name} and {second.name} hold classes in very "
                      "different shares", "check whether one list numbers classes otherwise",
                      example=f"{view.name_of(worst)}: {shares[worst][0]:.0%} and {shares[worst][1]:.0%}")


def _tell_tales(view: View, split: Split) -> Iterator[Finding]:
    """A class whose files have an extension of their own."""
    kinds = Counter((clip.label, clip.path.suffix.lower() if re.fullmatch(r"\.\w+", clip.path.suffix) else "")
                    for clip in split.clips)
    totals = Counter(clip.label for clip in split.clips)
    for (label, kind), number in sorted(kinds.items()):
        elsewhere = sum(n for (other, suffix), n in kinds.items() if suffix == kind and other != label)
        rest = len(split.clips) - totals[label]
        if totals[label] >= 5 and number >= TELLING * totals[label] and rest and elsewhere <= (1 - TELLING) * rest:
            yield Finding("warning", "class-of-its-own-format", f"clips of {view.name_of(label)} are "
                          f"{kind or 'folders'} files, and hardly any others are: a network may learn the format",
                          "bring all clips into one format", number, view.name_of(label))
