"""The face of each clip of a data set, clip by clip in worker processes."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from torch.utils.data import Dataset

from dataloaders.boxes import Box
from dataloaders.clips import Clip, ClipError
from dataloaders.faces import DETECTORS, Detector, find_faces
from dataloaders.faces.detector import Face
from dataloaders.loader import Loader
from dataloaders.order import Draw, Order
from dataloaders.patience import at_most
from dataloaders.stream import Stream
from utils.config import FaceSettings


@dataclass(frozen=True)
class ClipFaces:
    """What was found in a clip. `boxes` are by frame number, in pixels of the file; `most` faces were seen at once."""

    id: str
    boxes: dict[str, list[float]] = field(default_factory=dict)
    frames: int = 0
    most: int = 0
    notes: list[str] = field(default_factory=list)
    bad: str = ""  # why it cannot be read

    @property
    def share(self) -> float:
        """Of its frames that have a box."""
        return len(self.boxes) / self.frames if self.frames else 0.0

    def as_dict(self) -> dict:
        return asdict(self)


def faces_of_clip(clip: Clip, detector: Detector, settings: FaceSettings) -> ClipFaces:
    """Read a clip to its end; one that cannot be read says why."""
    stream, most, boxes, frames = Stream(clip.path), 0, {}, 0

    def counted(picture) -> list[Face]:
        nonlocal most
        faces = detector(picture)
        most = max(most, len(faces))
        return faces

    try:
        for moment, box in find_faces(stream, counted, settings):
            frames += 1
            if box:
                boxes[str(moment.number)] = [round(side * moment.scale, 1) for side in box]
    except ClipError as error:
        return ClipFaces(clip.id, bad=str(error))
    return ClipFaces(clip.id, boxes, frames, most, stream.notes)


class _Faces(Dataset):
    """ClipFaces of clips. Each process makes a detector of its own, when it first needs it."""

    unit = "clips"

    def __init__(self, clips: list[Clip], settings: FaceSettings, timeout: float):
        self.clips, self.settings, self.timeout = clips, settings, timeout
        self.ids = [clip.id for clip in clips]
        self._detector = None

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, draw: Draw) -> ClipFaces:
        self._detector = self._detector or DETECTORS[self.settings.detector](self.settings)
        clip = self.clips[draw.index]
        with at_most(self.timeout, clip.id):
            return faces_of_clip(clip, self._detector, self.settings)

    def unread(self, number: int, reason: str) -> ClipFaces:
        return ClipFaces(self.ids[number], bad=reason)


def find_in_clips(clips: list[Clip], settings: FaceSettings, jobs: int, timeout: float) -> Iterator[ClipFaces]:
    """The faces of each clip, in order, found by `jobs` processes; 0 finds them in this one.

    A clip that took a process longer than `timeout` seconds, or brought it down, twice, is bad. In this one it ends it.
    """
    faces, order = _Faces(clips, settings, timeout), Order(len(clips), 1, 0, shuffle=False)
    loader = Loader(faces, order, list, jobs, timeout, unread=faces.unread)
    for found in loader.epoch(0):
        yield from found


def box_of(found: ClipFaces, number: int) -> Box | None:
    box = found.boxes.get(str(number))
    return tuple(box) if box else None
