import gc
import os
import weakref
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from dataloaders.clips import ClipError
from dataloaders.crops import resize
from dataloaders.readers import read_clip
from dataloaders.stream import LONGEST_SIDE, Stream
from tests.dataloaders.footage import frame, number_of, numbers_of, write_image, write_video

CUT, DAMAGED, EARLY = "video file cut short", "1 damaged packets left out", "ends before the time that the file says"
UNREADABLE = "not a video, or no frame can be decoded"
MILLISECONDS = Fraction(1, 1000)


def tinted(number):
    """A frame whose colours tell BGR from RGB."""
    return (frame(number) * [0.5, 1, 0.9]).astype(np.uint8)


def recording(path, times=tuple(range(0, 1600, 40)), codec="libx264", picture=tinted, turned=0.0, rate=25,
              **options) -> Path:
    """A video whose frames are shown at these milliseconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options) as container:
        track = container.add_stream(codec, rate=rate)
        track.height, track.width = picture(0).shape[:2]
        track.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        track.codec_context.time_base = MILLISECONDS
        if turned:
            track.set_display_rotation(turned)
        for number, time in enumerate(times):
            shown = av.VideoFrame.from_ndarray(picture(number), format="bgr24")
            shown.pts, shown.time_base = time, MILLISECONDS
            container.mux(track.encode(shown))
        container.mux(track.encode(None))
    return path


def sound(path, cover=False) -> Path:
    with av.open(str(path), "w") as container:
        track = container.add_stream("aac", rate=16000)
        if cover:
            drawing = container.add_stream("mjpeg")
            drawing.width, drawing.height, drawing.pix_fmt = 128, 64, "yuvj420p"
            drawing.disposition = av.stream.Disposition.attached_pic
            container.mux(drawing.encode(av.VideoFrame.from_ndarray(frame(3), format="bgr24")))
        for number in range(4):
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            samples.rate, samples.pts = 16000, 1024 * number
            container.mux(track.encode(samples))
        container.mux(track.encode(None))
    return path


def packets(path) -> list[tuple[int, int]]:
    """(offset, size) of every frame's data."""
    with av.open(str(path)) as container:
        return [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]


def read(path, **settings):
    source = Stream(path, **settings)
    return list(source), source


def times_of(moments) -> list[float]:
    return [moment.time for moment in moments]


def folder_of(folder, numbers):
    for number in numbers:
        write_image(folder / f"frame_{number}.png", frame(number))
    return folder


# The same as the reader of training


KINDS = {
    "h264.mp4": recording, "mpeg4.mp4": lambda path: write_video(path, 40, "mp4v"),
    "film.avi": lambda path: write_video(path, 40, "MJPG"), "vp8.webm": lambda path: write_video(path, 40, "VP80"),
    "film.mkv": recording, "Lớp học 7/bài giảng số 1.MP4": recording, "one.avi": lambda path: write_video(path, 1),
    "one.mp4": lambda path: recording(path, [0]), "image.png": lambda path: write_image(path, frame(77)),
    "folder": lambda path: folder_of(path, range(7, 12)),  # 10 stands behind 9
    "quarter.mp4": lambda path: recording(path, turned=90.0), "back.mp4": lambda path: recording(path, turned=-90.0),
    "half.mp4": lambda path: recording(path, turned=180.0)}


@pytest.mark.parametrize("name", KINDS)
def test_frames_and_numbers_are_read_clips(tmp_path, name):
    path = KINDS[name](tmp_path / name)
    moments, source = read(path)
    expected = read_clip(path, lambda count: list(range(count)))
    assert [moment.number for moment in moments] == expected.numbers and source.notes == []
    for moment, pixels in zip(moments, expected.pixels, strict=True):
        assert moment.pixels.shape == pixels.shape and moment.pixels.dtype == np.uint8 and moment.scale == 1
        assert np.abs(moment.pixels.astype(int) - pixels).max() <= 3  # several FFmpegs
    assert times_of(moments) == pytest.approx([0.04 * step for step in range(len(moments))])


