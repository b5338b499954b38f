"""What the checks are given: a split as training has it, and what the files say of it without the loader's code."""

import os
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dataloaders.clips import IMAGE, VIDEO, Clip
from dataloaders.loader import Loader
from dataloaders.order import Draw, Order
from dataloaders.patience import at_most
from dataloaders.video import VideoDataset
from utils.config import Config
from utils.structures import Labels


@dataclass(eq=False)
class Split:
    """One split: `training` where its clips are learned from, `labelled` where their targets are classes."""

    name: str
    loader: Loader
    training: bool
    labelled: bool
    plans: dict[int, list[list[Draw]]] = field(default_factory=dict, repr=False)  # of the epochs asked for

    @property
    def dataset(self) -> VideoDataset:
        return self.loader.dataset

    @property
    def order(self) -> Order:
        return self.loader.order

    @property
    def clips(self) -> list[Clip]:
        return self.dataset.clips

    @cached_property
    def stats(self) -> list[os.stat_result | None]:
        """What the file system says of each clip's path, asked once."""
        return [_stat(clip.path) for clip in self.clips]

    @property
    def present(self) -> list[Clip]:
        """The clips that exist."""
        return [clip for clip, stat in zip(self.clips, self.stats) if stat]

    def draws(self, epoch: int) -> list[list[Draw]]:
        """An epoch's batches."""
        if epoch not in self.plans:
            self.plans[epoch] = self.order.batches(epoch)
        return self.plans[epoch]


@dataclass
class View:
    """All that is audited. `full`: every clip is decoded."""

    config: Config
    splits: dict[str, Split]
    labels: Labels
    full: bool

    @classmethod
    def of(cls, config: Config, loaders: dict[str, Loader], labels: Labels, full: bool) -> "View":
        learns = config.model.model
        splits = {name: Split(name, loader, name == "train", not (name == "train" and learns == "simclr"))
                  for name, loader in loaders.items()}
        return cls(config, splits, labels, full)

    def reading(self, clip: Clip) -> AbstractContextManager:
        """A block in which the clip's files are read, and that may not hang."""
        return at_most(self.config.data.reader_timeout, clip.id)

    def name_of(self, label: int) -> str:
        return self.labels.classes[label] if 0 <= label < len(self.labels.classes) else f"class {label}"


def _stat(path: Path) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def where(split: Split, clip: Clip) -> str:
    return f"{split.name} {clip.id}"


def plain_name(path: str) -> str:
    """A clip's or a box file's path in one spelling: `/`, no extension."""
    name = re.sub(r"/+", "/", path.replace("\\", "/")).strip("/")
    head, dot, end = name.rpartition(".")
    return head if dot and f".{end.lower()}" in VIDEO | IMAGE else name


def files_of(folder: Path) -> list[Path]:
    """A folder's images by the numbers in their names."""
    images = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE and p.name[0] != "."]
    return sorted(images, key=lambda p: ([int(n) for n in re.findall(r"\d+", p.stem)], p.name))
