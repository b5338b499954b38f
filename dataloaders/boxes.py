"""Box files: JSON, [x1, y1, x2, y2] in pixels, one per clip or one per frame."""

import json
import math
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from dataloaders.clips import IMAGE, VIDEO
from dataloaders.lists import read_text
from utils.errors import UserError

Box = tuple[float, float, float, float]


class Boxes:
    """The boxes of one file, found by clip whatever way its keys are written.

    Raises:
        UserError: not JSON, or a value that is no box.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            table = json.loads(read_text(path))
        except json.JSONDecodeError as error:
            raise UserError(f"{path}: not JSON: {error}") from None
        if not isinstance(table, dict):
            raise UserError(f"{path}: must be an object of boxes by clip, not a {type(table).__name__}")
        self.table = {}
        for key, value in table.items():
            self.table[key] = self._frames(key, value) if isinstance(value, dict) else self._box(key, value)
        self.index = {}
        for key in table:
            for name in _names(key):
                # A short name that two keys share would match the wrong clip.
                self.index[name] = None if name in self.index else key
        self.index |= {_names(key)[0]: key for key in table}

    def _frames(self, key: str, value: dict) -> dict[int, Box]:
        frames = {}
        for name, box in value.items():
            digits = "".join(c for c in PurePosixPath(name).stem if c.isdigit())
            if not digits:
                raise UserError(f"{self.path}: {key!r}: frame {name!r} has no number")
            frames[int(digits)] = self._box(key, box)
        return frames

    def _box(self, key: str, value) -> Box:
        numbers = isinstance(value, list) and len(value) == 4 and all(
            isinstance(v, int | float) and math.isfinite(v) for v in value)
        if not numbers:
            raise UserError(f"{self.path}: {key!r}: expected [x1, y1, x2, y2], found {str(value)[:60]}")
        return tuple(map(float, value))

    def get(self, clip_id: str, frame_number: int) -> Box | None:
        """The frame's own box, else the nearest frame's, else the clip's, else None."""
        key = next((self.index[name] for name in _names(clip_id) if self.index.get(name)), None)
        boxes = self.table.get(key)
        if isinstance(boxes, dict):
            nearest = min(boxes, key=lambda number: (abs(number - frame_number), number), default=None)
            return boxes.get(nearest)
        return boxes

    def has(self, clip_id: str) -> bool:
        return any(self.index.get(name) for name in _names(clip_id))

    def warn_if_few_match(self, clip_ids: Iterable[str]) -> str | None:
        """A sentence with one example from each side, when fewer than half of the clips have a box."""
        ids = list(clip_ids)
        missing = [clip_id for clip_id in ids if not self.has(clip_id)]
        if 2 * len(missing) <= len(ids):
            return None
        example = next(iter(self.table), "(none)")
        return (f"{self.path}: only {len(ids) - len(missing)} of {len(ids)} clips have a box; "
                f"the clips look like {missing[0]!r}, the file's keys like {example!r}")


def _names(key: str) -> list[str]:
    """A key's normalised names: the whole path without extension, and the same without its first folder."""
    path = PurePosixPath(key.replace("\\", "/"))
    path = path.with_suffix("") if path.suffix.lower() in VIDEO | IMAGE else path
    parts = [part for part in path.parts if part not in (".", "/")]
    return ["/".join(parts), "/".join(parts[1:])] if len(parts) > 2 else ["/".join(parts)]