@pytest.mark.parametrize("name, count", [("no_face.mp4", 95), ("single_face.mp4", 72)])
def test_real_files_too_one_of_which_hides_frames_by_an_edit_list(shared, name, count):
    path, some = shared(f"face-videos/{name}"), [0, 1, count // 2, count - 2, count - 1]
    moments, source = read(path)
    assert len(moments) == count and source.notes == [] and moments[0].time == 0
    for number, pixels in zip(some, read_clip(path, lambda _: some).pixels, strict=True):
        assert np.abs(moments[number].pixels.astype(int) - pixels).max() <= 3


@pytest.mark.parametrize("turned, quarters", [(90.0, 1), (180.0, 2), (-90.0, 3)])
def test_a_turned_film_is_upright(tmp_path, turned, quarters):
    """Which way is counter-clockwise, read off the picture: bar 0 is at the left of what was recorded."""
    moments, _ = read(recording(tmp_path / "turned.mp4", turned=turned))
    assert moments[5].pixels.shape == ((64, 128, 3) if quarters == 2 else (128, 64, 3))
    assert numbers_of(np.rot90(moment.pixels, -quarters) for moment in moments) == list(range(40))


# Times


@pytest.mark.parametrize("name", ["uneven.mp4", "uneven.mkv"])
def test_uneven_frames_have_their_own_times_from_0_on(tmp_path, name):
    moments, _ = read(recording(tmp_path / name, [500, 520, 600, 1600, 1610]))
    assert times_of(moments) == pytest.approx([0, 0.02, 0.1, 1.1, 1.11]) and moments[0].time == 0
    assert numbers_of(moment.pixels for moment in moments) == [moment.number for moment in moments] == list(range(5))


@pytest.mark.parametrize("name", ["slides.mp4", "slides.mkv"])
def test_slides_that_stand_for_seconds(tmp_path, name):
    moments, source = read(recording(tmp_path / name, [0, 2000, 4000], rate=Fraction(1, 2)))
    assert times_of(moments) == [0, 2, 4] and source.notes == [] and source.seconds == 6


def test_a_last_frame_that_stands_for_seconds_is_no_early_end(tmp_path):
    with (av.open(str(recording(tmp_path / "film.mp4", range(0, 400, 40), "mpeg4"))) as film,
          av.open(str(tmp_path / "held.mp4"), "w") as held):
        track = held.add_stream_from_template(film.streams.video[0])
        for number, packet in enumerate(packet for packet in film.demux(video=0) if packet.size):
            packet.stream, packet.duration = track, packet.duration * (60 if number == 9 else 1)
            held.mux(packet)
    moments, source = read(tmp_path / "held.mp4")
    assert len(moments) == 10 and source.seconds == pytest.approx(0.36 + 2.4) and source.notes == []


def test_times_that_begin_anew_go_on_by_a_frame(tmp_path):
    once = recording(tmp_path / "once.ts", range(0, 400, 40)).read_bytes()
    (tmp_path / "twice.ts").write_bytes(once + once)
    moments, _ = read(tmp_path / "twice.ts")
    assert numbers_of(moment.pixels for moment in moments) == [*range(10), *range(10)]
    assert times_of(moments) == pytest.approx([0.04 * step for step in range(20)])


def test_a_folder_goes_by_the_frame_rate_given(tmp_path):
    moments, source = read(folder_of(tmp_path / "frames", [7, 8, 9, 10]), frame_rate=5.0)
    assert times_of(moments) == pytest.approx([0, 0.2, 0.4, 0.6]) and source.seconds == pytest.approx(0.8)
    assert numbers_of(moment.pixels for moment in moments) == [moment.number for moment in moments] == [7, 8, 9, 10]


def test_frames_whose_names_have_no_number_are_counted(tmp_path):
    for name in "bca":
        write_image(tmp_path / f"{name}.png", frame(ord(name)))
    moments, _ = read(tmp_path)
    assert [(moment.number, number_of(moment.pixels)) for moment in moments] == [(0, 97), (1, 98), (2, 99)]


@pytest.mark.parametrize("name, seconds", [("h264.mp4", 1.6), ("film.mkv", 1.6), ("film.avi", 1.6), ("image.png", 0)])
def test_how_long_it_is_is_known_from_the_first_frame_on(tmp_path, name, seconds):
    source = Stream(KINDS[name](tmp_path / name))
    assert source.seconds is None and next(iter(source)).time == 0
    assert source.seconds == pytest.approx(seconds)


# What cannot be read


NO_VIDEO = {
    "song.mp4": (sound, "holds no video"),
    "cover.mp4": (lambda path: sound(path, cover=True), "holds no video"),
    "empty.mp4": (lambda path: path.write_bytes(b""), "the file is empty"),
    "text.mp4": (lambda path: path.write_text("not a video\n" * 50), UNREADABLE),
    "absent.mp4": (lambda path: None, "no such file"),
    "x" * 300 + ".mp4": (lambda path: None, "File name too long"),
    "headless.avi": (lambda path: path.write_bytes((film := write_video(path).read_bytes())[: film.find(b"movi") + 4]),
                     UNREADABLE),
    "folder": (lambda path: write_image(path / ".hidden.png", frame(1)), "the folder holds no image"),
    "text.png": (lambda path: path.write_text("not an image"), "text.png: cannot be decoded"),
    "other": (lambda path: (folder_of(path, [1, 2]) / "frame_0.png").write_text("x"), "frame_0.png: cannot be decoded")}


@pytest.mark.parametrize("name", NO_VIDEO, ids=lambda name: name[:12])
def test_what_holds_no_video_says_why(tmp_path, name):
    make, reason = NO_VIDEO[name]
    make(tmp_path / name)
    with pytest.raises(ClipError, match=f"^{reason}$"):
        read(tmp_path / name)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_an_mp4_cut_anywhere_gives_its_frames_and_a_note_or_says_why_not(tmp_path, codec):
    content = recording(tmp_path / "whole.mp4", codec=codec).read_bytes()
    for size in range(len(content) - 1, 8, -max(len(content) // 60, 1)):  # its index is at the end
        (tmp_path / "cut.mp4").write_bytes(content[:size])
        try:
            assert CUT in read(tmp_path / "cut.mp4")[1].notes
        except ClipError as error:
            assert str(error) in (UNREADABLE, "holds no video")


@pytest.mark.parametrize("name, codec, note", [("film.avi", "MJPG", CUT), ("film.avi", "XVID", CUT),
                                               ("film.mkv", "MJPG", EARLY), ("film.mkv", "mp4v", EARLY)])
@pytest.mark.parametrize("kept", [8, 21, 32])
def test_a_film_cut_off_gives_the_frames_that_are_left_and_a_note(tmp_path, name, codec, note, kept):
    content = (path := write_video(tmp_path / name, 40, codec)).read_bytes()
    middle = packets(path)[kept][0] + 30  # in a frame of which a part is left
    path.write_bytes(content[:middle])
    moments, source = read(path)
    assert len(moments) in (kept, kept + 1) and note in source.notes  # some decoders show the part
    assert numbers_of(moment.pixels for moment in moments[:kept]) == list(range(kept))
    assert times_of(moments) == pytest.approx([0.04 * step for step in range(len(moments))], abs=0.001)


def test_a_film_whose_index_stands_first_is_read_up_to_where_it_was_cut(tmp_path):
    content = (path := recording(tmp_path / "film.mp4", codec="mjpeg", movflags="faststart")).read_bytes()
    path.write_bytes(content[: packets(path)[25][0]])
    moments, source = read(path)
    assert numbers_of(moment.pixels for moment in moments) == list(range(25)) and CUT in source.notes


def test_frames_held_back_by_the_decoder_come_although_the_container_breaks_off(tmp_path):
    offset, size = packets(path := recording(tmp_path / "film.nut"))[-1]
    path.write_bytes(path.read_bytes()[: offset + size + 5])  # in the header of what follows
    moments, source = read(path)
    assert numbers_of(moment.pixels for moment in moments) == list(range(40)) and source.notes == ["breaks off"]


def test_a_damaged_frame_is_left_out_and_counted(tmp_path):
    content = bytearray((path := write_video(tmp_path / "film.avi", 40)).read_bytes())
    offset, size = packets(path)[20]
    content[offset : offset + size] = b"\x55" * size
    path.write_bytes(content)
    moments, source = read(path)
    assert numbers_of(moment.pixels for moment in moments) == [*range(20), *range(21, 40)] and source.notes == [DAMAGED]
    assert moments[20].time == pytest.approx(0.84)  # its own


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_damage_in_the_middle_of_an_mp4_leaves_the_frames_before_it_and_is_noted(tmp_path, codec):
    content = bytearray((path := recording(tmp_path / "film.mp4", codec=codec)).read_bytes())
    for offset, size in packets(path)[15:18]:
        content[offset : offset + size] = b"\x55" * size
    path.write_bytes(content)
    moments, source = read(path)
    assert numbers_of(moment.pixels for moment in moments[:13]) == list(range(13))
    assert len(moments) == 37 and source.notes == ["3 damaged packets left out"]
    assert all(a < b for a, b in pairwise(times_of(moments)))


@pytest.mark.parametrize("make", [lambda path: recording(path / "x.mp4", [0]),
                                  lambda path: write_image(path / "x.png", frame(1))])
def test_frames_over_the_bound_are_refused(tmp_path, monkeypatch, make):
    monkeypatch.setattr("dataloaders.readers.LARGEST_FRAME", 64 * 128 - 1)
    with pytest.raises(ClipError, match="128x64 pixels is too large"):
        read(make(tmp_path))


# Size


def large(number):
    """In 4K, with columns of single pixels in its lower half, which only averaging makes one grey."""
    pixels = cv2.resize(frame(number), (3840, 2160), interpolation=cv2.INTER_NEAREST)
    pixels[1200:, ::2] = 200
    return pixels


LARGE = {
    "film.avi": lambda path: recording(path, [0, 40], "rawvideo", large),
    "turned.mp4": lambda path: recording(path, [0, 40], "mpeg4", large, turned=90.0),
    "image.png": lambda path: write_image(path, large(0)),
    "folder": lambda path: write_image(path / "0.png", large(0)).parent}


@pytest.mark.parametrize("name", LARGE)
def test_frames_of_4k_are_halved_and_say_so(tmp_path, name):
    path = LARGE[name](tmp_path / name)
    moments, _ = read(path)
    whole = read_clip(path, lambda count: [count - 1]).pixels[0]
    halved = resize(whole, whole.shape[1] // 2, whole.shape[0] // 2)
    assert max(halved.shape) == LONGEST_SIDE and {moment.scale for moment in moments} == {2.0}
    assert moments[-1].pixels.shape == halved.shape
    off = np.abs(moments[-1].pixels.astype(int) - halved)
    assert off.mean() < 2 and (off > 12).mean() < 0.02  # FFmpeg halves the colours beforehand


@pytest.mark.parametrize("width, height, shape, scale", [(1920, 1080, (1080, 1920), 1.0), (2400, 16, (13, 1920), 1.25)])
def test_other_sizes(tmp_path, width, height, shape, scale):
    small = cv2.resize(frame(9), (width, height), interpolation=cv2.INTER_NEAREST)
    for path in (recording(tmp_path / "x.mp4", [0], picture=lambda _: small), write_image(tmp_path / "x.png", small)):
        (moment,), _ = read(path)
        assert moment.pixels.shape == (*shape, 3) and moment.scale == scale and number_of(moment.pixels) == 9


# Memory and files


def test_frames_are_read_one_by_one_and_not_kept(tmp_path):
    path = write_video(tmp_path / "long.avi", 1500)
    moments, alive, far, decoded = iter(Stream(path)), [], [], []
    for moment in moments:
        alive.append(weakref.ref(moment.pixels))
        far += [int(line.split()[1]) for file in os.listdir("/proc/self/fd") if is_open(file, path)
                for line in Path(f"/proc/self/fdinfo/{file}").read_text().splitlines() if line.startswith("pos:")]
        assert sum(pixels() is not None for pixels in alive[-50:]) == 1
        if moment.number % 100 == 0:
            decoded.append(sum(type(kept) is av.VideoFrame for kept in gc.get_objects()))
        if moment.number == 200:
            break
    assert decoded[2] <= decoded[1] + 20
    assert len(far) == 201 and far[0] < 0.1 * path.stat().st_size and far[-1] < 0.25 * path.stat().st_size
    moments.close()
    assert not any(is_open(file, path) for file in os.listdir("/proc/self/fd"))


def is_open(file, path) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{file}") == str(path)
    except FileNotFoundError:  # the one that listed the others
        return False


def test_a_folders_files_are_read_one_by_one(tmp_path):
    (folder_of(tmp_path / "frames", [1, 2, 3]) / "frame_2.png").write_text("damaged")
    moments = iter(Stream(tmp_path / "frames"))
    assert number_of(next(moments).pixels) == 1
    with pytest.raises(ClipError):
        next(moments)


def test_a_stream_can_be_iterated_over_again(tmp_path):
    source = Stream(recording(tmp_path / "film.mp4", [0, 40]))
    assert numbers_of(moment.pixels for moment in source) == numbers_of(moment.pixels for moment in source) == [0, 1]


# Cameras


def test_a_camera_is_read_until_it_gives_no_more(tmp_path, monkeypatch):
    file, cameras = recording(tmp_path / "seen.mp4", range(0, 200, 40)), []

    def camera(index):
        cameras.append((index, opened := capture(str(file))))
        return opened

    capture = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", camera)
    moments, source = read(3)
    assert numbers_of(moment.pixels for moment in moments) == [moment.number for moment in moments] == list(range(5))
    for moment, expected in zip(moments, read_clip(file, lambda count: list(range(count))).pixels, strict=True):
        assert np.abs(moment.pixels.astype(int) - expected).max() <= 3
    assert all(0 <= a <= b for a, b in pairwise(times_of(moments)))
    assert source.notes == ["the camera gave no more frames"] and source.seconds is None
    ((index, opened),) = cameras
    assert index == 3 and not opened.isOpened()
    next(begun := iter(Stream(0)))
    begun.close()
    assert not cameras[1][1].isOpened()


def test_no_such_camera(monkeypatch, tmp_path):
    capture = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", lambda index: capture(str(tmp_path / "none.avi")))
    with pytest.raises(ClipError, match="no such camera"):
        read(0)


def test_no_path_of_another_file_is_followed_and_no_text_is_drawn(tmp_path):
    """FFmpeg reads playlists, lists of files to join, and text as a terminal would show it."""
    film = tmp_path / "film.ts"
    with av.open(str(film), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, width=64, height=48)
        for number in range(10):
            pixels = np.full((48, 64, 3), number * 9, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode())
    assert len(list(Stream(film))) == 10
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:20\n#EXTINF:10.0,\n{film}\n#EXT-X-ENDLIST\n"
    for name, text in (("list.m3u8", playlist), ("list.mp4", "ffconcat version 1.0\nfile film.ts\n"),
                       ("words.txt", "a b\n" * 500)):
        (tmp_path / name).write_text(text)
        with pytest.raises(ClipError, match="not a video"):
            list(Stream(tmp_path / name))
