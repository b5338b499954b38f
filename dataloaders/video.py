"""One clip from disk to tensors."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from dataloaders.augment import draw_augmentation
from dataloaders.boxes import Boxes
from dataloaders.clips import Clip, ClipError
from dataloaders.crops import crop_to, cut, face_region, letterbox, lowest, visible
from dataloaders.loader import BadSample
from dataloaders.order import Draw
from dataloaders.packed import Pack
from dataloaders.packed_clip import Pictures, Streams
from dataloaders.patience import at_most
from dataloaders.readers import Frames, Pick, read_clip
from dataloaders.sampling import tsn_indices, window_indices
from utils.config import ClipDataConfig, SimclrDataConfig, VideoDataConfig
from utils.seeding import AUGMENT, generator
from utils.structures import Batch

# One stream of random numbers for each, so that none depends on what another drew.
SAMPLING, FACE, CONTEXT = range(3)


@dataclass
class Sample:
    """One clip's tensors, and notes on how they came about."""

    id: str
    target: int
    face: Tensor  # (T, 3, S, S) uint8, or of a pair (2, T, 3, S, S)
    context: Tensor | None  # the same
    notes: Counter = field(default_factory=Counter)


class VideoDataset(Dataset):
    """Clips of one split, as they are. What it gives for a Draw depends on the draw, the seed and the files only."""

    unit = "clips"

    def __init__(self, clips: list[Clip], config: ClipDataConfig, seed: int, faces: Boxes | None = None,
                 bodies: Boxes | None = None, pack: Pack | None = None):
        self.clips, self.config, self.seed = clips, config, seed
        self.faces, self.bodies, self.pack = faces, bodies, pack
        self.ids, self.targets = [clip.id for clip in clips], [clip.label for clip in clips]
        self.side = config.image_size  # of the frames that it gives

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, draw: Draw) -> Sample | BadSample:
        clip = self.clips[draw.index]
        return self.sample(clip, draw, partial(self._streams, clip))

    def sample(self, clip: Clip, draw: Draw, streams: Callable[[Pick], Streams]) -> Sample | BadSample:
        """What a draw makes of a clip whose face, context and notes `streams` gives, for frames that are picked."""
        try:
            face, context, notes = streams(self.pick(draw))
            if context is not None:
                context = self._finish(context, self._stream(draw, CONTEXT))
            return Sample(clip.id, clip.label, self._finish(face, self._stream(draw, FACE)), context, notes)
        except ClipError as error:
            return BadSample(clip.id, str(error))

    def pick(self, draw: Draw) -> Pick:
        """Which of a clip's frames the draw takes."""
        return lambda count: self._indices(count, self._stream(draw, SAMPLING))

    def _stream(self, draw: Draw, use: int) -> np.random.Generator:
        return generator(self.seed, AUGMENT, *draw, use)

    def example(self, index: int) -> Tensor | None:
        """What the network sees of a clip: (S, T, 3, H, W) uint8, the face stream and then the context."""
        sample = self[Draw(0, index, 0)]
        return torch.stack([s for s in (sample.face, sample.context) if s is not None]) if readable(sample) else None

    def _streams(self, clip: Clip, pick: Pick) -> Streams:
        """Face and context, T times (S, S, 3) each, and notes: from the clip's own files, or packed."""
        both = self.config.streams == "both"
        if self.pack:
            return self.pack.streams(clip.id, pick, self.side, both)
        with at_most(self.config.reader_timeout, clip.id):
            frames = read_clip(clip.path, pick)
        face, notes = self.face_pictures(clip, frames)
        context, more = self.context_pictures(clip, frames) if both else (None, Counter())
        return face, context, notes + more + Counter(frames.notes)

    def face_pictures(self, clip: Clip, frames: Frames) -> tuple[Pictures, Counter]:
        """T times (S, S, 3), and the clip's step of the ladder: the last one that any of its frames needed."""
        config, steps, regions, notes = self.config, [], [], Counter()
        for pixels, number in zip(frames.pixels, frames.numbers):
            box = self.faces.get(clip.id, number) if self.faces else None
            region, step = face_region(box, *pixels.shape[:2], config.box_margin, config.centre_crop,
                                       config.missing_box)
            if box is not None and not visible(box, *pixels.shape[:2]):
                notes["unusable face box"] = 1
            elif box is not None and self.faces.borrowed(clip.id, number):
                notes["face box of another frame"] = 1
            regions.append(region)
            steps.append(step)
        notes[f"face: {lowest(steps)}"] = 1
        return (cut(pixels, region, self.side) for pixels, region in zip(frames.pixels, regions)), notes

    def context_pictures(self, clip: Clip, frames: Frames) -> tuple[Pictures, Counter]:
        """T times (S, S, 3), and what its frames show: all the same, or some the whole frame for want of a box."""
        views, notes = [], Counter()
        for pixels, number in zip(frames.pixels, frames.numbers):
            box = self.bodies.get(clip.id, number) if self.bodies and self.config.crop_body else None
            if box is not None and visible(box, *pixels.shape[:2]):
                pixels, notes["context: body box"] = crop_to(pixels, box), 1
                if self.bodies.borrowed(clip.id, number):
                    notes["body box of another frame"] = 1
            else:
                notes["context: whole frame"] = 1
            views.append(pixels)
        return (letterbox(pixels, self.side) for pixels in views), notes

    def _indices(self, count: int, stream: np.random.Generator) -> list[int]:
        """Which of a clip's frames are read."""
        return tsn_indices(count, self.config.num_segments, self.config.duration, None)

    def _finish(self, frames: Pictures, stream: np.random.Generator) -> Tensor:
        """T times (S, S, 3) -> (T, 3, S, S). Each is cut, augmented and put away in turn: it stays in the cache."""
        return torch.from_numpy(np.stack([cv2.split(frame) for frame in frames]))


