"""Shards of a pack, read from front to back, wherever they lie. Nothing is ever unpacked onto the disk."""

import contextlib
import time
from collections.abc import Callable, Iterator
from hashlib import sha256

from dataloaders.packed import INDEX, Shard
from dataloaders.packed_clip import (
    BLOCK,
    MEMBER,
    PackedClip,
    filled,
    from_json,
    header,
    key_of,
    name_in,
    names,
    places,
    places_of,
)
from dataloaders.readers import Pick
from utils.errors import UserError, first_line

PASSED = 2**20  # bytes read at once where a file cannot seek
WAITS = 1, 4, 16  # seconds before another try, where a place breaks off
LATER = 408, 425, 429  # of HTTP's statuses: a time-out, too early, too many requests
SILENT = 20  # seconds that a server may say nothing: all tries and waits are over within the default --reader-timeout
FINAL = UserError, FileNotFoundError, PermissionError, ImportError, ValueError  # what another try would not change


@contextlib.contextmanager
def reaching(where: str) -> Iterator[None]:
    """
    Raises:
        UserError: whatever goes wrong at a place: each kind has errors of its own.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        said = first_line(error.__cause__ or error)  # of a server fsspec says no more than the address
        raise UserError(f"--stream {where}: cannot be read: {said}") from None


class Place:
    """A folder, or any address that fsspec knows: https://, s3:// and so on. It is opened in the process that reads."""

    def __init__(self, address: str):
        self.address = address

    def where(self, name: str) -> str:
        return f"{self.address.rstrip('/')}/{name}"

    def open(self, name: str):
        from fsspec.core import url_to_fs  # only now: it takes a while, and few need it

        settings = {}
        if self.address.startswith(("http://", "https://")):
            from aiohttp import ClientTimeout  # its own bound is 5 minutes for a whole file, which is read for hours

            settings = {"client_kwargs": {"timeout": ClientTimeout(sock_connect=SILENT, sock_read=SILENT)}}
        system, path = url_to_fs(self.where(name), **settings)
        return system.open(path, "rb")

    def check(self, index: bytes) -> None:
        """
        Raises:
            UserError: it cannot be reached, or what lies there is another pack than the one with this index.
        """
        with reaching(self.where(INDEX)), self.open(INDEX) as file:
            found = file.read(len(index) + 1)
        if sha256(found).digest() != sha256(index).digest():
            raise UserError(f"--stream {self.where(INDEX)}: is another pack's than --packed; copy that pack whole")


def _is_final(error: Exception) -> bool:
    """Another try would not change it."""
    if isinstance(error, FileNotFoundError) and error.__cause__:
        error = error.__cause__  # fsspec says so of whatever comes of asking a server for a file
    status = getattr(error, "status", 0)  # of HTTP
    return isinstance(error, FINAL) or status in range(400, 500) and status not in LATER


