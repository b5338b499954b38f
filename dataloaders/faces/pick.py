"""Of several faces, the one that is meant."""

from collections.abc import Callable

from dataloaders.boxes import Box
from dataloaders.faces.detector import Face

SAME = 0.1  # the least overlap (IoU) of one face's boxes in neighbouring sightings


def overlap(a: Box, b: Box) -> float:
    """Intersection over union, 0 to 1."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / (area(a) + area(b) - shared) if shared else 0.0


def area(box: Box) -> float:
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)


def _largest(faces: list[Face], height: int, width: int) -> Face:
    return max(faces, key=lambda face: area(face.box))


def _central(faces: list[Face], height: int, width: int) -> Face:
    """The nearest to the middle of the frame."""
    def distance(face: Face) -> float:
        x1, y1, x2, y2 = face.box
        return (x1 + x2 - width) ** 2 + (y1 + y2 - height) ** 2

    return min(faces, key=distance)


CHOICES: dict[str, Callable[[list[Face], int, int], Face]] = {"largest": _largest, "central": _central}


class Picker:
    """Picks a face in one frame after another.

    Args:
        pick: "largest", "central", or "track": the largest, and from then on the one that overlaps it most. When
            it has not been seen for `patience` frames, the largest again.
    """

    def __init__(self, pick: str, patience: int):
        self.choice, self.patience = CHOICES.get(pick), patience
        self.last: Box | None = None
        self.seen_at = 0

    def __call__(self, faces: list[Face], frame: int, height: int, width: int) -> Box | None:
        """The box of the face, or None.

        Args:
            frame: frames since the first.
            height, width: of the frame, in pixels.
        """
        if not faces:
            return None
        if self.choice:
            return self.choice(faces, height, width).box
        if self.last is None or frame - self.seen_at > self.patience:
            chosen = _largest(faces, height, width)
        else:
            chosen = max(faces, key=lambda face: overlap(face.box, self.last))
            if overlap(chosen.box, self.last) < SAME:
                return None
        self.last, self.seen_at = chosen.box, frame
        return chosen.box
