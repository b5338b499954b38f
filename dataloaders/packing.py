"""Writes a pack (see packed.py) of a recipe's clips: every frame is decoded once, cut, and kept as a JPEG."""

import io
import json
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from torch.utils.data import DataLoader, Dataset

from dataloaders.clip_loaders import boxes_of
from dataloaders.clips import Clip, ClipError
from dataloaders.datasets import DATASETS
from dataloaders.fingerprints import size_of
from dataloaders.packed import FORMAT, INDEX, STREAMS, UNUSABLE, made_with, member
from dataloaders.readers import Frames, read_clip
from dataloaders.video import VideoDataset
from utils.config import ClipDataConfig, Config
from utils.errors import UserError
from utils.provenance.hashes import sha256

# At quality 95 with all colours kept a pixel is off by about one grey level, and a frame a tenth of its bytes.
JPEG = (cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
Said = tuple[tuple[str, ...], tuple[str, ...]]  # of a frame: notes on its face and on its context


class Packing(Dataset):
    """Of each clip its entry in the index, without its place, and its frames' JPEGs, face and context in turn."""

    def __init__(self, dataset: VideoDataset, clips: list[Clip], most_frames: int):
        self.dataset, self.clips, self.most = dataset, clips, most_frames

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> tuple[dict, list[bytes], list[Said]]:
        clip, counts = self.clips[index], []

        def pick(count: int) -> list[int]:
            counts.append(count)
            return np.linspace(0, count - 1, min(count, self.most)).round().astype(int).tolist()

        entry = {"size": size_of(clip.path)}
        try:
            frames = read_clip(clip.path, pick)
        except ClipError as error:
            return entry | {"bad": str(error)}, [], []
        entry |= {"frames": counts[-1], "numbers": list(map(int, frames.numbers)), "notes": frames.notes}
        pictures, said = zip(*(self._frame(clip, *one) for one in zip(frames.pixels, frames.numbers)))
        return entry, [data for of_frame in pictures for data in of_frame], list(said)

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
    """Tar files in a folder, `00000.tar` and so on, each closed when it is larger than `largest` bytes."""

    def __init__(self, folder: Path, largest: int):
        self.folder, self.largest, self.done, self.tar = folder, largest, [], None

    def add(self, key: str, streams: tuple[str, ...], pictures: list[bytes]) -> tuple[int, int]:
        """The number of the shard that a clip was put into, and where it begins there."""
        if self.tar and self.tar.offset > self.largest:
            self.close()
        if not self.tar:
            self.file = (self.folder / f"{len(self.done):05}.tar").open("wb")
            self.tar = tarfile.open(fileobj=self.file, mode="w", format=tarfile.USTAR_FORMAT)
        start = self.tar.offset
        for place, data in enumerate(pictures):
            info = tarfile.TarInfo(member(key, streams[place % len(streams)], place // len(streams)))
            info.size = len(data)
            self.tar.addfile(info, io.BytesIO(data))
        return len(self.done), start

    def close(self) -> None:
        if self.tar:
            self.tar.close()
            _to_disk(self.file)
            path = Path(self.file.name)
            self.done.append((path.name, path.stat().st_size, sha256(path)))
            self.tar = None


def _as_it_is(sample):
    return sample


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
    splits = DATASETS[data.dataset](data, config.train.seed)  # before any is held out, which the seed decides
    settings, files = made_with(data)
    if 0 < side < settings["side"]:
        raise UserError(f"--side {side}: training asks for {settings['side']} pixels")
    dataset = VideoDataset([], data, config.train.seed, *boxes_of(data))
    dataset.side = settings["side"] = side or settings["side"]
    index = {"format": FORMAT, "settings": settings, "files": files, "classes": splits.classes,
             "splits": {split: [[clip.id, clip.label] for clip in clips] for split, clips in splits.clips.items()}}
    clips = list({clip.id: clip for of_split in splits.clips.values() for clip in of_split}.values())
    temporary = folder.with_name(folder.name + ".partial")
    try:
        shutil.rmtree(temporary, ignore_errors=True)  # of a packing that was broken off
        temporary.mkdir(parents=True)
        yield from _written(temporary, index, Packing(dataset, clips, most_frames), largest, workers)
        os.replace(temporary, folder)
    except OSError as error:
        raise UserError(f"--output {folder}: cannot be written: {error.strerror}") from None


def _written(folder: Path, index: dict, packing: Packing, largest: int,
             workers: int) -> Iterator[tuple[Clip, dict, int]]:
    shards, entries, said = Shards(folder, largest), {}, {}
    streams = STREAMS[index["settings"]["streams"]]
    loader = DataLoader(packing, batch_size=None, num_workers=workers, collate_fn=_as_it_is)
    for number, (clip, (entry, pictures, notes)) in enumerate(zip(packing.clips, loader)):
        if pictures:
            key = f"{number:06}"
            shard, start = shards.add(key, streams, pictures)
            entry |= {"key": key, "shard": shard, "start": start, "sizes": list(map(len, pictures)),
                      "crcs": list(map(zlib.crc32, pictures)),
                      "steps": [said.setdefault(of_frame, len(said)) for of_frame in notes]}
        entries[clip.id] = entry
        yield clip, entry, len(packing)
    shards.close()
    index |= {"shards": shards.done, "said": list(said), "clips": entries}
    with (folder / INDEX).open("w", encoding="utf-8") as file:
        json.dump(index, file, ensure_ascii=False, separators=(",", ":"))
        _to_disk(file)
