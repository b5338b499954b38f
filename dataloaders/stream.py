"""The frames of a video, a folder of frames, an image or a camera, one after another, in a fixed memory."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np

from dataloaders.clips import IMAGE, ClipError, frame_number
from dataloaders.crops import resize
from dataloaders.containers import check_container, is_cut_short
from dataloaders.readers import check_size, frame_files, read_image
from utils.errors import first_line

# FFmpeg would follow the paths in a playlist, and draw a text file. `mov` is mp4 too, `asf` is wmv.
CONTAINERS = ("mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,asf,flv,mpeg,mpegts,mpegvideo,ogg,gif,h264,hevc,m4v,mxf,nut,"
              "yuv4mpegpipe,wtv,rm,dv,ivf")
ONLY_VIDEO = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
LONGEST_SIDE = 1920  # pixels; a frame of 4K is halved as it is decoded, so that a few dozen may wait in memory
UNREADABLE = "not a video, or no frame can be decoded"
LEAST_MISSED = 0.25  # seconds; sound often goes on for less than that


@dataclass(frozen=True)
class Moment:
    """A frame, its number as a box file has it, and its time in seconds from the first.

    `scale` is how many pixels of the file a pixel here stands for.
    """

    pixels: np.ndarray  # (H, W, 3) uint8 RGB
    number: int
    time: float
    scale: float = 1.0


@dataclass
class Stream:
    """Iterates over the Moments of a source once. `notes` says at the end what was met on the way.

    Args:
        source: a video, an image or a folder of frames; or the number of a camera, whose stream has no end.
        frame_rate: frames a second of a folder; those of a video have times of their own.

    Raises (while it is iterated over):
        ClipError: absent, empty, holds no video, no frame can be decoded, or frames too large.
    """

    source: Path | int
    frame_rate: float = 25.0
    notes: list[str] = field(default_factory=list)
    seconds: float | None = None  # as the container says, known from the first frame on; it may be wrong

    def __iter__(self) -> Iterator[Moment]:
        try:
            yield from self._frames()
        except (av.error.InvalidDataError, av.error.EOFError, av.error.ArgumentError):  # they say no more than that
            raise ClipError(UNREADABLE) from None
        except (OSError, av.error.FFmpegError) as error:  # FFmpeg's errors are of both kinds
            raise ClipError(getattr(error, "strerror", None) or first_line(error)) from None

    def _frames(self) -> Iterator[Moment]:
        source = self.source
        if isinstance(source, int):
            return self._of_camera(source)
        if not source.exists():
            raise ClipError("no such file")
        if source.is_dir():
            return self._of_folder(source)
        if source.stat().st_size == 0:
            raise ClipError("the file is empty")
        if source.suffix.lower() in IMAGE:
            self.seconds = 0.0
            return iter([_shrunk(read_image(source), 0, 0.0)])
        check_container(source)
        return self._of_video(source)

    def _of_folder(self, folder: Path) -> Iterator[Moment]:
        if not (files := frame_files(folder)):
            raise ClipError("the folder holds no image")
        self.seconds = len(files) / self.frame_rate
        for place, file in enumerate(files):
            number = frame_number(file.name)
            yield _shrunk(read_image(file), place if number is None else number, place / self.frame_rate)

    def _of_camera(self, index: int) -> Iterator[Moment]:
        camera = cv2.VideoCapture(index)
        try:
            if not camera.isOpened():
                raise ClipError("no such camera, or another program uses it")
            began, number = time.monotonic(), 0
            while (frame := camera.read()[1]) is not None:
                yield _shrunk(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), number, time.monotonic() - began)
                number += 1
            self.notes.append("the camera gave no more frames")
        finally:
            camera.release()

    def _of_video(self, path: Path) -> Iterator[Moment]:
        with av.open(str(path), metadata_errors="replace", container_options=ONLY_VIDEO) as container:
            stream = next((s for s in container.streams.video if not s.disposition & ATTACHED_PICTURE), None)
            if stream is None:
                raise ClipError("holds no video")
            if stream.codec_context is None:  # an index that is cut through may not say how it is coded
                raise ClipError(UNREADABLE)
            # Threads a frame each would lose up to as many frames where the last packet is damaged, and not say so.
            stream.thread_type = "SLICE"
            if container.duration:
                self.seconds = container.duration / av.time_base
            step = 1 / float(stream.average_rate or self.frame_rate)
            first = previous = None
            end = 0.0
            for number, frame in enumerate(self._decoded(container, stream)):
                # Times that are missing or run backward: one frame after the last.
                at = frame.time if frame.time is not None else (previous + step if number else 0.0)
                first = at if first is None else first
                at = at if previous is None or at > previous else previous + step
                previous = at
                end = at + max(step, float((frame.duration or 0) * (frame.time_base or 0)))
                yield _picture(frame, number, at - first)
            if first is None:
                raise ClipError(UNREADABLE)
        if is_cut_short(path):
            self.notes.append("video file cut short")
        elif end + LEAST_MISSED < (self.seconds or 0):
            self.notes.append("ends before the time that the file says")

    def _decoded(self, container, stream) -> Iterator[av.VideoFrame]:
        """What can be decoded; damaged packets are left out and counted, and a damaged end ends it."""
        damaged = 0
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, IndexError):  # the container breaks off, or damage made a new stream
                self.notes.append("breaks off")
                packet = None
            if packet is None:
                break
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                damaged += 1
                continue
            yield from frames
        with suppress(av.error.FFmpegError):
            yield from stream.codec_context.decode(None)  # those still held back, where no last packet asked for them
        if damaged:
            self.notes.append(f"{damaged} damaged packets left out")


ATTACHED_PICTURE = av.stream.Disposition.attached_pic  # the cover of a piece of music is no video


def _picture(frame: av.VideoFrame, number: int, at: float) -> Moment:
    """Upright, and not longer than LONGEST_SIDE."""
    check_size(frame.width, frame.height)
    scale = max(frame.width, frame.height) / LONGEST_SIDE
    if scale <= 1:
        pixels, scale = frame.to_ndarray(format="rgb24"), 1.0
    else:
        width, height = (max(round(side / scale), 1) for side in (frame.width, frame.height))
        pixels = frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="AREA")
    turns = round(frame.rotation / 90) % 4  # counter-clockwise, as the container's display matrix says
    return Moment(np.ascontiguousarray(np.rot90(pixels, turns)), number, at, scale)


def _shrunk(pixels: np.ndarray, number: int, at: float) -> Moment:
    height, width = pixels.shape[:2]
    scale = max(max(height, width) / LONGEST_SIDE, 1.0)
    if scale > 1:
        pixels = resize(pixels, max(round(width / scale), 1), max(round(height / scale), 1))
    return Moment(pixels, number, at, scale)
