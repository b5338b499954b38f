"""Emotion in any video: faces, windows, and what the network says of each."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

import numpy as np
from torch import Tensor

from dataloaders.boxes import Box
from dataloaders.faces import DETECTORS, find_faces
from dataloaders.stream import Moment, Stream
from dataloaders.windows import batches, cut_frames, slide
from inference.run import Run, answering
from models.classifier import ClipClassifier, learned_classes, unseen_classes
from models.explain.clips import Reasons, reasons
from utils.config import FaceSettings, WindowSettings
from utils.config.predict import NO_GRADIENTS
from utils.errors import UserError, first_line
from utils.precision import choose_device
from utils.prediction import predict
from utils.structures import Batch
from utils.tally import Tally


@dataclass(frozen=True)
class Seen:
    """What an answer was given to: the whole frame in the middle, small (H, W, 3), and the network's input."""

    picture: np.ndarray
    batch: Batch


@dataclass(frozen=True)
class Answer:
    """What the network says of `start` to `end`, in seconds.

    `probabilities` are by class, in label order. `frame` and `time` are those of the middle, `box` is its face in
    pixels of the file, and `cut` what the network got of it: a face box, or what stands in for one. `frames_with_box`
    is the share of all frames of the window in which the face was found.
    """

    start: float
    end: float
    probabilities: dict[str, float]
    frame: int
    time: float
    box: Box | None
    cut: str
    frames_with_box: float
    seen: Seen | None = None

    @property
    def label(self) -> str:
        return max(self.probabilities, key=self.probabilities.get)

    @property
    def probability(self) -> float:
        return self.probabilities[self.label]

    def as_dict(self) -> dict:
        """In plain JSON types."""
        return {
            "start": round(self.start, 3), "end": round(self.end, 3),
            "class": self.label, "probability": round(self.probability, 6),
            "probabilities": {name: round(value, 6) for name, value in self.probabilities.items()},
            "frame": self.frame, "time": round(self.time, 3),
            "box": [round(side, 1) for side in self.box] if self.box else None,
            "cut": self.cut, "frames_with_box": round(self.frames_with_box, 3),
        }


@dataclass(frozen=True)
class Explanation:
    """An answer, the class that was asked about, and what speaks for it."""

    answer: Answer
    label: str
    reasons: Reasons


