"""Writes a pack (see packed.py) of a recipe's clips: every frame is decoded once, cut, and kept as a JPEG."""

import io
import json
import os
import shutil
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from torch.utils.data import Dataset

from dataloaders.clip_loaders import boxes_of
from dataloaders.clips import Clip, ClipError
from dataloaders.datasets import DATASETS, Splits
from dataloaders.fingerprints import size_of
from dataloaders.loader import Loader
from dataloaders.order import Draw, Order
from dataloaders.packed import FORMAT, INDEX, Shard, made_with
from dataloaders.packed_clip import STREAMS, UNUSABLE, key_of, names, to_json
from dataloaders.patience import at_most
from dataloaders.readers import Frames, read_clip
from dataloaders.video import VideoDataset
from utils.config import ClipDataConfig, Config
from utils.errors import UserError
from utils.id_sum import id_sum
from utils.provenance.hashes import sha256

# At quality 95 with all colours kept a pixel is off by about one grey level, and a frame a tenth of its bytes.
JPEG = (cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
Said = tuple[tuple[str, ...], tuple[str, ...]]  # of a frame: notes on its face and on its context


class Packing(Dataset):
    """Of each clip what its KEY.json says, and its frames' JPEGs, face and context in turn.

    Args:
        clips: and their numbers in the split.
    """

    def __init__(self, dataset: VideoDataset, clips: list[tuple[int, Clip]], most_frames: int):
        self.dataset, self.clips, self.most = dataset, clips, most_frames
        self.ids = [clip.id for _, clip in clips]

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, draw: Draw) -> tuple[dict, list[bytes]]:
        (index, clip), counts = self.clips[draw.index], []

        def pick(count: int) -> list[int]:
            counts.append(count)
            return np.linspace(0, count - 1, min(count, self.most)).round().astype(int).tolist()

        try:
            with at_most(self.dataset.config.reader_timeout, clip.id):
                frames = read_clip(clip.path, pick)
        except ClipError as error:
            return self.unread(draw.index, str(error))
        pictures, notes = zip(*(self._frame(clip, *one) for one in zip(frames.pixels, frames.numbers)))
        pictures, said = [data for of_frame in pictures for data in of_frame], [*dict.fromkeys(notes)]
        return self._entry(index, clip) | {
            "side": self.dataset.side, "streams": STREAMS[self.dataset.config.streams], "frames": counts[-1],
            "numbers": [*map(int, frames.numbers)], "notes": frames.notes, "said": said,
            "steps": [*map(said.index, notes)], "sizes": [*map(len, pictures)], "crcs": [*map(zlib.crc32, pictures)],
        }, pictures

    def unread(self, number: int, reason: str) -> tuple[dict, list[bytes]]:
        return self._entry(*self.clips[number]) | {"bad": reason}, []

    @staticmethod
    def _entry(index: int, clip: Clip) -> dict:
        return {"id": clip.id, "index": index, "label": clip.label, "size": size_of(clip.path)}

    def _frame(self, clip: Clip, pixels: np.ndarray, number: int) -> tuple[list[bytes], Said]:
        frame, dataset = Frames([pixels], [number]), self.dataset
        context, notes = dataset.context_pictures(clip, frame) if dataset.config.streams == "both" else ((), {})
        try:
            face, more = dataset.face_pictures(clip, frame)
        except ClipError as error:
            face, more = iter([np.zeros((dataset.side, dataset.side, 3), np.uint8)]), {f"{UNUSABLE}{error}": 1}
        return [_jpeg(picture) for picture in (*face, *context)], (tuple(more), tuple(notes))


def _jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", picture[..., ::-1], JPEG)[1].tobytes()


class Shards:
    """Tar files of a split in a folder, `train-00000.tar` and so on, each closed when larger than `largest` bytes."""

    def __init__(self, folder: Path, split: str, largest: int):
        self.folder, self.split, self.largest = folder, split, largest
        self.done, self.clips, self.tar, self.before = [], 0, None, 0  # of `clips`, those of closed shards

    def add(self, entry: dict, pictures: list[bytes]) -> tuple[int, int]:
        """The number of the shard that a clip was put into, and where it begins there."""
        if self.tar and self.tar.offset > self.largest:
            self.close()
        if not self.tar:
            self.file = (self.folder / f"{self.split}-{len(self.done):05}.tar").open("wb")
            self.tar = tarfile.open(fileobj=self.file, mode="w", format=tarfile.USTAR_FORMAT)
        start, key = self.tar.offset, key_of(self.clips)
        self.clips += 1
        for name, data in zip([f"{key}.json", *names(entry, key)], [to_json(entry), *pictures]):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            self.tar.addfile(info, io.BytesIO(data))
            self.tar.members.clear()  # it would hold them all
        return len(self.done), start

    def close(self) -> None:
        if self.tar:
            self.tar.close()
            _to_disk(self.file)
            path = Path(self.file.name)
            self.done.append(Shard(path.name, path.stat().st_size, sha256(path), self.clips - self.before))
            self.tar, self.before = None, self.clips


