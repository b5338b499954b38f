"""The data sets: their classes, and where each keeps its splits."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dataloaders.clips import Clip
from dataloaders.demo import generate_demo
from dataloaders.digits import CLASSES as DIGITS
from dataloaders.digits import generate_digits
from dataloaders.lists import read_daisee, read_lists, scan_folders
from dataloaders.subset import shuffled_by_class
from utils.config import ClipDataConfig, DataConfig
from utils.errors import UserError
from utils.seeding import SPLIT

log = logging.getLogger("camxuc")

CAER = ["Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise"]
RAER = ["Neutrality", "Enjoyment", "Confusion", "Fatigue", "Distraction"]
LEVELS = ["Very Low", "Low", "High", "Very High"]
SPLITS = ("train", "val", "test")
FILES = ("train_annotation", "val_annotation", "test_annotation", "bounding_box_face", "bounding_box_body")


@dataclass
class Splits:
    """Clips by split, and the class names in label order."""

    classes: list[str]
    clips: dict[str, list[Clip]]
    pack: Any = None  # the Pack that they are read from, if they are
    streamed: Any = None  # of a training split that is streamed, and not among `clips`: its PackedSplit


def load_splits(config: ClipDataConfig, seed: int, packed: Splits | None = None) -> Splits:
    """The clips of every split that the recipe names, or that were packed. `val` is always there, and so is `train`,
    but where it is streamed.

    Raises:
        UserError: a missing root or list, a class without a training clip, no validation clips, or a list
            of which no clip exists.
    """
    splits = packed or DATASETS[config.dataset](config)
    if config.val_fraction and "val" in splits.clips:
        log.warning("--val-fraction %g is not used: there is a validation split", config.val_fraction)
    elif config.val_fraction:
        train = splits.clips["train"]
        held_out = stratified(train, config.val_fraction, seed)
        splits.clips["val"] = [clip for i, clip in enumerate(train) if i in held_out]
        splits.clips["train"] = [clip for i, clip in enumerate(train) if i not in held_out]
    if not splits.clips.get("val"):
        raise UserError("no validation clips: give --val-annotation FILE, or --val-fraction 0.1 to hold out "
                        "training clips")
    for split, clips in splits.clips.items() if not packed else ():
        if not any(os.path.exists(clip.path) for clip in clips):
            raise UserError(f"{split}: none of {len(clips)} listed clips exists, e.g. {clips[0].path}; "
                            "check --root-dir")
    present = {label for label, count in enumerate(splits.streamed.counts) if count} if splits.streamed else {
        clip.label for clip in splits.clips["train"]}
    empty = [name for label, name in enumerate(splits.classes) if label not in present]
    if empty:
        raise UserError(f"train: no clip of class {', '.join(empty)}; it cannot be learned")
    return splits


def stratified(clips: list[Clip], fraction: float, seed: int) -> set[int]:
    """Positions of a seed-fixed share of each class, at least one clip of each that has two."""
    chosen: set[int] = set()
    for places in shuffled_by_class([clip.label for clip in clips], seed, SPLIT).values():
        chosen.update(places[: min(max(round(len(places) * fraction), 1), len(places) - 1)])
    return chosen


def root_of(config: DataConfig) -> Path:
    if config.root_dir is None:
        raise UserError(f"{config.dataset}: give the data set's folder with --root-dir")
    if config.root_dir.suffix.lower() == ".zip":
        raise UserError(f"--root-dir {config.root_dir}: unzip it first, e.g. python3 -m zipfile -e FILE FOLDER")
    if not config.root_dir.is_dir():
        raise UserError(f"--root-dir {config.root_dir}: no such folder")
    return config.root_dir


def annotations(config: DataConfig, root: Path | None) -> dict[str, Path]:
    """The list or table of each split that has one, looked for under the root and then where it is said."""
    named = {split: getattr(config, f"{split}_annotation") for split in SPLITS}
    return {split: find_file(path, root, f"--{split}-annotation") for split, path in named.items() if path}


def find_file(path: Path, root: Path | None, flag: str) -> Path:
    for place in (*([root / path] if root else []), path):  # another list of that name may lie in the working folder
        if place.is_file():
            return place
    raise UserError(f"{flag} {path}: no such file" + (f", nor is it under {root}" if root else ""))


def listed(classes: list[str], config: ClipDataConfig) -> Splits:
    """List files; without any, folder names (CAER, CAER-S, RAER)."""
    root = root_of(config)
    lists = annotations(config, root)
    if lists and "train" not in lists:
        raise UserError("--train-annotation is missing, while another split has a list file")
    if lists:
        log.info("lists: %s", ", ".join(f"{split} {path}" for split, path in lists.items()))
        return Splits(classes, read_lists(lists, root, classes))
    names = {"train": ("train",), "val": ("validation", "val"), "test": ("test",)}
    return Splits(classes, folders(root, names, classes))


def folders(root: Path, names: dict[str, tuple[str, ...]], classes: list[str]) -> dict[str, list[Clip]]:
    """Clips by folder name, in root/SPLIT/CLASS or root/ANYTHING/SPLIT/CLASS.

    Raises:
        UserError: no folder `train`, or several of them.
    """
    sets = {}
    for base in (root, *(place for place in sorted(root.iterdir()) if place.is_dir())):
        places = {p.name.lower(): p for p in sorted(base.iterdir(), reverse=True) if p.is_dir()}
        of_split = {split: places[name] for split, spellings in names.items() for name in spellings if name in places}
        if "train" in of_split:
            sets[base] = of_split
    if not sets:
        raise UserError(f"{root}: no list file given, and no folder `train` of class folders in it")
    if len(sets) > 1:
        raise UserError(f"{root}: holds {len(sets)} data sets; give one as --root-dir: {', '.join(map(str, sets))}")
    found = {split: scan_folders(place, root, classes) for split, place in next(iter(sets.values())).items()}
    log.info("labels from folder names: %s", ", ".join(f"{split} {len(clips)}" for split, clips in found.items()))
    return found


def daisee(config: ClipDataConfig) -> Splits:
    root = root_of(config)
    clips = {}
    for split, path in annotations(config, root).items():
        clips[split], absent, unlabelled = read_daisee(path, root, config.target)
        if absent or unlabelled:
            log.warning("%s: %d labels have no clip, %d clips have no label", path, absent, unlabelled)
    if "train" not in clips:
        raise UserError("daisee: give --train-annotation FILE, e.g. Labels/TrainLabels.csv")
    return Splits([f"{level} {config.target}" for level in LEVELS], clips)


def fer2013(config: ClipDataConfig) -> Splits:
    """Its `validation` folder is the public test set, so it is `test` here: read once, after training."""
    root = root_of(config)
    return Splits(CAER, folders(root, {"train": ("train",), "test": ("validation",)}, CAER))


def generated(write: Callable[[Path], None], classes: list[str], config: ClipDataConfig) -> Splits:
    if config.root_dir is None:
        raise UserError(f"{config.dataset}: --root-dir is where its files are written")
    write(config.root_dir)
    return listed(classes, config)


DATASETS: dict[str, Callable[[ClipDataConfig], Splits]] = {
    "caer": partial(listed, CAER),
    "caer_s": partial(listed, CAER),
    "raer": partial(listed, RAER),
    "daisee": daisee,
    "fer2013": fer2013,
    "demo": partial(generated, generate_demo, CAER),
    "digits": partial(generated, generate_digits, DIGITS),
}
