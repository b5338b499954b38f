"""A pack: a recipe's clips as training sees them before it augments, in tar files of which any frame is read at random.

`index.json` says where each frame's JPEG lies, what the clip's notes are, and what the pack was made with.
"""

import json
import mmap
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np

from dataloaders.clips import Clip, ClipError
from dataloaders.crops import lowest, resize
from dataloaders.datasets import FILES, find_file
from utils.config import ClipDataConfig, flag
from utils.errors import UserError
from utils.provenance.hashes import sha256

INDEX, FORMAT = "index.json", "camxuc pack 1"
BLOCK = 512  # bytes: of a tar file's header, which a member's bytes are filled up to a multiple of
SETTINGS = ("dataset", "target", "streams", "missing_box", "centre_crop", "box_margin", "crop_body")
STREAMS = {"both": ("face", "context"), "face": ("face",)}
UNUSABLE = "bad: "  # before why a frame's clip is left out when it is sampled
Pictures = Iterator[np.ndarray]


class Pack:
    """
    Raises:
        UserError: no pack, or one that is damaged: shards that are absent, of another length or of another pack.
    """

    def __init__(self, folder: Path):
        self.folder, self.path = folder, folder / INDEX
        try:
            table = json.loads(self.path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(f"--packed {folder}: no pack; {INDEX} cannot be read: {error.strerror}") from None
        except (ValueError, RecursionError) as error:
            raise UserError(f"{self.path}: not JSON: {error}") from None
        try:
            self._take(table)
            _check_types(self)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise UserError(f"{self.path}: not the index of a pack ({type(error).__name__}: {error}); "
                            "pack the clips again") from None
        for name, size, _ in self.shards:
            self._check_shard(name, size)
        self._open: dict[int, mmap.mmap] = {}  # by the process that reads

    def _take(self, table: dict) -> None:
        if table["format"] != FORMAT:
            raise ValueError(f"format {table['format']!r}, not {FORMAT!r}")
        self.settings, self.files, self.side = table["settings"], table["files"], table["settings"]["side"]
        self.streams_held = STREAMS[self.settings["streams"]]
        self.classes, self.splits, self.said = table["classes"], table["splits"], table["said"]
        self.shards = [(str(name), int(size), digest) for name, size, digest in table["shards"]]
        self._entries = table["clips"]
        for name, *_ in self.shards:
            if not re.fullmatch(r"\d{5}\.tar", name):
                raise ValueError(f"shard {name!r}")
        for clip, entry in self._entries.items():
            if "bad" not in entry:
                end = places(entry)[-1] + entry["sizes"][-1]
                if (end > self.shards[entry["shard"]][1] or min(entry["shard"], entry["start"], *entry["steps"]) < 0
                        or min(entry["sizes"]) < 1 or not 0 < len(entry["steps"]) == len(entry["numbers"])
                        or len(entry["sizes"]) != len(entry["steps"]) * len(self.streams_held)
                        or len(entry["crcs"]) != len(entry["sizes"])
                        or max(entry["steps"]) >= len(self.said)):
                    raise ValueError(f"clip {clip!r} points outside")
        for split in self.splits.values():
            for clip, label in split:
                if clip not in self._entries or not 0 <= label < len(self.classes):
                    raise ValueError(f"clip {clip!r}, label {label}")

    def _check_shard(self, name: str, size: int) -> None:
        path = self.folder / name
        try:
            if (found := path.stat().st_size) != size:
                raise UserError(f"{path}: {found} bytes, and the index says {size}; pack the clips again")
            with path.open("rb") as file:
                head = file.read(BLOCK)
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror}") from None
        if head[257:262] != b"ustar" or not re.fullmatch(rb"\d{6}\.face\.\d{3}\.jpg", head[:100].rstrip(b"\0")):
            raise UserError(f"{path}: no shard of a pack; its first member is {head[:100].rstrip(bytes(1))[:60]!r}")

    def clips(self) -> dict[str, list[Clip]]:
        """By split. Their paths are the pack's own, for no other is read."""
        return {split: [Clip(name, self.folder / name, label) for name, label in listed]
                for split, listed in self.splits.items()}

    def size_of(self, clip_id: str) -> int | str:
        """Of the file that was packed, as fingerprints.size_of gives it."""
        return self._entries[clip_id]["size"]

    def streams(self, clip_id: str, pick, side: int, both: bool) -> tuple[Pictures, Pictures | None, Counter]:
        """Face and context of the frames that `pick` chooses, T times (side, side, 3), and notes as the files' own.

        Raises:
            ClipError: the clip, or one of its frames, was bad when it was packed, or is damaged since.
        """
        entry = self._entries[clip_id]
        if "bad" in entry:
            raise ClipError(entry["bad"])
        chosen = pick(len(entry["steps"]))
        said = [self.said[entry["steps"][index]] for index in chosen]
        if bad := [note for face, _ in said for note in face if note.startswith(UNUSABLE)]:
            raise ClipError(bad[0].removeprefix(UNUSABLE))
        at = places(entry)

        @cache  # a short clip repeats its last frame
        def picture(stream: int, index: int) -> np.ndarray:
            place = index * len(self.streams_held) + stream
            name = member(entry["key"], self.streams_held[stream], index)
            size, crc = entry["sizes"][place], entry["crcs"][place]
            return self._picture(entry["shard"], name, int(at[place]), size, crc, side)

        face, context = (map(partial(picture, stream), chosen) for stream in (0, 1))
        return face, context if both else None, joined(said, both) + Counter(entry["notes"])

    def _picture(self, shard: int, name: str, start: int, size: int, crc: int, side: int) -> np.ndarray:
        data, image = self._shard(shard), None
        held = np.frombuffer(data, np.uint8, size, start)
        # A JPEG decoder makes something of damaged bytes too.
        if data[start - BLOCK : start - BLOCK + 100].rstrip(b"\0") == name.encode() and zlib.crc32(held) == crc:
            image = cv2.imdecode(held, cv2.IMREAD_COLOR_RGB)
        if image is None or image.shape != (self.side, self.side, 3):
            raise ClipError(f"{self.shards[shard][0]}: {name} is damaged")
        return image if side == self.side else resize(image, side, side)

    def _shard(self, number: int) -> mmap.mmap:
        if number not in self._open:
            with (self.folder / self.shards[number][0]).open("rb") as file:
                self._open[number] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return self._open[number]

    def serving(self, config: ClipDataConfig) -> "Pack":
        """Itself.

        Raises:
            UserError: the recipe's settings or files are not those that the pack was made with.
        """
        settings, files = made_with(config)
        for name, due in settings.items():
            has = self.settings[name]
            fits = due <= has if name == "side" else has in ("both", due) if name == "streams" else has == due
            if not fits:
                raise UserError(f"--packed {self.folder}: packed with {name} {has}, and the recipe says {due}; "
                                "pack the clips again, or train with what they were packed with")
        for name, due in files.items():
            if due != (has := self.files.get(name)):
                raise UserError(f"--packed {self.folder}: packed with another {flag(name)} ({_short(has)}) than the "
                                f"recipe's ({_short(due)}); pack the clips again")
        return self