def _to_disk(file) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


def write_pack(config: Config, folder: Path, side: int, most_frames: int, largest: int,
               workers: int) -> Iterator[tuple[Clip, dict, int]]:
    """Each clip, its entry in the index, and the number of clips, as it is written. The last makes the folder.

    Args:
        side: of the frames in pixels; 0 is what training asks for.
        most_frames: of a clip; of one with more, as many at even distances.
        largest: bytes of a shard.
    Raises:
        UserError: the folder is there already, or cannot be written; whatever the recipe's files lack.
    """
    data = config.data
    if not isinstance(data, ClipDataConfig):
        raise UserError(f"pack: {config.recipe} is a recipe for reviews; clips are packed")
    if folder.exists():
        raise UserError(f"--output {folder}: is there already")
    if data.packed or getattr(data, "unlabelled", None):
        raise UserError("--packed and --unlabelled cannot be packed; leave them out")
    splits = DATASETS[data.dataset](data)  # before any is held out, which the seed decides
    settings, files = made_with(data)
    if 0 < side < settings["side"]:
        raise UserError(f"--side {side}: training asks for {settings['side']} pixels")
    dataset = VideoDataset([], data, config.train.seed, *boxes_of(data))
    dataset.side = settings["side"] = side or settings["side"]
    header = {"format": FORMAT, "settings": settings, "files": files, "classes": splits.classes}
    temporary = folder.with_name(folder.name + ".partial")
    try:
        shutil.rmtree(temporary, ignore_errors=True)  # of a packing that was broken off
        temporary.mkdir(parents=True)
        yield from _written(temporary, header, splits, dataset, most_frames, largest, workers)
        os.replace(temporary, folder)
    except OSError as error:
        raise UserError(f"--output {folder}: cannot be written: {error.strerror}") from None


def _written(folder: Path, header: dict, splits: Splits, dataset: VideoDataset, most_frames: int, largest: int,
             workers: int) -> Iterator[tuple[Clip, dict, int]]:
    total, header["splits"] = sum(map(len, splits.clips.values())), {}
    for split, clips in splits.clips.items():
        numbered = [(index, clips[index]) for index in _stored(split, len(clips))]
        packing, order = Packing(dataset, numbered, most_frames), Order(len(numbered), 1, 0, shuffle=False)
        loader = Loader(packing, order, list, workers, dataset.config.reader_timeout, unread=packing.unread)
        shards, rows = Shards(folder, split, largest), {}
        for (index, clip), (entry, pictures) in zip(numbered, chain.from_iterable(loader.epoch(0))):
            rows[index] = [clip.id, clip.label, entry["size"], *shards.add(entry, pictures)]
            yield clip, entry, total
        shards.close()
        header["splits"][split] = close_split(folder, split, shards.done, [rows[index] for index in range(len(clips))],
                                              len(splits.classes))
    _write_json(folder / INDEX, header)


def _stored(split: str, size: int) -> list[int]:
    """The order in which a split's clips lie in its shards.

    Those of training, which lists have by class, are mixed once and for all, so that a stream meets all classes.
    """
    return np.random.default_rng(0).permutation(size).tolist() if split == "train" else list(range(size))


def close_split(folder: Path, split: str, shards: list[Shard], rows: list[list], classes: int) -> dict:
    """Write a split's table, and give its part of the index.

    Args:
        rows: of each clip, in order, its id, label, the size of its file, its shard's number and its place there.
    """
    path, counts = folder / f"{split}.json", Counter(row[1] for row in rows)
    _write_json(path, rows)
    return {"shards": [astuple(shard) for shard in shards], "counts": [counts[label] for label in range(classes)],
            "ids": id_sum(row[0] for row in rows), "table": sha256(path)}


def _write_json(path: Path, table) -> None:
    with path.open("w", encoding="utf-8") as file:
        json.dump(table, file, ensure_ascii=False, separators=(",", ":"))
        _to_disk(file)
