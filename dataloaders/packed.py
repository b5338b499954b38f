"""A pack: a recipe's clips as training sees them before it augments, in tar files of which any frame is read at random.

`index.json` says what the pack was made with and what shards each split has; `SPLIT.json` where each of its clips lies.
"""

import json
import mmap
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from dataloaders.clips import Clip, ClipError
from dataloaders.datasets import FILES, find_file
from dataloaders.lists import read_text
from dataloaders.packed_clip import BLOCK, STREAMS, PackedClip, Streams, from_json, header, name_in, names, places
from dataloaders.readers import Pick
from utils.config import ClipDataConfig, flag
from utils.errors import UserError, first_line
from utils.provenance.hashes import sha256

INDEX, FORMAT, OLD = "index.json", "camxuc pack 2", "camxuc pack 1"
SETTINGS = ("dataset", "target", "streams", "missing_box", "centre_crop", "box_margin", "crop_body")
AGAIN = "pack the clips again"


@dataclass(frozen=True)
class Shard:
    """A tar file: its name, length in bytes, sha256, and how many clips it holds."""

    name: str
    size: int
    digest: str
    clips: int


@dataclass(frozen=True)
class PackedSplit:
    """`counts` is the clips of each class, `ids` the sum that id_sum makes of theirs, `table` SPLIT.json's sha256."""

    shards: tuple[Shard, ...]
    counts: tuple[int, ...]
    ids: int
    table: str

    @property
    def size(self) -> int:
        return sum(shard.clips for shard in self.shards)


