"""Faces in the frames of a stream."""

from collections.abc import Iterable, Iterator

from dataloaders.boxes import Box
from dataloaders.faces.detector import DETECTORS, Detector
from dataloaders.faces.pick import Picker
from dataloaders.faces.track import follow
from dataloaders.stream import Moment
from utils.config import FaceSettings

__all__ = ["DETECTORS", "Detector", "find_faces"]


def find_faces(moments: Iterable[Moment], detector: Detector,
               settings: FaceSettings) -> Iterator[tuple[Moment, Box | None]]:
    """Each frame with the box of the face that is meant, in the frame's own pixels, or None."""
    picker = Picker(settings.pick, max(settings.gap, settings.every))

    def looked_at() -> Iterator[tuple[Moment, Box | None]]:
        for place, moment in enumerate(moments):
            box = None
            if place % settings.every == 0:
                box = picker(detector(moment.pixels), place, *moment.pixels.shape[:2])
            yield moment, box

    return follow(looked_at(), settings.every, settings.gap, settings.smooth)
