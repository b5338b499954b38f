"""Features of a frozen image tower: made once of every clip as evaluation sees it, and read by all epochs.

A folder holds `SPLIT.npy`, (N, S, T, D) float32, and `SPLIT.json`: of each clip what was noted of it, or why it cannot
be read.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from dataloaders.loader import BadSample, Loader
from dataloaders.order import Draw, Order
from dataloaders.video import Sample, VideoDataset, collate_clips
from utils.errors import UserError
from utils.provenance.hashes import sha256

See = Callable[[Tensor], Tensor]  # frames (b, S, T, 3, H, W) uint8 -> features (b, S, T, D)


class FeatureDataset(Dataset):
    """The clips of a VideoDataset, with features (T, D) in the place of frames."""

    def __init__(self, clips: VideoDataset, features: np.ndarray, told: list[dict]):
        self.clips, self.features, self.told = clips, features, told
        self.ids, self.targets, self.unit, self.example = clips.ids, clips.targets, clips.unit, clips.example

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, draw: Draw) -> Sample | BadSample:
        told, name = self.told[draw.index], self.ids[draw.index]
        if "bad" in told:
            return BadSample(name, told["bad"])
        face, *context = torch.from_numpy(self.features[draw.index].copy())  # (T, D) each; the file's own is read-only
        return Sample(name, self.targets[draw.index], face, context[0] if context else None, Counter(told["notes"]))


def read_features(loader: Loader, folder: Path, split: str) -> Loader | None:
    """A loader of features that visits as `loader` does; None, if the folder holds none of this split.

    Raises:
        UserError: they are damaged.
    """
    about, array = folder / f"{split}.json", folder / f"{split}.npy"
    if not about.is_file():
        return None
    try:
        table = json.loads(about.read_text(encoding="utf-8"))
        told, whole = table["clips"], table["sha256"] == sha256(array)
        features = np.load(array, mmap_mode="r", allow_pickle=False) if whole else np.empty(0)
        whole &= len(told) == len(features) == loader.size and all({"notes", "bad"} & one.keys() for one in told)
    except (OSError, ArithmeticError, AttributeError, KeyError, MemoryError, RecursionError, TypeError, ValueError):
        whole = False
    if not whole:
        raise UserError(f"{array}: these features are damaged; delete {folder}, and they are made again")
    # In this process: what is left to be done for a sample takes less time than to hand it over.
    return Loader(FeatureDataset(loader.dataset, features, told), loader.order, collate_clips, 0, 0)


def write_features(loader: Loader, workers: int, timeout: float, see: See, folder: Path, split: str) -> Iterator[int]:
    """Reads every clip of a loader's data set once; yields how many were done. The files appear when all are."""
    order = Order(loader.size, loader.order.batch_size, 0, shuffle=False)
    told, features = [], None
    with TemporaryDirectory(dir=folder) as unfinished:
        for samples in Loader(loader.dataset, order, list, workers, timeout).epoch(0):
            rows = [len(told) + place for place, sample in enumerate(samples) if isinstance(sample, Sample)]
            if rows:
                frames = torch.stack([_frames(sample) for sample in samples if isinstance(sample, Sample)])
                seen = see(frames).float().cpu().numpy()  # (b, S, T, D)
                if features is None:
                    shape = (loader.size, *seen.shape[1:])
                    features = np.lib.format.open_memmap(Path(unfinished) / "npy", "w+", np.float32, shape)
                    _take_room(Path(unfinished) / "npy")
                features[rows] = seen
            told += [{"notes": sample.notes} if isinstance(sample, Sample) else {"bad": sample.reason}
                     for sample in samples]
            yield len(samples)
        if features is None:
            return  # not one can be read, which the epoch will say
        features.flush()
        table = {"clips": told, "sha256": sha256(Path(unfinished) / "npy")}
        (Path(unfinished) / "json").write_text(json.dumps(table), encoding="utf-8")
        for kind in ("npy", "json"):  # the second says that both are whole
            os.replace(Path(unfinished) / kind, folder / f"{split}.{kind}")


def _take_room(path: Path) -> None:
    """On the disk, for a file with holes: where one is filled and there is none left, the process is killed.

    Raises:
        OSError: the disk has not as much.
    """
    if hasattr(os, "posix_fallocate"):  # Windows makes no holes
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _frames(sample: Sample) -> Tensor:
    """(S, T, 3, H, W)"""
    return torch.stack([stream for stream in (sample.face, sample.context) if stream is not None])