class AugmentedDataset(VideoDataset):
    """Clips to train a recogniser on: random frames of each segment, augmented."""

    config: VideoDataConfig

    def _indices(self, count: int, stream: np.random.Generator) -> list[int]:
        return tsn_indices(count, self.config.num_segments, self.config.duration, stream)

    def _finish(self, frames: Pictures, stream: np.random.Generator) -> Tensor:
        augment = draw_augmentation(stream, self.config.augment, self.config.random_erasing)
        return super()._finish(map(augment.at(self.side), frames), stream)


class PairDataset(VideoDataset):
    """Clips to learn features from: two windows of each, at a place of their own. Views are made of them later."""

    config: SimclrDataConfig

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.side = self.config.load_size or self.side

    def _indices(self, count: int, stream: np.random.Generator) -> list[int]:
        config = self.config
        return [index for _ in range(2)
                for index in window_indices(count, config.window, config.num_segments, config.duration, stream)]

    def _finish(self, frames: Pictures, stream: np.random.Generator) -> Tensor:
        """2T times (S, S, 3) -> (2, T, 3, S, S)"""
        return super()._finish(frames, stream).unflatten(0, (2, -1))


def readable(sample: Sample | BadSample) -> bool:
    return isinstance(sample, Sample)


def collate_clips(samples: list[Sample | BadSample]) -> Batch:
    """Stack what could be read; the rest is named in `bad`. All may be bad: then the batch is empty."""
    good = [sample for sample in samples if readable(sample)]
    context = [sample.context for sample in good if sample.context is not None]
    return Batch(
        targets=torch.tensor([sample.target for sample in good], dtype=torch.int64),
        ids=[sample.id for sample in good],
        face=torch.stack([sample.face for sample in good]) if good else None,
        context=torch.stack(context) if context else None,
        notes=sum((sample.notes for sample in good), Counter()),
        bad=[(sample.id, sample.reason) for sample in samples if not readable(sample)],
    )