def _check_types(pack: Pack) -> None:
    """
    Raises:
        KeyError, TypeError: a part is missing, or of another kind.
    """
    def need(kind: type, *values) -> None:
        if wrong := [value for value in values if type(value) is not kind]:
            raise TypeError(f"{str(wrong[0])[:40]!r} is no {kind.__name__}")

    for name in SETTINGS:
        pack.settings[name]
    need(int, pack.side, *(label for split in pack.splits.values() for _, label in split))
    need(dict, pack.files)
    need(str, *pack.classes, *(note for face, context in pack.said for note in (*face, *context)))
    for entry in pack._entries.values():
        entry["size"]
        if "bad" in entry:
            need(str, entry["bad"])
            continue
        need(int, entry["shard"], entry["start"], *entry["sizes"], *entry["steps"], *entry["crcs"])
        need(list, entry["notes"])
        need(str, entry["key"], *entry["notes"])


def made_with(config: ClipDataConfig) -> tuple[dict, dict[str, str | None]]:
    """The settings that decide what a pack holds, `side` the one that training needs; and the files' hashes."""
    settings = {name: getattr(config, name) for name in SETTINGS}
    files = {name: getattr(config, name) for name in FILES}
    hashes = {name: path and sha256(find_file(path, config.root_dir, flag(name))) for name, path in files.items()}
    return settings | {"side": max(config.image_size, getattr(config, "load_size", 0))}, hashes


def _short(digest: str | None) -> str:
    return f"sha256 {digest[:12]}" if digest else "none"


def places(entry: dict) -> np.ndarray:
    """Where each of a clip's members begins in its shard; they lie one behind the other, a header before each."""
    ends = np.cumsum([0, *(BLOCK + size + -size % BLOCK for size in entry["sizes"])])
    return entry["start"] + BLOCK + ends[:-1]


def member(key: str, stream: str, index: int) -> str:
    """A frame's name in its shard: WebDataset takes what stands before the first dot for the sample."""
    return f"{key}.{stream}.{index:03}.jpg"


def joined(said: list[list[list[str]]], both: bool) -> Counter:
    """A clip's notes, of those on face and context of the frames that were sampled, as VideoDataset counts them."""
    faces = [note for face, _ in said for note in face]
    steps = [note.removeprefix("face: ") for note in faces if note.startswith("face: ")]
    notes = {note for note in faces if not note.startswith("face: ")} | {f"face: {lowest(steps)}"}
    if both:
        notes |= {note for _, context in said for note in context}
        if "context: body box" in notes:
            notes.discard("context: whole frame")
    return Counter(notes)