class ShardReader:
    """The clips of a shard, one after another. One that is damaged is a bad clip; reading goes on behind it.

    Where the place breaks off, the shard is opened again, and the next clip that can be read has a note of it.

    Args:
        first: the number, in the split, of the shard's first clip.
    Raises:
        UserError: at a clip; the shard cannot be read, is of another length than the index says, or holds what no
            pack does.
    """

    def __init__(self, place: Place, shard: Shard, first: int):
        self.place, self.shard, self.next, self.end = place, shard, first, first + shard.clips
        self.where, self.file, self.at, self._told, self._breaks = place.where(shard.name), None, 0, 0, 0
        self._ahead: tuple[int, int] | None = None  # a KEY.json that was met before its turn: its number and length

    def _open(self) -> None:
        self.file, self._told = self.place.open(self.shard.name), 0
        found = getattr(self.file, "size", None)
        self.seeks = found is not None  # of what comes in one piece no length is known
        if self.seeks and found != self.shard.size:
            raise UserError(f"--stream {self.where}: {found} bytes, and the index says {self.shard.size}; copy the "
                            "pack again")

    def close(self) -> None:
        with contextlib.suppress(Exception):  # nothing was written
            self.file.close()
        self.file = None

    def skip(self) -> None:
        """Pass over a clip, of which KEY.json alone is looked at."""
        self._clip()

    def read(self, pick: Callable[[dict], Pick]) -> PackedClip:
        """The next clip, with the pictures of the frames that `pick`, given what KEY.json says, chooses."""
        key, entry, start = self._clip()
        if entry is None:
            lost = f"{self.shard.name}: {key}.json"
            entry = {"id": lost, "index": 0, "label": 0, "bad": f"{lost} is damaged"}
        if "bad" in entry:
            return PackedClip(self.shard.name, key, entry, {}.get)
        pictures = self._pictures(names(entry, key), places(entry, 0), self._bytes(start, self.at - start))
        entry["notes"] += ["stream broke off"] * self._breaks
        self._breaks = 0
        # Only these are held: a clip has many more frames than training looks at.
        chosen = places_of(entry, pick(entry))
        kept = {number: bytes(pictures[number][: entry["sizes"][number]]) for number in chosen}
        return PackedClip(self.shard.name, key, entry, kept.__getitem__)

    def _pictures(self, due: list[str], at: list[int], data: bytes) -> list[memoryview]:
        """The bytes of each; none, where it has another name than is due."""
        data, found = memoryview(data), []
        for name, begin, end in zip(due, at, at[1:]):
            head = data[begin - BLOCK : begin]
            same = name_in(head) == name or self._member(bytes(head)) == name
            found.append(data[begin : end - BLOCK] if same else data[:0])
        return found

    def _clip(self) -> tuple[str, dict | None, int]:
        """Key, what KEY.json says (None: that is damaged), and where its pictures begin; `at` is then behind them."""
        number, self.next = self.next, self.next + 1
        if self._ahead is None:
            self._ahead = self._found(number)
        (found, size), entry = self._ahead, None
        if found == number:
            self._ahead = None
            if size <= self.shard.size - self.at:
                entry = from_json(self._bytes(self.at, size))
                self.at += filled(size) - BLOCK
        start = self.at
        if entry and (end := places(entry, start)[-1] - BLOCK) <= self.shard.size:
            self.at = end
            return key_of(number), entry, start
        return key_of(number), None, start

    def _found(self, number: int) -> tuple[int, int]:
        """The next KEY.json whose number is not below `number`: its number and length; `at` is then behind its header.
        """
        while self.at + BLOCK <= self.shard.size:
            block = self._bytes(self.at, BLOCK)
            self.at += BLOCK
            name = self._member(block) or ""
            if name.endswith(".json") and number <= (found := int(name[:9])) < self.end:
                return found, header(block).size
        return self.end, 0

    def _member(self, block: bytes) -> str | None:
        """The name in a tar header; None, where the block is no header or a damaged one.

        Raises:
            UserError: a whole header of what no pack holds.
        """
        if block[257:262] != b"ustar" or (info := header(block)) is None:
            return None
        if not info.isreg() or not MEMBER.fullmatch(info.name):
            raise UserError(f"--stream {self.where}: holds {info.name[:60]!r}, which is none of a pack's; copy the "
                            "pack again")
        return info.name

    def _bytes(self, start: int, size: int) -> bytes:
        with reaching(self.where):
            for wait in WAITS:
                try:
                    return self._bytes_at(start, size)
                except Exception as error:  # each kind of place has its own
                    if _is_final(error):
                        raise
                    self.close()
                    self._breaks += 1
                    time.sleep(wait)
            return self._bytes_at(start, size)

    def _bytes_at(self, start: int, size: int) -> bytes:
        if self.file is None:
            self._open()
        if self.seeks:
            self.file.seek(start)  # readers of one file in memory share it
            return self._next(size)
        while self._told < start:
            self._next(min(start - self._told, PASSED))
        return self._next(size)

    def _next(self, size: int) -> bytes:
        """What comes over a network comes in pieces."""
        pieces, missing = [], size
        while missing:
            pieces.append(self.file.read(missing))
            missing -= len(pieces[-1])
            self._told += len(pieces[-1])
            if not pieces[-1]:
                raise ConnectionError(f"it ends before its {self.shard.size} bytes, which the index says that it has")
        return b"".join(pieces)
