"""What can be told of a video file before a decoder is let at it."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dataloaders.clips import ClipError

# FFmpeg would follow the paths in these, wherever they lead. It looks behind an ID3 tag, too.
PLAYLIST = re.compile(rb"#EXTM3U|ffconcat|ID3|(?is:.*<(mpd|compositionplaylist)\b)", re.DOTALL)
HEAD = 4096  # bytes
# FFmpeg makes a list of the frames that an MP4 claims, 24 bytes each, before it looks for the first; decord sets aside
# 16 bytes for each that an MP4 or an AVI claims, and ends the process where there are none.
MOST_CLAIMED = 2**24
LONGEST_TABLE = 2**26  # bytes
MOST_PARTS = 2**20  # chunks or boxes, which are passed over one by one
WITHIN = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"meta", b"mvex", b"moof", b"traf"}


def check_container(path: Path) -> None:
    """
    Raises:
        ClipError: a playlist, or an MP4 or AVI that claims far more frames than it can hold, or is cut into crumbs.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEAD)
        if PLAYLIST.match(head):
            raise ClipError("a playlist, not a video")
        claims = _of_avi(file, size) if head[:4] == b"RIFF" else (_of_box(file, *box) for box in _boxes(file, size))
        claimed = sum(islice(claims, MOST_PARTS))
        if next(claims, None) is not None:
            raise ClipError(f"made of more than {MOST_PARTS:,} parts")
    if claimed > max(MOST_CLAIMED, size):
        raise ClipError(f"claims {claimed:,} frames, more than it can hold")


def _of_avi(file: BinaryIO, size: int) -> Iterator[int]:
    """Of each chunk: the length of a film, else 0."""
    place = 0
    while place + 8 <= size:
        file.seek(place)
        chunk = file.read(44)
        yield int.from_bytes(chunk[40:44], "little") * (chunk[:4] == b"strh" and chunk[8:12] == b"vids")
        into = chunk[:4] == b"RIFF" or chunk[:4] == b"LIST" and chunk[8:12] in (b"hdrl", b"strl")
        length = int.from_bytes(chunk[4:8], "little")
        place += 12 if into else 8 + length + length % 2


def _of_box(file: BinaryIO, kind: bytes, begin: int, end: int) -> int:
    """Frames or samples that a box of an MP4 claims without listing them."""
    if kind == b"cmov" or kind == b"stts" and end - begin > LONGEST_TABLE:  # cmov: a packed table of contents
        return 2**32
    if kind not in (b"stsz", b"stts", b"trun"):
        return 0
    file.seek(begin + 4)
    held = file.read(max(end - begin - 4, 0) if kind == b"stts" else 8)
    numbers = [*np.frombuffer(held[: len(held) // 4 * 4], ">u4").tolist(), 0, 0]
    if kind == b"stts":  # number of rows; frames and time of each, in each row
        return sum(numbers[1::2])
    return numbers[0] if kind == b"trun" else numbers[1] * bool(numbers[0])  # stsz: the size of all, their number


def _boxes(file: BinaryIO, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, where what it holds begins, where it ends) of an MP4's boxes, those within others too."""
    left = [(0, end)]
    while left:
        place, end = left.pop()
        while place + 8 <= end:
            file.seek(place)
            head = file.read(16)
            length, kind, begin = int.from_bytes(head[:4], "big"), head[4:8], place + 8
            if length == 1:
                length, begin = int.from_bytes(head[8:], "big"), place + 16
            length = length or end - place  # 0 reaches to the end
            if length < begin - place:
                break
            yield kind, begin, min(place + length, end)
            if kind in WITHIN:
                left.append((begin + 4 * (kind == b"meta"), min(place + length, end)))
            place += length


def is_cut_short(path: Path) -> bool:
    """Whether an AVI or MP4 file ends before its container does. Its frames up to there may still decode."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF":
            length = int.from_bytes(head[4:8], "little")
            return length != 0xFFFFFFFF and 8 + length > size  # all ones: written to a pipe
        place = 0
        while head[4:8] == b"ftyp" and place < size:  # from box to box
            file.seek(place)
            box = file.read(16)
            length = int.from_bytes(box[:4], "big")
            length = int.from_bytes(box[8:], "big") if length == 1 else length
            if length < 8:  # 0 reaches to the end, the rest is damage
                return False
            place += length
        return place > size
