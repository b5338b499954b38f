"""Shards that are read from front to back, whole and damaged, near and far."""

import contextlib
import functools
import http.server
import os
import shutil
import tarfile
import threading
from pathlib import Path

import pytest

from dataloaders import shards
from dataloaders.clips import ClipError
from dataloaders.packed import Pack
from dataloaders.packed_clip import places
from dataloaders.packing import Shards
from dataloaders.shards import Place, ShardReader
from tests.dataloaders.packs import BAD, SIDE, write_pack
from utils.errors import UserError


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """One shard."""
    return write_pack(tmp_path_factory.mktemp("pack") / "p", clips=12, largest=10**6)


@pytest.fixture
def copy(pack, tmp_path):
    """A copy, its shard's path, and where each clip begins there, in the shard's order."""
    folder = shutil.copytree(pack.folder, tmp_path / "copy")
    with tarfile.open(folder / "train-00000.tar") as tar:
        starts = [info.offset for info in tar if info.name.endswith(".json")]
    return folder, folder / "train-00000.tar", starts


def reader(address, pack) -> ShardReader:
    return ShardReader(Place(str(address)), pack.splits["train"].shards[0], 0)


def everything(entry):
    return lambda count: list(range(count))


def clips(reader, pick=everything) -> dict:
    """By id: the pictures, or what is said of one that is bad."""
    found = {}
    while reader.next < reader.end:
        clip = reader.read(pick)
        try:
            face, context, _ = clip.streams(pick(clip.entry), SIDE, True)
            found[clip.id] = [picture.tolist() for pair in zip(face, context) for picture in pair]
        except ClipError as error:
            found[clip.id] = str(error)
    return found


@pytest.fixture(scope="module")
def due(pack):
    """What random access gives."""
    found = {}
    for clip in pack.clips()["train"]:
        try:
            face, context, _ = pack.streams(clip.id, lambda count: list(range(count)), SIDE, True)
            found[clip.id] = [picture.tolist() for pair in zip(face, context) for picture in pair]
        except ClipError as error:
            found[clip.id] = str(error)
    return found


def test_a_shard_gives_what_random_access_gives(pack, due):
    before = sorted(os.listdir(pack.folder))
    found = clips(reader(pack.folder, pack))
    assert found == due and len(due) == 12 and list(found) != list(due)
    assert found[f"train/{BAD}.avi"] == "no such film"
    assert sorted(os.listdir(pack.folder)) == before  # nothing is unpacked


def test_only_what_is_chosen_is_held(pack):
    one = reader(pack.folder, pack)
    clip = next(clip for clip in (one.read(lambda entry: lambda count: [count - 1]) for _ in range(12))
                if len(clip.entry.get("steps", ())) == 5)
    assert len(list(clip.streams(lambda count: [4], SIDE, True)[0])) == 1
    with pytest.raises(KeyError):
        list(clip.streams(lambda count: [3], SIDE, True)[0])


@pytest.mark.parametrize("first", range(12))
def test_passing_over_clips_changes_nothing_of_the_others(pack, due, first):
    one = reader(pack.folder, pack)
    for _ in range(first):
        one.skip()
    rest = clips(one)
    assert list(rest) == list(clips(reader(pack.folder, pack)))[first:]
    assert all(due[name] == rest[name] for name in rest)


# Damage


