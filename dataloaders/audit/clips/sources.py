"""Lists and folders, read again by other means than the loader's, and compared with the clips that it gives."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dataloaders.audit.clips.view import Split, View, where
from dataloaders.clips import IMAGE, VIDEO
from utils.findings import Finding, of_some

# As the sets' papers number them; the loader has a table of its own.
CLASSES = {
    **dict.fromkeys(("caer", "caer_s", "fer2013", "demo"), "Anger Disgust Fear Happy Neutral Sad Surprise"),
    "raer": "Neutrality Enjoyment Confusion Fatigue Distraction",
    "digits": "0 1 2 3 4 5 6 7 8 9",
}


@dataclass
class Row:
    """A line of a list: the path, the label as written, and how many frames it says the clip has."""

    name: str
    label: int
    frames: int | None = None


def read_rows(view: View) -> dict[str, list[Row]]:
    """By split, what its list says; of a split that is held out of another or comes from folders, nothing."""
    data, rows = view.config.data, {}
    for split in ("train", "val", "test"):
        path = getattr(data, f"{split}_annotation")
        if path is None or (split == "train" and getattr(data, "unlabelled", None)):
            continue
        inside = Path(data.root_dir or ".") / path
        with open(inside if inside.is_file() else path, encoding="utf-8-sig") as file:
            lines = [line.strip() for line in file if line.strip()]
        rows[split] = _labels_of(lines, data.target) if data.dataset == "daisee" else [_row(line) for line in lines]
    return rows


def _row(line: str) -> Row:
    name, frames, label = line.rsplit(None, 2)
    return Row(name.replace("\\", "/"), int(label), int(frames))


def _labels_of(lines: list[str], target: str) -> list[Row]:
    head = [cell.strip(' "') for cell in lines[0].split(",")]
    cells = [[cell.strip(' "') for cell in line.split(",")] for line in lines[1:]]
    return [Row(row[head.index("ClipID")], int(row[head.index(target)])) for row in cells if len(row) == len(head)]


def check_sources(view: View, rows: dict[str, list[Row]]) -> Iterator[Finding]:
    yield from _classes(view)
    if view.config.data.dataset == "daisee":
        yield from _compare(view, rows, 0, lambda name: os.path.splitext(os.path.basename(name))[0])
    elif rows:
        base = min(row.label for split in rows.values() for row in split)
        if base == 1:
            yield Finding("note", "labels-from-1", "the lists count labels from 1; they are taken from 0 on",
                          count=sum(map(len, rows.values())))
        yield from _compare(view, rows, base, lambda name: name)
    elif not getattr(view.config.data, "unlabelled", None):
        yield from _folders(view)
    yield from _paths(view)


def _classes(view: View) -> Iterator[Finding]:
    expected = CLASSES.get(view.config.data.dataset)
    if expected and expected.split() != view.labels.classes:
        yield Finding("error", "classes-not-of-the-set", f"classes are {', '.join(view.labels.classes)}; those of "
                      f"{view.config.data.dataset} are, in label order, {', '.join(expected.split())}",
                      "put the table in dataloaders/datasets.py right")


def _held_out(view: View, rows: dict[str, list[Row]]) -> dict[str, list[Split]]:
    """By list, the splits whose clips come from it."""
    splits = {name: [split] for name, split in view.splits.items() if name in rows}
    if "val" in view.splits and "val" not in rows and "train" in splits and view.config.data.val_fraction:
        splits["train"].append(view.splits["val"])
    return splits


def _compare(view: View, rows: dict[str, list[Row]], base: int, key) -> Iterator[Finding]:
    for name, splits in _held_out(view, rows).items():
        labels, listed = {}, Counter(key(row.name) for row in rows[name])
        for row in rows[name]:
            labels.setdefault(key(row.name), set()).add(row.label - base)
        pairs = [(split, clip) for split in splits for clip in split.clips]
        strange = [where(*pair) for pair in pairs if key(pair[1].id) not in labels]
        if strange:
            yield Finding("error", "clips-not-in-the-list", f"clips of {name} are not in its list",
                          "check which list each split is given", **of_some(strange))
        wrong = [f"{where(split, clip)} is {view.name_of(clip.label)}" for split, clip in pairs if split.labelled
                 and clip.label not in labels.get(key(clip.id), {clip.label})]
        if wrong:
            yield Finding("error", "labels-not-as-listed", f"clips of {name} have another label than their list gives",
                          "look for what shifts or mixes labels between list and loader", **of_some(wrong))
        left = list((listed - Counter(key(clip.id) for _, clip in pairs)).elements())
        whole = view.config.data.label_fraction == 1 or not splits[0].labelled
        if view.config.data.dataset != "daisee" and whole and left:
            yield Finding("error", "listed-clips-left-out", f"lines of {name}'s list have no clip in the loader",
                          "look for what drops them", **of_some(left))
        elif left and whole:
            yield Finding("warning" if 20 * len(left) > len(rows[name]) else "note", "labels-without-clip",
                          f"labels of {name} have no clip under --root-dir", "fetch the clips that are missing",
                          **of_some(left))


def _folders(view: View) -> Iterator[Finding]:
    """Every clip of a folder SPLIT/CLASS is to be in the loader, in one split or another."""
    given = {str(clip.path) for split in view.splits.values() for clip in split.clips}
    folders = {os.path.dirname(path) for path in given}
    tops = {os.path.dirname(folder) for folder in folders}
    there = {entry.path for top in tops for folder in os.scandir(top) if folder.is_dir() and folder.name[0] != "."
             for entry in os.scandir(folder.path) if entry.name[0] != "." and (
                 os.path.splitext(entry.name)[1].lower() in VIDEO | IMAGE or entry.is_dir())}
    left = sorted(there - given)
    if left and view.config.data.label_fraction == 1:
        yield Finding("error", "clips-left-out", "clips of the class folders are in no split", "look for what drops "
                      "them", **of_some(left))


def _paths(view: View) -> Iterator[Finding]:
    for split in view.splits.values():
        base = split.training and getattr(view.config.data, "unlabelled", None) or view.config.data.root_dir
        base = os.path.normpath(base or ".")
        strange = [f"{clip.id}: {clip.path}" for clip in split.clips
                   if os.path.normpath(clip.path) != os.path.join(base, os.path.normpath(clip.id))]
        if strange:
            yield Finding("error", "path-of-another-clip", f"clips of {split.name} are read from another path than "
                          "their own", "look for what pairs clips with paths", **of_some(strange))
