"""A clip in a shard: KEY.json, which tells all that there is to know of it, and then its frames' JPEGs.

Nothing beside these members is needed to use the clip: no index, and none of the clips before it.
"""

import contextlib
import json
import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import accumulate

import cv2
import numpy as np

from dataloaders.clips import ClipError
from dataloaders.crops import lowest, resize
from dataloaders.readers import Pick

BLOCK = 512  # bytes: of a tar file's header, which a member's bytes are filled up to a multiple of
STREAMS = {"both": ("face", "context"), "face": ("face",)}
UNUSABLE = "bad: "  # before why a frame's clip is left out when it is sampled
MEMBER = re.compile(r"\d{9}\.(json|(face|context)\.\d{3}\.jpg)")
Pictures = Iterator[np.ndarray]
Streams = tuple[Pictures, Pictures | None, Counter]  # face, context, and what was noted of them
Bytes = bytes | memoryview


def key_of(number: int) -> str:
    """Of the number-th clip in its split's shards: WebDataset takes what stands before the first dot for the sample."""
    return f"{number:09}"


def member(key: str, stream: str, index: int) -> str:
    """A frame's name in its shard."""
    return f"{key}.{stream}.{index:03}.jpg"


def filled(size: int) -> int:
    """Bytes that a member of `size` bytes takes, its header with it."""
    return BLOCK + size + -size % BLOCK


def names(entry: dict, key: str) -> list[str]:
    """Of the members that follow KEY.json, in order."""
    return [member(key, stream, index) for index in range(len(entry.get("steps", ()))) for stream in entry["streams"]]


def places(entry: dict, start: int) -> list[int]:
    """Where the bytes of each of these members begin, and then where those of a next one would.

    KEY.json, filled up, ends at `start`.
    """
    return [place + BLOCK for place in accumulate(map(filled, entry.get("sizes", ())), initial=start)]


def places_of(entry: dict, pick: Pick) -> set[int]:
    """Of these members, which hold the frames that `pick` chooses."""
    streams = len(entry["streams"])
    return {index * streams + stream for index in pick(len(entry["steps"])) for stream in range(streams)}


def to_json(entry: dict) -> bytes:
    """Its first field is the CRC of all that stands behind it."""
    rest = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))[1:].encode()
    return b'{"crc":%d,' % zlib.crc32(rest) + rest


def from_json(data: bytes) -> dict | None:
    """None: it is damaged, or none that to_json made."""
    head = re.match(rb'\{"crc":(\d{1,10}),', data)
    if not head or zlib.crc32(data[head.end():]) != int(head[1]):
        return None
    try:
        entry = json.loads(data)
        return entry if _fits(entry) else None
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return None


def _fits(entry: dict) -> bool:
    """Whether what is said is of the right kind, and numbers go together."""
    whole = [entry["index"], entry["label"]]
    words = [entry["id"]]
    if "bad" in entry:
        words.append(entry["bad"])
    else:
        steps, sizes, said = entry["steps"], entry["sizes"], entry["said"]
        whole += [entry["side"], *steps, *sizes, *entry["crcs"], *entry["numbers"]]
        words += [*entry["notes"], *(note for faces, contexts in said for note in (*faces, *contexts))]
        if (entry["streams"] not in map(list, STREAMS.values()) or not 0 < len(steps) == len(entry["numbers"])
                or len(sizes) != len(entry["crcs"]) or len(sizes) != len(steps) * len(entry["streams"])
                or min(sizes) < 1 or max(steps) >= len(said) or min(steps) < 0 or type(entry["notes"]) is not list):
            return False
        if not all(any(str(note).startswith(("face: ", UNUSABLE)) for note in faces) for faces, _ in said):
            return False
    return all(type(word) is str for word in words) and all(type(n) is int for n in whole) and min(whole[:2]) >= 0


def header(block: Bytes) -> tarfile.TarInfo | None:
    """A tar member's; None: it is damaged."""
    try:
        info = tarfile.TarInfo.frombuf(bytes(block), "utf-8", "replace")
    except tarfile.HeaderError:
        return None
    return info if info.size >= 0 else None


def name_in(block: Bytes) -> str:
    return bytes(block[:100]).rstrip(b"\0").decode("utf-8", "replace")


class PackedClip:
    """
    Args:
        where: the shard, for messages.
        entry: what KEY.json says.
        data: the bytes of the n-th of its pictures; raises ClipError where they have another name.
    """

    def __init__(self, where: str, key: str, entry: dict, data: Callable[[int], Bytes]):
        self.where, self.key, self.entry, self._data = where, key, entry, data

    @property
    def id(self) -> str:
        return self.entry["id"]

    def streams(self, pick: Pick, side: int, both: bool) -> Streams:
        """Face and context of the frames that `pick` chooses, T times (side, side, 3), and notes as the files' own.

        Raises:
            ClipError: the clip, or one of its frames, was bad when it was packed, or is damaged since.
        """
        entry = self.entry
        if "bad" in entry:
            raise ClipError(entry["bad"])
        if both and len(entry["streams"]) < 2:
            raise ClipError(f"{self.where}: {self.key}.json has no context, as the pack has; it is damaged")
        chosen = pick(len(entry["steps"]))
        said = [entry["said"][entry["steps"][index]] for index in chosen]
        if bad := [note for face, _ in said for note in face if note.startswith(UNUSABLE)]:
            raise ClipError(bad[0].removeprefix(UNUSABLE))
        picture = cache(partial(self._picture, side))  # a short clip repeats its last frame
        face, context = (map(partial(picture, stream), chosen) for stream in (0, 1))
        return face, context if both else None, joined(said, both) + Counter(entry["notes"])

    def _picture(self, side: int, stream: int, index: int) -> np.ndarray:
        entry, image = self.entry, None
        place = index * len(entry["streams"]) + stream
        held = np.frombuffer(self._data(place), np.uint8)
        # A JPEG decoder makes something of damaged bytes too.
        if len(held) == entry["sizes"][place] and zlib.crc32(held) == entry["crcs"][place]:
            with contextlib.suppress(cv2.error):  # of OpenCV's own bound on the number of pixels
                image = cv2.imdecode(held, cv2.IMREAD_COLOR_RGB)
        if image is None or image.shape != (entry["side"], entry["side"], 3):
            raise ClipError(f"{self.where}: {member(self.key, entry['streams'][stream], index)} is damaged")
        return image if side == entry["side"] else resize(image, side, side)


def joined(said: list[list[list[str]]], both: bool) -> Counter:
    """A clip's notes, of those on face and context of the frames that were sampled, as VideoDataset counts them."""
    faces = [note for face, _ in said for note in face]
    steps = [note.removeprefix("face: ") for note in faces if note.startswith("face: ")]
    notes = {note for note in faces if not note.startswith("face: ")} | {f"face: {lowest(steps)}"}
    if both:
        notes |= {note for _, context in said for note in context}
    return Counter(notes)
