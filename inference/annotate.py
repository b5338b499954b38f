"""The video again, with the face and what was said of it drawn into each frame."""

from collections import deque
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

from dataloaders.boxes import Box
from dataloaders.clips import ClipError
from dataloaders.stream import Moment, Stream
from inference.clips import Answer

TICKS = Fraction(1, 90_000)  # seconds; the unit of times in the file
BARS = 3  # classes shown with their probabilities
INK, BACK, LINE = (255, 255, 255), (16, 20, 24), (86, 180, 233)


class Annotator:
    """Writes an H.264 video of a stream's frames as answers to them come in.

    It reads the source a second time, a little behind the first: only boxes wait in memory, and no frames. The sound is
    not taken over.
    """

    def __init__(self, stream: Stream, path: Path):
        self.path = path
        self._moments = iter(Stream(stream.source, stream.frame_rate))
        self._boxes: deque[tuple[float, Box | None]] = deque()  # times and boxes of the frames that are to be written
        self._answer: Answer | None = None
        self._container = self._video = None
        self._last_tick = -1

    def saw(self, moment: Moment, box: Box | None) -> None:
        """The next frame that was looked at, with the box of its face."""
        self._boxes.append((moment.time, box))

    def add(self, answer: Answer) -> None:
        """The next answer. The frames that are nearer to the one before, middle to middle, are written."""
        if self._answer:
            self._write(self._answer, until=(_middle(self._answer) + _middle(answer)) / 2)
        self._answer = answer

    def close(self) -> None:
        """Write the last answer's frames, and end the file. Without an answer there is none."""
        if not self._answer:
            return
        self._write(self._answer, until=float("inf"))
        for packet in self._video.encode():
            self._container.mux(packet)
        self._container.close()

    def _write(self, answer: Answer, until: float) -> None:
        while self._boxes and self._boxes[0][0] < until:
            _, box = self._boxes.popleft()
            if (moment := next(self._moments, None)) is None:
                raise ClipError("has changed while it was read")
            frame = av.VideoFrame.from_ndarray(_even(drawn(moment.pixels, box, answer)), format="rgb24")
            if self._container is None:
                self._open(frame)
            # The encoder wants times that rise.
            self._last_tick = max(round(moment.time / TICKS), self._last_tick + 1)
            frame.pts, frame.time_base = self._last_tick, TICKS
            for packet in self._video.encode(frame):
                self._container.mux(packet)

    def _open(self, frame: av.VideoFrame) -> None:
        self._container = av.open(str(self.path), "w", options={"movflags": "faststart"})
        self._video = self._container.add_stream("libx264", rate=30, options={"crf": "23", "preset": "veryfast"})
        self._video.width, self._video.height, self._video.pix_fmt = frame.width, frame.height, "yuv420p"
        self._video.codec_context.time_base = TICKS


def _middle(answer: Answer) -> float:
    return (answer.start + answer.end) / 2


def drawn(pixels: np.ndarray, box: Box | None, answer: Answer) -> np.ndarray:
    """A copy of a frame (H, W, 3) with the face's box and the likeliest classes."""
    height, width = pixels.shape[:2]
    unit = max(min(height, width) / 40, 6)  # pixels
    pixels = pixels.copy()
    if box:
        x1, y1, x2, y2 = (round(side) for side in box)
        cv2.rectangle(pixels, (x1, y1), (x2, y2), LINE, max(round(unit / 6), 1))
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image, "RGBA")
    font = ImageFont.truetype(findfont("DejaVu Sans"), round(1.3 * unit))  # has Vietnamese letters
    ranked = sorted(answer.probabilities, key=answer.probabilities.get, reverse=True)[:BARS]
    name_width = max(draw.textlength(name, font) for name in ranked)
    line, gap, bar = 1.8 * unit, 0.6 * unit, 7 * unit
    top = height - line * len(ranked) - 2 * gap
    draw.rectangle((0, top, min(name_width + bar + 4 * gap, width), height), fill=(*BACK, 190))
    for row, name in enumerate(ranked):
        y = top + gap + row * line
        draw.text((gap, y), name, INK, font)
        left = name_width + 2 * gap
        draw.rectangle((left, y + 0.3 * unit, left + bar, y + 1.3 * unit), fill=(*INK, 50))
        draw.rectangle((left, y + 0.3 * unit, left + bar * answer.probabilities[name], y + 1.3 * unit), fill=LINE)
    return np.asarray(image)


def _even(pixels: np.ndarray) -> np.ndarray:
    """Without a last odd row or column, which 4:2:0 video cannot have; a single one is doubled."""
    for axis in (0, 1):
        if pixels.shape[axis] == 1:
            pixels = pixels.repeat(2, axis=axis)
    return np.ascontiguousarray(pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2])
