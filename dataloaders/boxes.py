"""Box files: JSON, [x1, y1, x2, y2] in pixels, one per clip or one per frame."""

import json
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from dataloaders.clips import IMAGE, VIDEO, frame_number
from dataloaders.lists import read_text
from utils.errors import UserError

Box = tuple[float, float, float, float]
FURTHEST = 1e6  # pixels; what lies further out is damaged, NaN or infinite


class Boxes:
    """The boxes of one file, found by clip whatever way its keys are written.

    Raises:
        UserError: not JSON, or a value that is no box.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            table = json.loads(read_text(path))
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}: not JSON: {error}") from None
        if not isinstance(table, dict):
            raise UserError(f"{path}: must be an object of boxes by clip, not a {type(table).__name__}")
        self.table = {}
        for key, value in table.items():
            self.table[key] = self._frames(key, value) if isinstance(value, dict) else self._box(key, value)
        self.by_name, self.by_short_name = {}, {}
        for key in table:
            # A name that two keys share would match the wrong clip: a.avi's beside a.mp4's, or without its folder.
            for keys, name in ((self.by_name, _name(key)), (self.by_short_name, _short(_name(key)))):
                keys[name] = None if name in keys else key

    def _frames(self, key: str, value: dict) -> dict[int, Box]:
        frames = {}
        for name, box in value.items():
            number = frame_number(name)
            if number is None:
                raise UserError(f"{self.path}: {key!r}: frame {name!r} has no number")
            frames[number] = self._box(key, box)
        return frames

    def _box(self, key: str, value) -> Box:
        numbers = isinstance(value, list) and len(value) == 4 and all(
            type(v) in (int, float) and abs(v) < FURTHEST for v in value)
        if not numbers:
            raise UserError(f"{self.path}: {key!r}: expected [x1, y1, x2, y2], found {str(value)[:60]}")
        return tuple(map(float, value))

    def get(self, clip_id: str, frame_number: int) -> Box | None:
        """The frame's own box, else the nearest frame's, else the clip's, else None."""
        boxes = self._boxes(clip_id)
        if isinstance(boxes, dict):
            nearest = min(boxes, key=lambda number: (abs(number - frame_number), number), default=None)
            return boxes.get(nearest)
        return boxes

    def borrowed(self, clip_id: str, frame_number: int) -> bool:
        """Whether the box that `get` gives is another frame's."""
        boxes = self._boxes(clip_id)
        return isinstance(boxes, dict) and frame_number not in boxes and bool(boxes)

    def has(self, clip_id: str) -> bool:
        return bool(self._boxes(clip_id))

    def _boxes(self, clip_id: str) -> Box | dict[int, Box] | None:
        if clip_id in self.table:
            return self.table[clip_id]
        # One side at most may drop its first folder: with both, train/Anger/1 would match test/Anger/1.
        name = _name(clip_id)
        found = (self.by_name.get(name), self.by_name.get(_short(name)), self.by_short_name.get(name))
        return self.table.get(next((key for key in found if key is not None), None))

    def warn_if_few_match(self, clip_ids: Iterable[str]) -> str | None:
        """A sentence with one example from each side, when fewer than half of the clips have a box."""
        ids = list(clip_ids)
        missing = [clip_id for clip_id in ids if not self.has(clip_id)]
        if 2 * len(missing) <= len(ids):
            return None
        example = next(iter(self.table), "(none)")
        return (f"{self.path}: only {len(ids) - len(missing)} of {len(ids)} clips have a box; "
                f"the clips look like {missing[0]!r}, the file's keys like {example!r}")


def _name(key: str) -> str:
    """A key's normalised form: the path without extension, with `/`."""
    path = PurePosixPath(key.replace("\\", "/"))
    path = path.with_suffix("") if path.suffix.lower() in VIDEO | IMAGE else path
    return "/".join(part for part in path.parts if part != "/")


def _short(name: str) -> str:
    """The same without its first folder, where something tells it apart still."""
    return name.split("/", 1)[1] if name.count("/") > 1 else name
