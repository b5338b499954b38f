"""Streams a million generated samples, and says what memory that takes.

    python -m scripts.stream_million [--samples N] [--workers W] [--folder DIR]

The samples are clips of one small picture, in real shards (2.4 GB) in a folder that goes away. One epoch is read by
worker processes. Each sample must come once, with its own label and picture, and an epoch that begins in its middle
must go on as the whole one did. Memory is what /proc says of this process and its workers: RSS, and the part of it that
is in no file. The other part is libraries, of which the system takes pages back when others need memory.
"""

import argparse
import multiprocessing
import re
import sys
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from dataloaders.lanes import Lanes
from dataloaders.packed import PackedSplit
from dataloaders.packing import Shards
from dataloaders.shards import Place
from dataloaders.streamed import StreamedLoader
from dataloaders.video import VideoDataset
from utils.config import VideoDataConfig
from utils.structures import Batch

SIDE, CLASSES, SHARD = 16, 7, 8 * 2**20  # pixels; labels; bytes
SETTINGS = VideoDataConfig(image_size=SIDE, num_segments=1, streams="face", batch_size=77, shuffle_buffer=4096)
AGAIN = 20  # batches that are read a second time, from 777,777 of a million on


@dataclass
class Told:
    """What came of it: MiB of all processes, RSS and its part that is in no file, at even distances of the epoch."""

    samples: int
    batches: int
    start: int  # sample from which so many batches were read again
    again: int
    memory: np.ndarray  # (T, 2, 1 + W)

    def tenths(self) -> np.ndarray:
        """Means over a tenth of the epoch, (10, 2, 1 + W)."""
        return np.stack([part.mean(axis=0) for part in np.array_split(self.memory, 10)])

    @property
    def growth(self) -> list[float]:
        """Of the sums over processes, from the first tenth to the last."""
        first, *_, last = self.tenths().sum(axis=2)
        return (last - first).tolist()

    def __str__(self) -> str:
        rows = "\n".join(f"{number + 1:>7}" + "".join(f"{part.sum():>10.1f} = {_added(part):<24}" for part in row)
                         for number, row in enumerate(self.tenths()))
        return (f"{self.samples:,} samples in {self.batches:,} batches: each came once, with its own label and "
                f"picture\nfrom sample {self.start:,} on, with another number of workers, {self.again} batches were "
                f"the same again\nMiB of the main process and workers\n  tenth       RSS{'':<27}in no file\n{rows}\n"
                f"from the first tenth to the last: {', '.join(f'{change:+.1f} MiB' for change in self.growth)}")


def _added(parts: np.ndarray) -> str:
    return " + ".join(f"{part:.1f}" for part in parts)


def generate(folder: Path, samples: int) -> list:
    """Shards of pictures whose grey says the sample's number, modulo 256; in an order of their own."""
    shards = Shards(folder, "train", SHARD)
    for number in tqdm(np.random.default_rng(0).permutation(samples).tolist(), desc="generated", disable=None):
        picture = cv2.imencode(".jpg", np.full((SIDE, SIDE, 3), number % 256, np.uint8))[1].tobytes()
        entry = {"id": f"sample {number}", "index": number, "label": number % CLASSES, "size": len(picture),
                 "side": SIDE, "streams": ["face"], "frames": 1, "numbers": [0], "notes": [],
                 "said": [[["face: face box"], []]], "steps": [0], "sizes": [len(picture)],
                 "crcs": [zlib.crc32(picture)]}
        shards.add(entry, [picture])
    shards.close()
    return shards.done


def loader_of(folder: Path, shards: list, workers: int) -> StreamedLoader:
    clips = tuple(shard.clips for shard in shards)
    held = PackedSplit(tuple(shards), (sum(clips),) + (0,) * (CLASSES - 1), 0, "")
    lanes = Lanes(clips, SETTINGS.batch_size, 0, SETTINGS.lanes, SETTINGS.shuffle_buffer)
    return StreamedLoader(VideoDataset([], SETTINGS, 0), lanes, Place(str(folder)), held, False, workers, 0)


def memory(others: set[int]) -> list[list[float]]:
    """MiB of this process and of each child but the others: RSS, and its part that is in no file."""
    processes = ["self", *sorted(children() - others)]
    said = [Path(f"/proc/{process}/status").read_text() for process in processes]
    return [[int(re.search(rf"{name}:\s+(\d+) kB", text)[1]) / 2**10 for text in said] for name in ("VmRSS", "RssAnon")]


def children() -> set[int]:
    return {child.pid for child in multiprocessing.active_children()}


def checked(batch: Batch, seen: np.ndarray) -> Batch:
    """
    Raises:
        AssertionError: a sample has come before, or has another's label or picture.
    """
    numbers = np.array([int(name.removeprefix("sample ")) for name in batch.ids])
    assert not batch.bad and not seen[numbers].any() and len(set(batch.ids)) == len(numbers), "came twice"
    seen[numbers] = True
    assert (batch.targets.numpy() == numbers % CLASSES).all(), "another label"
    assert np.abs(batch.face.numpy().mean(axis=(1, 2, 3, 4)) - numbers % 256).max() < 2, "another picture"
    return batch


def stream(folder: Path, samples: int, workers: int) -> Told:
    with multiprocessing.get_context("fork").Pool(1) as pool:  # so that its memory is not counted
        shards = pool.apply(generate, (folder, samples))
    others = children()  # of whoever called this; they may end meanwhile
    loader, seen, found, kept = loader_of(folder, shards, workers), np.zeros(samples, bool), [], []
    again, every = int(len(loader) * 0.777777), max(len(loader) // 200, 1)
    for number, batch in enumerate(tqdm(loader.epoch(0), total=len(loader), desc="streamed", disable=None)):
        checked(batch, seen)
        if number % every == every - 1:
            found.append(memory(others))
        if again <= number < again + AGAIN:
            kept.append((batch.ids, batch.face.sum(dim=(1, 2, 3, 4)).tolist()))
    assert seen.all(), "did not come"
    other = loader_of(folder, shards, max(workers - 1, 0)).epoch(0, again)
    assert kept == [(batch.ids, batch.face.sum(dim=(1, 2, 3, 4)).tolist()) for batch, _ in zip(other, kept)], "differs"
    other.close()
    return Told(samples, len(loader), again * SETTINGS.batch_size, len(kept), np.array(found))


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the folder of shards is made")
    own = parser.parse_args(words)
    with tempfile.TemporaryDirectory(dir=own.folder) as folder:
        print(stream(Path(folder), own.samples, own.workers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
