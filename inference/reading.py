"""What is gathered of a stream while it is read: a timeline, the share of frames with a face, and the drawn video."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from dataloaders.crops import FACE_BOX
from dataloaders.stream import Moment, Stream
from inference.annotate import Annotator
from inference.clips import Answer, ClipPredictor
from inference.timeline import Timeline


class Reading:
    """One input on its way through a predictor.

    Args:
        video: where the video with faces and answers is to go; None draws none.
    """

    def __init__(self, predictor: ClipPredictor, stream: Stream, video: Path | None):
        self.predictor, self.stream = predictor, stream
        self.timeline = Timeline(predictor.classes, predictor.windows.step)
        self.frames = self.with_box = 0
        self.cuts: Counter[str] = Counter()  # answers by what they rest on
        self._annotator = Annotator(stream, video) if video else None

    def answers(self, watch: Callable[[Moment], None], seconds: float | None = None,
                batch_size: int = 8) -> Iterator[Answer]:
        """As `ClipPredictor.answers`; to be closed, which ends the video, if it is not read to the end.

        Args:
            watch: is told of each frame.
        """
        def saw(moment: Moment, box) -> None:
            watch(moment)
            self.frames += 1
            self.with_box += box is not None
            if self._annotator:
                self._annotator.saw(moment, box)

        try:
            for answer in self.predictor.answers(self.stream, seconds, batch_size, saw):
                self.timeline.add(answer)
                self.cuts[answer.cut] += 1
                if self._annotator:
                    self._annotator.add(answer)
                yield answer
        finally:
            if self._annotator:
                self._annotator.close()

    @property
    def label(self) -> str:
        """The likeliest class on the whole."""
        mean = self.timeline.mean
        return max(mean, key=mean.get)

    @property
    def without_face(self) -> dict[str, int]:
        """Answers that do not rest on a face's box, by what they rest on."""
        return {cut: count for cut, count in self.cuts.items() if cut != FACE_BOX}
