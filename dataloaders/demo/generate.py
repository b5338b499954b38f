"""Writes the demo data set: short videos of drawn faces in CAER's layout, with list files and face boxes."""

import csv
import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from dataloaders.demo.clip import draw_clip
from dataloaders.demo.expression import CLASSES
from dataloaders.demo.identity import draw_identity
from dataloaders.generated import write_once
from utils.errors import UserError

SPLITS = ("train", "validation", "test")
MANIFEST = "demo.json"

_VERSION = 1  # of the drawings: raise it when the same seed gives other pixels
_FOURCC, _FRAMES_PER_SECOND = "mp4v", 15
_ORDER, _PERSON, _CLIP, _LOST = range(1, 5)  # each purpose has random numbers of its own
_WITHOUT_BOX = 0.1  # share of the clips whose face box is left out


@dataclass(frozen=True)
class DemoSize:
    """Clips and identities per split (train, validation, test); frames per clip; pixels."""

    clips: tuple[int, int, int] = (420, 105, 140)
    identities: tuple[int, int, int] = (60, 10, 14)
    frames: int = 16
    width: int = 160
    height: int = 120


@dataclass(frozen=True)
class _Job:
    """One clip to draw; everything it looks like follows from `seed`, `split` and `index`."""

    name: str  # path without extension, relative to the root
    seed: int
    split: int
    index: int
    label: int
    identity: int  # counted over all splits
    frames: int
    width: int
    height: int

    @property
    def path(self) -> str:
        return f"{self.name}.avi"


def generate_demo(root: Path, seed: int = 0, size: DemoSize = DemoSize(), workers: int | None = None) -> None:
    """Writes the demo data set to `root`, or returns at once if it is there already.

    The result depends on `seed` and `size` only, not on `workers` (default: one per core; 1 stays in this
    process). It appears under `root` complete or not at all.

    Raises UserError if `size` cannot be met, or if `root` holds anything else.
    """
    _check(seed, size)
    manifest = {"version": _VERSION, "seed": seed, **asdict(size)}
    write = partial(_write, seed=seed, size=size, workers=workers or os.cpu_count() or 1)
    write_once(Path(root), MANIFEST, "demo data", manifest, write)


def _check(seed: int, size: DemoSize) -> None:
    if seed < 0:
        raise UserError(f"demo data: the seed must not be negative, got {seed}")
    for split, clips, identities in zip(SPLITS, size.clips, size.identities):
        if clips < 1 or clips % len(CLASSES) or identities < 1:
            raise UserError(
                f"demo data, {split}: {clips} clips of {identities} identities; "
                f"needs at least one identity and a multiple of {len(CLASSES)} clips"
            )
    if size.frames < 2 or min(size.width, size.height) < 48 or size.width % 2 or size.height % 2:
        raise UserError(f"demo data: {size.frames} frames of {size.width}x{size.height}; "
                        "needs at least 2 frames and even sides of 48 pixels or more")  # fmt: skip


def _write(folder: Path, seed: int, size: DemoSize, workers: int) -> None:
    jobs = [job for split in range(len(SPLITS)) for job in _jobs(seed, split, size)]
    for parent in sorted({Path(job.path).parent for job in jobs}):
        (folder / parent).mkdir(parents=True)
    boxes = dict(zip((job.name for job in jobs), _draw_all(folder, jobs, workers)))
    for split, split_name in enumerate(SPLITS):
        members = [job for job in jobs if job.split == split]
        lines = [f"{job.path} {job.frames} {job.label}\n" for job in members]
        (folder / f"{split_name}.txt").write_text("".join(lines))
        rng = np.random.default_rng([_LOST, seed, split])
        for lost in rng.choice(len(members), round(_WITHOUT_BOX * len(members)), replace=False):
            del boxes[members[lost].name]
    (folder / "face.json").write_text(json.dumps(boxes, indent=0))
    with open(folder / "identities.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("clip", "identity", "split"))
        table.writerows((job.path, job.identity, SPLITS[job.split]) for job in jobs)


def _jobs(seed: int, split: int, size: DemoSize) -> list[_Job]:
    """The clips of one split; each class goes round the identities in an order of its own."""
    per_class, count = size.clips[split] // len(CLASSES), size.identities[split]
    first = sum(size.identities[:split])
    jobs = []
    for label, emotion in enumerate(CLASSES):
        order = np.random.default_rng([_ORDER, seed, split, label]).permutation(count)
        for number in range(per_class):
            name = f"CAER/{SPLITS[split]}/{emotion}/{number + 1:04d}"
            identity = first + int(order[number % count])
            jobs.append(
                _Job(name, seed, split, len(jobs), label, identity, size.frames, size.width, size.height)
            )
    return jobs


def _draw_all(folder: Path, jobs: list[_Job], workers: int) -> list[list[float]]:
    """Draws and writes all clips; their face boxes, in the order of `jobs`."""
    bar = partial(tqdm, total=len(jobs), desc="drawing the demo's videos", leave=False, dynamic_ncols=True)
    if workers == 1:
        return [_draw_one(folder, job) for job in bar(jobs)]
    spawn = multiprocessing.get_context("spawn")  # safe where the caller has threads
    with ProcessPoolExecutor(workers, spawn, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        return list(bar(pool.map(_draw_one, [folder] * len(jobs), jobs, chunksize=8)))


def _draw_one(folder: Path, job: _Job) -> list[float]:
    who = draw_identity(np.random.default_rng([_PERSON, job.seed, job.identity]))
    rng = np.random.default_rng([_CLIP, job.seed, job.split, job.index])
    clip = draw_clip(rng, who, CLASSES[job.label], job.frames, job.width, job.height)
    _write_video(folder / job.path, clip.frames)
    return clip.box.round(2).tolist()


def _write_video(path: Path, frames: np.ndarray) -> None:
    """Writes RGB frames (T, H, W, 3)."""
    size = frames.shape[2], frames.shape[1]
    # MPEG-4: at this size it decodes faster than Motion JPEG and takes a third of the space.
    writer = cv2.VideoWriter(
        str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*_FOURCC), _FRAMES_PER_SECOND, size
    )
    if not writer.isOpened():
        raise UserError(f"cannot write {path}: is the disk full, or is this OpenCV built without FFmpeg?")
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