def put(path, place: int, what: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[place : place + len(what)] = what
    path.write_bytes(data)


def sealed(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A whole header of a member."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.USTAR_FORMAT if size >= 0 else tarfile.GNU_FORMAT)


@pytest.mark.parametrize("number", [0, 3, 11])
@pytest.mark.parametrize("place, what, lost", [
    (512 + 40, b"\0\0\0", True), (0, b"../x\0", True), (124, b"77777777777", True), (300, b"\xff" * 600, True)])
def test_a_clip_that_is_not_told_of_is_bad_and_the_next_is_found(copy, pack, due, number, place, what, lost):
    """KEY.json, its name, its length, both."""
    folder, shard, starts = copy
    put(shard, starts[number] + place, what)
    found, names = clips(reader(folder, pack)), list(clips(reader(pack.folder, pack)))
    gone = f"train-00000.tar: {number:09}.json"
    assert list(found) == [*names[:number], gone, *names[number + 1 :]] and found.pop(gone) == f"{gone} is damaged"
    assert all(found[name] == due[name] for name in found)


@pytest.mark.parametrize("header", [
    *(lambda key, size=size: sealed(f"{key}.json", size) for size in (0, 10**9, -5)),
    lambda key: sealed("000000099.json"), lambda key: sealed(f"{key}.face.000.jpg", 5)])
def test_whole_headers_that_lie_are_passed_over(copy, pack, due, header):
    folder, shard, starts = copy
    put(shard, starts[3], header("000000003"))
    found = clips(reader(folder, pack))
    assert len(found) == 12 and [name for name in due if name not in found] == [
        list(clips(reader(pack.folder, pack)))[3]]


@pytest.mark.parametrize("sizes", [[2**62, 2**62], [2**63 - 1, 1], [10**40, 1], [10**9, 1]])
def test_lengths_beyond_the_shard_are_never_read(tmp_path, sizes, monkeypatch):
    """Sums that begin anew at 2^63 would lead back to its beginning."""
    picture = b"not looked at"
    entry = {"id": "a", "index": 0, "label": 0, "side": 8, "streams": ["face", "context"], "frames": 1, "numbers": [0],
             "notes": [], "said": [[["face: face box"], []]], "steps": [0], "sizes": sizes, "crcs": [0, 0]}
    written = Shards(tmp_path, "train", 10**6)
    for name, lengths in (("a", sizes), ("b", [len(picture)] * 2)):
        written.add(entry | {"id": name, "sizes": lengths}, [picture, picture])
    written.close()
    asked, real = [], ShardReader._bytes
    monkeypatch.setattr(ShardReader, "_bytes", lambda self, start, size: asked.append(size) or real(self, start, size))
    one = ShardReader(Place(str(tmp_path)), written.done[0], 0)
    assert one.read(everything).entry["bad"] == "train-00000.tar: 000000000.json is damaged"
    assert one.read(everything).entry["id"] == "b" and 0 <= min(asked) and max(asked) < 5000
    assert places({"sizes": [2**62, 2**62]}, 512) == [1024, 1536 + 2**62, 2048 + 2**63]


@pytest.mark.parametrize("place", [0, 512 + 30])  # the first frame's header, and the frame
def test_a_damaged_frame_is_told_where_it_is_wanted(copy, pack, due, place):
    folder, shard, starts = copy
    with tarfile.open(shard) as tar:
        at = {info.name: info.offset for info in tar}
    key = next(name[:9] for name in at if name.endswith(".face.004.jpg"))
    put(shard, at[f"{key}.face.000.jpg"] + place, b"../x" * 5)
    name = list(clips(reader(pack.folder, pack)))[int(key)]
    assert clips(reader(folder, pack)) == due | {name: f"train-00000.tar: {key}.face.000.jpg is damaged"}
    last = clips(reader(folder, pack), lambda entry: lambda count: [count - 1])
    assert last[name] == due[name][-2:]


@pytest.mark.parametrize("which", ["json", "face.000.jpg"])
@pytest.mark.parametrize("header", [
    sealed("../../x"), sealed("/etc/passwd"), sealed("notes.txt"), sealed("000000003.json", kind=tarfile.SYMTYPE)])
def test_what_no_pack_holds_ends_it(copy, pack, which, header):
    folder, shard, _ = copy
    with tarfile.open(shard) as tar:
        place = next(info.offset for info in tar if info.name.startswith("000000003") and info.name.endswith(which))
    put(shard, place, header)
    name = header[:100].rstrip(b"\0").decode()
    with pytest.raises(UserError) as caught:
        clips(reader(folder, pack))
    assert str(caught.value) == (f"--stream {shard}: holds {name!r}, which is none of a pack's; copy the pack again")


def test_a_shard_of_another_length(copy, pack):
    folder, shard, _ = copy
    whole = shard.stat().st_size
    os.truncate(shard, whole - 5000)
    with pytest.raises(UserError) as caught:
        reader(folder, pack).skip()
    assert str(caught.value) == (f"--stream {shard}: {whole - 5000} bytes, and the index says {whole}; copy the pack "
                                 "again")


# Places


class Whole(http.server.SimpleHTTPRequestHandler):
    """Whole files only, as Python's own server gives them."""

    def log_message(self, *_):
        pass


class Halves(Whole):
    """Breaks off in the middle of every other shard that is asked for."""

    count = 0

    def copyfile(self, source, wire):
        Halves.count += self.path.endswith(".tar")
        if Halves.count % 2:
            wire.write(source.read(os.fstat(source.fileno()).st_size // 2))
        else:
            super().copyfile(source, wire)


class Ranges(Whole):
    """Parts of files, as asked for; every other one breaks off in its middle."""

    count = 0

    def do_GET(self):
        Ranges.count += 1
        begin, end = (int(number) for number in self.headers["Range"].removeprefix("bytes=").split("-"))
        data = Path(self.translate_path(self.path)).read_bytes()
        part = data[begin : end + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {begin}-{end}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part[: len(part) // (1 + Ranges.count % 2)])

    def end_headers(self):
        self.send_header("Accept-Ranges", "bytes")
        super().end_headers()


class Restarting(Whole):
    """It is not ready for the first three times that a shard is asked for."""

    count = 0

    def send_head(self):
        Restarting.count += self.path.endswith(".tar")
        if self.path.endswith(".tar") and Restarting.count < 4:
            return self.send_error(503)
        return super().send_head()


class Silent(Whole):
    """Says no more after half of a shard, the first time."""

    count = 0

    def copyfile(self, source, wire):
        Silent.count += self.path.endswith(".tar")
        wire.write(source.read(os.fstat(source.fileno()).st_size // 2))
        wire.flush()
        if Silent.count == 1:
            self.rfile.read(1)  # until the other side hangs up
        super().copyfile(source, wire)


@contextlib.contextmanager
def serving(pack, handler):
    """The pack's folder over HTTP."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(pack.folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def served(pack):
    with serving(pack, Whole) as address:
        yield address


@pytest.mark.parametrize("handler", [Halves, Ranges, Restarting, Silent])
def test_servers_that_break_off(pack, due, handler, monkeypatch):
    pytest.importorskip("aiohttp", reason="fsspec reads http with it")
    waits = []
    monkeypatch.setattr(shards, "SILENT", 1 if handler is Silent else 60)
    monkeypatch.setattr(shards.time, "sleep", waits.append)
    handler.count = 0
    with serving(pack, handler) as address:
        one = reader(address, pack)
        assert clips(one) == due and waits and waits[0] == 1
        one.close()


def test_over_http(served, pack, due):
    pytest.importorskip("aiohttp", reason="fsspec reads http with it")
    Place(served).check(pack.path.read_bytes())
    one = reader(served, pack)
    assert clips(one) == due
    one.close()
    with pytest.raises(UserError, match=f"^--stream {served}/x/index.json: cannot be read: [^\n]*$"):
        Place(f"{served}/x").check(b"")


class Pipe:
    """What comes in one piece, of a length that is not told, a little at a time."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def read(self, size: int) -> bytes:
        found = self.data[self.at : self.at + min(size, 700)]
        self.at += len(found)
        return found

    def close(self) -> None:
        pass


class Breaking:
    """A file of a place that fails at every third read, wherever it is."""

    def __init__(self, file, read: list[int], error: Exception):
        self.file, self.count, self.error = file, read, error
        self.seek, self.close = file.seek, file.close

    def read(self, size: int) -> bytes:
        self.count[0] += 1
        if self.count[0] % 3 == 0:
            raise self.error
        return self.file.read(size)


class Sized(Breaking):
    @property
    def size(self) -> int:
        return os.stat(self.file.fileno()).st_size


@pytest.fixture
def breaks(pack, monkeypatch):
    """Makes the pack's folder a place that breaks off; gives the list of how long each wait was."""
    def make(kind, error):
        read, waits = [0], []
        monkeypatch.setattr(Place, "open", lambda self, name: kind(open(pack.folder / name, "rb"), read, error))
        monkeypatch.setattr(shards.time, "sleep", waits.append)
        return waits

    return make


@pytest.mark.parametrize("kind", [Sized, Breaking])
def test_what_breaks_off_is_opened_again_and_the_clips_have_notes_of_it(pack, due, breaks, kind):
    whole = list(clips(reader(pack.folder, pack)).items())
    waits, notes = breaks(kind, ConnectionResetError(104, "reset")), 0
    one, found = reader("far", pack), {}
    while one.next < one.end:
        clip = one.read(everything)
        notes += clip.entry.get("notes", []).count("stream broke off")
        try:
            face, context, _ = clip.streams(everything(clip.entry), SIDE, True)
            found[clip.id] = [picture.tolist() for pair in zip(face, context) for picture in pair]
        except ClipError as error:
            found[clip.id] = str(error)
    assert list(found.items()) == whole and found == due
    assert len(waits) > 8 and notes + one._breaks == len(waits)


def test_what_breaks_off_again_and_again_ends_it(pack, breaks, monkeypatch):
    waits = breaks(Sized, TimeoutError("too slow"))
    monkeypatch.setattr(Sized, "read", lambda self, size: exec("raise self.error"))
    with pytest.raises(UserError, match="^--stream far/train-00000.tar: cannot be read: too slow$"):
        reader("far", pack).skip()
    assert waits == [1, 4, 16]


@pytest.mark.parametrize("error", [FileNotFoundError("gone"), PermissionError("not yours"), ValueError("no such")])
def test_what_would_fail_again_is_not_tried_again(pack, breaks, error):
    waits = breaks(Sized, error)
    with pytest.raises(UserError, match=f"cannot be read: {error}$"):
        clips(reader("far", pack))
    assert waits == []


def test_a_shard_that_a_server_has_not_is_not_asked_for_again(pack, tmp_path, monkeypatch):
    pytest.importorskip("aiohttp", reason="fsspec reads http with it")
    waits = []
    monkeypatch.setattr(shards.time, "sleep", waits.append)
    with serving(pack, Whole) as address, pytest.raises(UserError, match="cannot be read: 404"):
        reader(f"{address}/elsewhere", pack).skip()
    assert waits == []


def test_a_shard_that_was_changed_meanwhile_ends_it(copy, pack, breaks, monkeypatch):
    folder, shard, _ = copy
    breaks(Sized, ConnectionResetError(104, "reset"))
    one = reader("far", pack)
    one.skip()
    size = shard.stat().st_size
    monkeypatch.setattr(Sized, "size", size - 1)
    with pytest.raises(UserError, match=f"{size - 1} bytes, and the index says {size}"):
        clips(one)


@pytest.mark.parametrize("first", [0, 7])
def test_what_cannot_seek_is_read_through(pack, due, monkeypatch, first):
    data = (pack.folder / "train-00000.tar").read_bytes()
    monkeypatch.setattr(Place, "open", lambda self, name: Pipe(data))
    one = reader("pipe://", pack)
    for _ in range(first):
        one.skip()
    assert list(clips(one).items()) == list(clips(reader(pack.folder, pack)).items())[first:]


def test_what_cannot_seek_and_ends_early(pack, due, monkeypatch):
    """Once, as where a server hangs up without a word; and always, as where the copy is not whole."""
    waits = []
    monkeypatch.setattr(shards.time, "sleep", waits.append)
    data = (pack.folder / "train-00000.tar").read_bytes()
    monkeypatch.setattr(Place, "open", lambda self, name: Pipe(data[:9000]))
    said = f"^--stream pipe:/train-00000.tar: cannot be read: it ends before its {len(data)} bytes"
    with pytest.raises(UserError, match=said):
        clips(reader("pipe:/", pack))
    assert waits == [1, 4, 16]
    ends = iter([9000, len(data)])
    monkeypatch.setattr(Place, "open", lambda self, name: Pipe(data[: next(ends)]))
    assert clips(reader("pipe:/", pack)) == due and waits == [1, 4, 16, 1]


def test_readers_in_memory_share_a_file_and_not_a_place(pack, due):
    import fsspec

    system = fsspec.filesystem("memory")
    system.pipe("/p/train-00000.tar", (pack.folder / "train-00000.tar").read_bytes())
    one, other = reader("memory://p", pack), reader("memory://p", pack)
    one.skip()
    first = other.read(everything)
    assert list(clips(one)) == list(clips(other)) and first.id == list(clips(reader(pack.folder, pack)))[0]


@pytest.mark.parametrize("address, said", [
    ("{}/none", "No such file"), ("nowhere://x", "Protocol not known: nowhere"), ("http://127.0.0.1:9", "")])
def test_places_that_cannot_be_reached(tmp_path, address, said):
    address = address.format(tmp_path)
    with pytest.raises(UserError) as caught:
        Place(address).check(b"")
    text = str(caught.value)
    assert text.startswith(f"--stream {address}/index.json: cannot be read: ") and said in text and "\n" not in text


def test_another_pack_at_the_place(pack, tmp_path):
    other = write_pack(tmp_path / "other", clips=9)
    with pytest.raises(UserError, match="index.json: is another pack's than --packed; copy that pack whole"):
        Place(str(other.folder)).check(pack.path.read_bytes())
    Place(str(other.folder)).check(Pack(other.folder).path.read_bytes())
