"""Boxes by frame: of frames that are there, and without leaps."""

from collections.abc import Iterator

import numpy as np

from dataloaders.audit.clips.boxes.spot import MOST, SOME
from dataloaders.audit.clips.expected import BoxTable
from dataloaders.audit.clips.view import View, files_of
from utils.findings import Finding, of_some


def check_frames(view: View, kind: str, table: BoxTable) -> Iterator[Finding]:
    """Boxes by frame: of frames that are there, and without leaps."""
    strange, leaps, number = [], [], 0
    for split in view.splits.values():
        for clip in split.present[:: max(1, len(split.clips) // 200)]:
            key = table.key(clip.id)
            boxes = table.frames(key) if key else {}
            if None in boxes or len(boxes) < 2:
                continue
            number += 1
            if clip.path.is_dir():
                there = {int(name) for file in files_of(clip.path) if (name := _last_number(file.stem))}
                if len(boxes.keys() & there) < MOST * len(boxes):
                    strange.append(clip.id)
            track = np.array([boxes[n] for n in sorted(boxes)], float)
            steps = np.abs(np.diff((track[:, :2] + track[:, 2:]) / 2, axis=0)).max(1)
            near = np.diff(sorted(boxes)) == 1
            wide = np.maximum((track[:-1, 2:] - track[:-1, :2]).max(1), 1)
            if near.any() and np.median((steps / wide)[near]) > MOST:
                leaps.append(clip.id)
    if strange:
        yield Finding("warning", f"{kind}-boxes-of-absent-frames", f"{kind} boxes are of frames that clips do not "
                      "have; others' are used", "check how frames are numbered", **of_some(strange))
    if leaps and len(leaps) > SOME * number:
        yield Finding("warning", f"{kind}-boxes-leap", f"{kind} boxes leap about from frame to frame", "check which "
                      "frames they are of", **of_some(leaps))


def _last_number(stem: str) -> str | None:
    return next(iter("".join(c if c.isdigit() else " " for c in stem).split()[-1:]), None)
