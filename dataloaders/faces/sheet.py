"""Some clips with the faces that were found in them, for a person to look at."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from dataloaders.clips import ClipError
from dataloaders.faces.clip_faces import ClipFaces, box_of
from dataloaders.readers import read_clip
from utils.sheets import FaceSheet, Framed
from utils.thinned import Thinned

KINDS = ("No face", "Gaps", "Several faces", "One face")
GROUP = 8  # clips of each kind at most, and not below half of it where there are as many
FRAMES = 3  # of a clip
SIDE = 240  # pixels
FEW = 0.9  # share of frames with a box below which a clip is worth a look
LINE = (86, 180, 233)


def face_sheet(found: Iterable[ClipFaces], paths: dict[str, Path]) -> FaceSheet:
    """Counts over all clips, and some of those without a face, with gaps, with several faces, and of the rest."""
    sheet = FaceSheet()
    groups = {name: Thinned(GROUP, lambda earlier, later: earlier) for name in KINDS}
    for of_clip in found:
        if of_clip.id not in paths:
            continue  # of another recipe that shares the file
        sheet.clips += 1
        sheet.frames += of_clip.frames
        sheet.with_box += len(of_clip.boxes)
        sheet.notes.update(of_clip.notes)
        if of_clip.bad:
            sheet.bad[of_clip.id] = of_clip.bad
            continue
        group = ("No face" if not of_clip.boxes else "Gaps" if of_clip.share < FEW else
                 "Several faces" if of_clip.most > 1 else "One face")
        sheet.counts[group] = sheet.counts.get(group, 0) + 1
        groups[group].add(of_clip)
    for name, clips in groups.items():
        sheet.groups[name] = [_framed(of_clip, paths[of_clip.id]) for of_clip in clips.items]
    return sheet


def _framed(of_clip: ClipFaces, path: Path) -> Framed:
    def evenly(count: int) -> list[int]:
        return np.linspace(0, count - 1, min(FRAMES, count)).round().astype(int).tolist()

    several = f", up to {of_clip.most} faces" if of_clip.most > 1 else ""
    note = f"{len(of_clip.boxes)} of {of_clip.frames} frames{several}"
    try:
        frames = read_clip(path, evenly)
    except ClipError as error:
        return Framed(of_clip.id, str(error))
    pictures = [_drawn(pixels, box_of(of_clip, number)) for pixels, number in zip(frames.pixels, frames.numbers)]
    return Framed(of_clip.id, note, pictures)


def _drawn(pixels: np.ndarray, box) -> np.ndarray:
    """Small, with the box."""
    scale = SIDE / max(pixels.shape[:2])
    size = [max(round(side * scale), 1) for side in pixels.shape[1::-1]]
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    if box:
        x1, y1, x2, y2 = (round(side * scale) for side in box)
        cv2.rectangle(small, (x1, y1), (x2, y2), LINE, 2)
    return small
