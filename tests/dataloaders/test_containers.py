import struct

import av
import pytest

from dataloaders.clips import ClipError
from dataloaders.containers import check_container, is_cut_short
from dataloaders.readers import read_clip
from dataloaders.stream import Stream
from tests.dataloaders.footage import frame

MANY = 50_000_000


@pytest.mark.parametrize("name", ["avi", "mp4"])
@pytest.mark.parametrize("lost, cut", [(0, False), (1, True), (0.4, True)])
def test_a_file_that_ends_before_its_container_is_cut_short(request, tmp_path, name, lost, cut):
    content = request.getfixturevalue(name).read_bytes()
    (tmp_path / "file").write_bytes(content[: len(content) - (int(lost * len(content)) if lost < 1 else lost)])
    assert is_cut_short(tmp_path / "file") is cut


FTYP, LONG = b"\0\0\0\x08ftyp", b"\0\0\0\x01mdat" + b"\0" * 7


@pytest.mark.parametrize("content, cut", [
    (b"", False), (b"no video at all", False),
    (b"RIFF\x04\0\0\0AVI ", False), (b"RIFF\x05\0\0\0AVI ", True), (b"RIFF" + b"\xff" * 4 + b"AVI ", False),
    (b"\0\0\0\0ftyp", False), (FTYP + b"\0\0\0\0mdat", False), (FTYP + b"\0\0\0\x07mdat", False),
    (FTYP + b"\0\0\0\x08mdat", False), (FTYP + b"\0\0\0\x09mdat", True),
    (FTYP + LONG + b"\x10", False), (FTYP + LONG + b"\x11", True)])
def test_lengths_that_containers_claim(tmp_path, content, cut):
    (tmp_path / "file").write_bytes(content)
    assert is_cut_short(tmp_path / "file") is cut


# Lies


def patched(content, box, offset, *numbers, order=">"):
    """The content with other numbers, `offset` bytes behind a box's name."""
    content = bytearray(content)
    struct.pack_into(f"{order}{len(numbers)}I", content, content.find(box) + len(box) + offset, *numbers)
    return bytes(content)


LIES = {
    "mp4: many frames of one size": lambda mp4, avi: patched(mp4, b"stsz", 4, 1, MANY),
    "mp4: many frames of one length": lambda mp4, avi: patched(mp4, b"stts", 8, 2**31 - 1),
    "mp4: a packed table of contents": lambda mp4, avi: mp4.replace(b"mvhd", b"cmov"),
    "mp4: a fragment of many frames": lambda mp4, avi: mp4 + struct.pack(
        ">I4sI4sI4sIII", 36, b"moof", 28, b"traf", 20, b"trun", 0, MANY, 0),
    "avi: many frames": lambda mp4, avi: patched(avi, b"strh", 4 + 32, 2**31 - 1, order="<"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_film_that_claims_more_frames_than_it_can_hold_is_refused_unread(mp4, avi, tmp_path, lie):
    """FFmpeg would fill gigabytes with the table of the first, and decord end the process at the second."""
    path = tmp_path / lie[:3]
    path.write_bytes(LIES[lie](mp4.read_bytes(), avi.read_bytes()))
    for read in (check_container, lambda path: read_clip(path, lambda count: [0]), lambda path: list(Stream(path))):
        with pytest.raises(ClipError, match=r"^claims [\d,]+ frames, more than it can hold$"):
            read(path)


@pytest.mark.parametrize("part", [b"", struct.pack(">I4s", 8, b"free") * 2**12], ids=["avi", "mp4"])
def test_a_film_in_crumbs_is_refused(tmp_path, part):
    """A hole in a file costs no room on the disk, and each of its 8 bytes would be a chunk."""
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.write(b"RIFF" if not part else struct.pack(">I4sQ", 16, b"ftyp", 0))
        for _ in range(2**8 if part else 0):
            file.write(part)
        file.truncate(2**40 if not part else 16 + 2**8 * len(part) + 8)
    if part:
        with path.open("r+b") as file:
            file.seek(0, 2)
            file.write(struct.pack(">I4s", 8, b"free"))
    for read in (check_container, lambda path: read_clip(path, lambda count: [0]), lambda path: list(Stream(path))):
        with pytest.raises(ClipError, match="^made of more than 1,048,576 parts$"):
            read(path)


def test_a_film_of_as_many_frames_as_it_claims_is_read(mp4, avi, tmp_path):
    for path in (mp4, avi):
        check_container(path)
    (tmp_path / "x.mp4").write_bytes(patched(mp4.read_bytes(), b"stts", 8, 41))
    check_container(tmp_path / "x.mp4")


@pytest.mark.parametrize("name, text", [
    ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:20\n#EXTINF:10.0,\n{film}\n#EXT-X-ENDLIST\n"),
    ("list.avi", "ffconcat version 1.0\nfile film.ts\n"),
    ("list.mp4", '<?xml version="1.0"?>\n<MPD><BaseURL>{film}</BaseURL></MPD>'), ("list.mkv", "ID3")])
def test_no_path_of_another_file_is_followed(tmp_path, name, text):
    (tmp_path / "in").mkdir()
    for film in (tmp_path / "film.ts", tmp_path / "in" / "film.ts"):
        with av.open(str(film), "w") as container:
            stream = container.add_stream("mpeg2video", rate=25, width=128, height=64)
            stream.pix_fmt = "yuv420p"
            for number in range(10):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame(number), "bgr24")))
            container.mux(stream.encode())
    assert len(read_clip(tmp_path / "film.ts", lambda count: [0, 9]).pixels) == 2
    (tmp_path / "in" / name).write_text(text.format(film=tmp_path / "film.ts"))
    with pytest.raises(ClipError, match="a playlist, not a video"):
        read_clip(tmp_path / "in" / name, lambda count: [0])