class ClipPredictor:
    """A run on clips, ready for videos of any length.

    Args:
        classes: other classes than those of training, a list or "one, two", scored zero-shot through the learned
            context.
        windows, faces: how a video becomes clips, and how faces are found in it.
        onnx: read with RUN/model.onnx in onnxruntime.
    Raises:
        UserError: damaged weights, no such device, names that do not fit the text tower, no model.onnx.
    """

    def __init__(self, run: Run, device: str = "auto", classes: list[str] | str | None = None,
                 windows: WindowSettings = WindowSettings(), faces: FaceSettings = FaceSettings(), onnx: bool = False):
        self.run, self.windows, self.faces = run, windows, faces
        if isinstance(classes, str):
            classes = [name.strip() for name in classes.split(",") if name.strip()]
        if classes is not None and len(set(classes)) < max(len(classes), 2):
            raise UserError(f"--classes {', '.join(classes)}: give two classes or more, each of them once")
        self.classes = classes or run.labels.classes
        self.device = choose_device(device)
        if onnx and classes:
            raise UserError("--onnx: model.onnx knows the classes of training only; leave out --onnx or --classes")
        self.network, self.dtype = answering(run, self.device, onnx, lambda: self._classifier(classes))
        self._detector = None

    def _classifier(self, classes: list[str] | None) -> ClipClassifier:
        network = self.run.network
        position = self.run.config.model.class_token_position
        try:
            text = unseen_classes(network, classes, position) if classes else learned_classes(network)
        except (RuntimeError, IndexError) as error:  # numbers of tokens that lead nowhere
            raise UserError(f"{self.run.folder}: its weights are damaged: {first_line(error)[:80]}") from None
        return ClipClassifier(network, text)

    @property
    def finds_faces(self) -> bool:
        """Whether faces are looked for. On its own, not in a run that saw whole scenes and centre crops of them."""
        data = self.run.config.data
        cut_at_the_centre = data.streams == "both" and data.bounding_box_face is None
        return self.windows.faces == "find" or (self.windows.faces == "auto" and not cut_at_the_centre)

    def make_ready(self) -> None:
        """Have the face detector at hand, if faces are looked for.

        Raises:
            UserError: it cannot be had.
        """
        if self.finds_faces and self._detector is None:
            self._detector = DETECTORS[self.faces.detector](self.faces)

    def predict(self, source: str | Path | int) -> list[Answer]:
        """The answers to a video, an image or a folder of frames, in order.

        Raises:
            ClipError: it cannot be read.
            UserError: the face detector cannot be had.
        """
        return [replace(answer, seen=None) for answer in self.answers(self.stream(source))]

    def explain(self, source: str | Path | int, at: float | None = None) -> Explanation:
        """What the surest answer rests on, or the one at second `at`. See `predict` for what is raised."""
        return self.explained(max(self.answers(self.stream(source)), key=lambda answer: worth(answer, at)))

    def stream(self, source: str | Path | int) -> Stream:
        """Of a file, a folder or a camera."""
        camera = isinstance(source, int) or is_camera(str(source))
        return Stream(int(source) if camera else Path(source), self.windows.frame_rate)

    def answers(self, stream: Stream, seconds: float | None = None, batch_size: int = 8,
                watch: Callable[[Moment, Box | None], None] = lambda moment, box: None) -> Iterator[Answer]:
        """Answers as they come, in a memory that does not grow with the stream.

        Args:
            seconds: of the stream that are read; if not given, all.
            watch: is told of each frame, and of the box of its face in the frame's own pixels.
        """
        config, of = self.run.config.data, self.windows
        frames = takewhile(lambda moment: seconds is None or moment.time < seconds, stream)

        def watched() -> Iterator[tuple[Moment, Box | None]]:
            for moment, box in self._with_boxes(frames):
                watch(moment, box)
                yield moment, box

        windows = slide(cut_frames(watched(), config), of.window, of.step, config)
        for of_batch, batch in batches(windows, batch_size):
            for place, (window, row) in enumerate(zip(of_batch, self._probabilities(batch))):
                middle = window.middle
                yield Answer(window.start, window.end, dict(zip(self.classes, row.tolist())), middle.number,
                             middle.time, middle.box, middle.step, window.boxes,
                             Seen(middle.picture, batch.row(place)))

    def _with_boxes(self, frames: Iterable[Moment]) -> Iterator[tuple[Moment, Box | None]]:
        if not self.finds_faces:
            return ((moment, None) for moment in frames)
        self.make_ready()
        return find_faces(frames, self._detector, self.faces)

    def _probabilities(self, batch: Batch) -> Tensor:
        """(B, C)"""
        tally = Tally("input", len(batch), max_bad=1)
        return predict(self.network, [batch], self.device, tally, self.dtype).probabilities

    def explained(self, answer: Answer, label: str | None = None) -> Explanation:
        """What speaks for a class, if none is given that of the answer, which must have what was `seen`.

        Raises:
            UserError: in onnxruntime there are no gradients.
        """
        if not isinstance(self.network, ClipClassifier):
            raise UserError(NO_GRADIENTS)
        label = label or answer.label
        number = list(answer.probabilities).index(label)
        return Explanation(answer, label, reasons(self.network, answer.seen.batch.to(self.device), number))


def is_camera(source: str) -> bool:
    """A number stands for a camera, unless a file has that name, or it is as long as a date."""
    return source.isdecimal() and len(source) < 5 and not Path(source).exists()


def worth(answer: Answer, at: float | None) -> float:
    """How much an answer is to be explained: the surest most, or that whose middle is nearest to second `at`."""
    return answer.probability if at is None else -abs(answer.start + answer.end - 2 * at)