class Pack:
    """What index.json says; tables and shards are opened when a split is asked for.

    Raises:
        UserError: no pack, one of another format, or an index that is damaged.
    """

    def __init__(self, folder: Path):
        self.folder, self.path = folder, folder / INDEX
        if not self.path.is_file():
            raise UserError(f"--packed {folder}: no pack; there is no {INDEX} in it")
        table = _read(self.path)
        try:
            self._take(table)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise _damaged(self.path, error) from None
        self._places: dict[str, tuple[Path, int, int | str]] = {}  # by id: the shard, where it lies there; its file
        self._open: dict[Path, mmap.mmap] = {}  # by the process that reads

    def _take(self, table: dict) -> None:
        if table["format"] == OLD:
            raise UserError(f"{self.path}: of an older format; {AGAIN}")
        if table["format"] != FORMAT:
            raise ValueError(f"format {table['format']!r}, not {FORMAT!r}")
        self.settings, self.files, self.classes = table["settings"], table["files"], table["classes"]
        self.side = self.settings["side"]
        STREAMS[self.settings["streams"]]  # else a KeyError, as of what is not there
        for name in SETTINGS:
            self.settings[name]
        _need(int, self.side)
        _need(dict, self.files)
        _need(str, *self.classes)
        self.splits = {name: self._split(name, split) for name, split in table["splits"].items()}

    def _split(self, name: str, split: dict) -> PackedSplit:
        shards, counts = tuple(Shard(*shard) for shard in split["shards"]), tuple(split["counts"])
        _need(str, split["table"], *(shard.digest for shard in shards))
        _need(int, split["ids"], *counts, *(number for shard in shards for number in (shard.size, shard.clips)))
        if not re.fullmatch(r"[a-z]+", name):
            raise ValueError(f"split {name!r}")
        for shard in shards:
            if not re.fullmatch(rf"{name}-\d{{5}}\.tar", shard.name):
                raise ValueError(f"shard {shard.name!r}")
            if shard.clips < 1 or shard.size < BLOCK:
                raise ValueError(f"shard {shard.name}: {shard.clips} clips in {shard.size} bytes")
        made = PackedSplit(shards, counts, split["ids"], split["table"])
        if min(counts) < 0 or len(counts) != len(self.classes) or sum(counts) != made.size:
            raise ValueError(f"{name}: {made.size} clips, of classes {list(counts)}")
        return made

    def clips(self, but: str = "") -> dict[str, list[Clip]]:
        """By split, but for one that is not asked for. Their paths are the pack's own, for no other is read.

        Raises:
            UserError: a damaged table; shards that are absent, of another length or of another pack.
        """
        return {split: self._clips(split) for split in self.splits if split != but}

    def _clips(self, split: str) -> list[Clip]:
        path, held = self.folder / f"{split}.json", self.splits[split]
        for shard in held.shards:
            self._check_shard(shard)
        rows = _read(path)
        try:
            if sha256(path) != held.table:
                raise ValueError("not the one that the index tells of")
            clips = [self._clip(held, *row) for row in rows]
        except (OSError, TypeError, ValueError, IndexError) as error:
            raise _damaged(path, error) from None
        if Counter(clip.label for clip in clips) != +Counter(dict(enumerate(held.counts))):
            raise _damaged(path, ValueError("other labels than the index tells of"))
        return clips

    def _clip(self, split: PackedSplit, name: str, label: int, size: int | str, shard: int, start: int) -> Clip:
        _need(str, name)
        _need(int, label, shard, start)
        if shard < 0 or not 0 <= start <= split.shards[shard].size - BLOCK:
            raise ValueError(f"clip {name!r} points outside")
        path = self.folder / split.shards[shard].name
        self._places[name] = path, start, size
        return Clip(name, path, label)

    def _check_shard(self, shard: Shard) -> None:
        path = self.folder / shard.name
        try:
            if (found := path.stat().st_size) != shard.size:
                raise UserError(f"{path}: {found} bytes, and the index says {shard.size}; {AGAIN}")
            with path.open("rb") as file:
                head = file.read(BLOCK)
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror}") from None
        if head[257:262] != b"ustar" or not re.fullmatch(r"\d{9}\.json", name_in(head)):
            raise UserError(f"{path}: no shard of a pack; its first member is {name_in(head)[:60]!r}")

    def size_of(self, clip_id: str) -> int | str:
        """Of the file that was packed, as fingerprints.size_of gives it."""
        return self._place(clip_id)[2]

    def _place(self, clip_id: str) -> tuple[Path, int, int | str]:
        if clip_id not in self._places:
            self.clips()
        return self._places[clip_id]

    def streams(self, clip_id: str, pick: Pick, side: int, both: bool) -> Streams:
        """As PackedClip.streams."""
        return self.clip(clip_id).streams(pick, side, both)

    def clip(self, clip_id: str) -> PackedClip:
        """
        Raises:
            ClipError: its KEY.json is damaged, or its shard cannot be read any more.
        """
        path, start, _ = self._place(clip_id)
        try:
            data = memoryview(self._shard(path))
        except (OSError, ValueError) as error:  # it was there when the pack was opened
            raise ClipError(f"{path.name}: cannot be read: {first_line(error)}") from None
        head, name = header(data[start : start + BLOCK]), name_in(data[start : start + BLOCK])
        entry = head and from_json(bytes(data[start + BLOCK : start + BLOCK + head.size]))
        if not entry or entry["id"] != clip_id or not re.fullmatch(r"\d{9}\.json", name):
            raise ClipError(f"{path.name}: the clip at byte {start} is damaged")
        key = name.removesuffix(".json")
        at, members = places(entry, start + BLOCK + head.size + -head.size % BLOCK), names(entry, key)

        def picture(place: int) -> memoryview:
            if name_in(data[at[place] - BLOCK : at[place]]) != members[place]:
                raise ClipError(f"{path.name}: {members[place]} is damaged")
            return data[at[place] : at[place] + entry["sizes"][place]]

        return PackedClip(path.name, key, entry, picture)

    def _shard(self, path: Path) -> mmap.mmap:
        if path not in self._open:
            with path.open("rb") as file:
                self._open[path] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return self._open[path]

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
                                f"{AGAIN}, or train with what they were packed with")
        for name, due in files.items():
            if due != (has := self.files.get(name)):
                raise UserError(f"--packed {self.folder}: packed with another {flag(name)} ({_short(has)}) than the "
                                f"recipe's ({_short(due)}); {AGAIN}")
        return self


def _read(path: Path):
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON: {error}") from None


def _damaged(path: Path, error: Exception) -> UserError:
    what = "the index of a pack" if path.name == INDEX else "the table of a pack"
    return UserError(f"{path}: not {what} ({type(error).__name__}: {error}); {AGAIN}")


def _need(kind: type, *values) -> None:
    """
    Raises:
        TypeError: one is of another kind.
    """
    if wrong := [value for value in values if type(value) is not kind]:
        raise TypeError(f"{str(wrong[0])[:40]!r} is no {kind.__name__}")


def made_with(config: ClipDataConfig) -> tuple[dict, dict[str, str | None]]:
    """The settings that decide what a pack holds, `side` the one that training needs; and the files' hashes."""
    settings = {name: getattr(config, name) for name in SETTINGS}
    files = {name: getattr(config, name) for name in FILES}
    hashes = {name: path and sha256(find_file(path, config.root_dir, flag(name))) for name, path in files.items()}
    return settings | {"side": max(config.image_size, getattr(config, "load_size", 0))}, hashes


def _short(digest: str | None) -> str:
    return f"sha256 {digest[:12]}" if digest else "none"
