import weakref

import av
import cv2
import numpy as np
import pytest

from dataloaders.stream import Stream
from inference.annotate import LINE, Annotator, drawn
from tests.dataloaders.footage import frame, numbers_of
from tests.inference.runs import answer, write_folder, write_video

STEADY, VARIABLE = list(range(0, 1600, 40)), [0, 40, 55, 300, 310, 1000, 1001, 1040, 1500, 2400]  # milliseconds


def annotated(source, path, answers, box_of=lambda moment: None, until=1e9):
    """As predict does: an answer comes when its time is over. The written times and frames."""
    stream, waiting = Stream(source), list(answers)
    annotator = Annotator(stream, path)
    for moment in stream:
        if moment.time >= until:
            break
        while waiting and waiting[0].end < moment.time:
            annotator.add(waiting.pop(0))
        annotator.saw(moment, box_of(moment))
    for each in waiting:
        annotator.add(each)
    annotator.close()
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "h264" and len(container.streams) == 1
        return list(zip(*((picture.time, picture.to_ndarray(format="rgb24")) for picture in container.decode(video=0))))


@pytest.mark.parametrize("milliseconds", [STEADY, VARIABLE])
@pytest.mark.parametrize("until", [1e9, 1.0])
def test_every_frame_that_was_seen_is_written_once_at_its_time(tmp_path, milliseconds, until):
    source = write_video(tmp_path / "a.mp4", [frame(number) for number in range(len(milliseconds))], milliseconds)
    seconds = [at / 1000 for at in milliseconds if at / 1000 < until]
    times, frames = annotated(source, tmp_path / "b.mp4", [answer(0, 0.5), answer(0.5, 1), answer(1, 2.4)], until=until)
    assert times == pytest.approx(seconds, abs=1e-3) and numbers_of(frames) == list(range(len(seconds)))


WINDOWS = {
    "side by side": [(0, 0.4), (0.4, 0.8), (0.8, 1.2), (1.2, 1.6)], "one": [(0, 1.6)],
    "upon each other, the last a short one": [(0, 0.8), (0.4, 1.2), (0.8, 1.6), (1.2, 1.56)],
    "with a gap": [(0, 0.2), (1.3, 1.6)],
}


@pytest.mark.parametrize("windows", WINDOWS.values(), ids=WINDOWS)
def test_a_frame_shows_the_answer_whose_middle_is_nearest(tmp_path, windows):
    source = write_video(tmp_path / "a.mp4", [np.full((96, 160, 3), 90, np.uint8)] * 40)
    answers = [answer(start, end, {f"{place * 1111}": 0.2 + 0.2 * place, "else": 0.1}) for place, (start, end) in
               enumerate(windows)]
    times, frames = annotated(source, tmp_path / "b.mp4", answers)
    candidates = [drawn(np.full((96, 160, 3), 90, np.uint8), None, each).astype(int) for each in answers]
    for time, pixels in zip(times, frames):
        shown = min(range(len(answers)), key=lambda place: np.abs(candidates[place] - pixels).mean())
        distances = [abs(time - (start + end) / 2) for start, end in windows]
        assert distances[shown] == pytest.approx(min(distances), abs=1e-3), time


def test_each_frame_has_its_own_box(tmp_path):
    grey = np.full((96, 160, 3), 90, np.uint8)
    source, said = write_video(tmp_path / "a.mp4", [grey] * 10), answer(0, 0.4, {"": 0.0})
    boxes = [(4.0, 4.0, 30.0, 40.0), None, (60.0, 8.0, 120.0, 50.0)]
    _, frames = annotated(source, tmp_path / "b.mp4", [said], lambda moment: boxes[moment.number % 3])
    candidates = [drawn(grey, box, said).astype(int) for box in boxes]
    shown = [min(range(3), key=lambda place: np.abs(candidates[place] - pixels).mean()) for pixels in frames]
    assert shown == [number % 3 for number in range(10)]


@pytest.mark.parametrize("height, width", [(33, 47), (64, 47), (33, 64), (1, 64), (1, 1)])
def test_odd_sizes_lose_a_row_or_a_column(tmp_path, height, width):
    source = write_folder(tmp_path / "a", [np.full((height, width, 3), level, np.uint8) for level in (20, 120, 220)])
    times, frames = annotated(source, tmp_path / "b.mp4", [answer(0, 0.12, {"": 0.0})])
    assert times == pytest.approx([0, 0.04, 0.08], abs=1e-3)
    assert frames[0].shape == (max(height // 2 * 2, 2), max(width // 2 * 2, 2), 3)


def test_frames_of_other_sizes_are_brought_to_the_first_one_s(tmp_path):
    sizes = [(64, 128), (128, 64), (32, 32)]
    source = write_folder(tmp_path / "a", [cv2.resize(frame(number), (width, height), interpolation=cv2.INTER_NEAREST)
                                           for number, (height, width) in enumerate(sizes)])
    times, frames = annotated(source, tmp_path / "b.mp4", [answer(0, 0.12, {"": 0.0})])
    assert [pixels.shape for pixels in frames] == [(64, 128, 3)] * 3


def test_no_frame_waits_in_memory(tmp_path):
    source = write_video(tmp_path / "a.mp4", [frame(number) for number in range(40)])
    stream, pixels = Stream(source), []
    annotator = Annotator(stream, tmp_path / "b.mp4")
    for moment in stream:
        annotator.saw(moment, None)
        pixels.append(weakref.ref(moment.pixels))
    del moment
    assert [reference() for reference in pixels] == [None] * 40


def test_without_an_answer_there_is_no_file(tmp_path):
    annotator = Annotator(Stream(write_video(tmp_path / "a.mp4", [frame(0)])), tmp_path / "b.mp4")
    annotator.close()
    assert not (tmp_path / "b.mp4").exists()


# ---------------------------------------------------------------- what is drawn

GREY = np.full((400, 600, 3), 90, np.uint8)  # 10 pixels to the unit
MARKED = np.array(LINE)


def test_the_box_is_drawn_where_it_is():
    pixels = drawn(GREY, (100.4, 50.0, 299.6, 200.0), answer(0, 1))
    marked = (pixels == MARKED).all(axis=2)[:250]
    rows, columns = np.nonzero(marked)
    assert abs(rows.min() - 50) <= 1 and abs(rows.max() - 200) <= 1 and abs(columns.min() - 100) <= 1
    assert abs(columns.max() - 300) <= 1 and not marked[60:190, 110:290].any() and (pixels[:250][~marked] == 90).all()
    assert (GREY == 90).all() and not (drawn(GREY, None, answer(0, 1))[:250] != 90).any()
    drawn(GREY, (-50.0, -1e4, 1e4, 900.0), answer(0, 1))  # may reach beyond the frame


def bars(pixels: np.ndarray) -> list[int]:
    """The length of each bar, from above."""
    lengths = (pixels == MARKED).all(axis=2).sum(axis=1)
    starts = np.nonzero(np.diff((lengths > 0).astype(int), prepend=0) == 1)[0]
    return [int(lengths[start + 3]) for start in starts]


def test_the_three_likeliest_classes_have_bars_as_long_as_they_are_likely():
    said = {"sad": 0.1, "happy": 0.5, "vui vẻ": 0.3, "tired": 0.02, "bored": 0.08}
    assert bars(drawn(GREY, None, answer(0, 1, said))) == pytest.approx([35, 21, 7], abs=1)  # of 70 pixels
    assert bars(drawn(GREY, None, answer(0, 1, {"a": 1.0, "b": 0.0}))) == pytest.approx([70, 1], abs=1)


@pytest.mark.parametrize("name, other", [("happy", "sad"), ("ế", "ề"), ("buồn", "buôn"), ("đ", "d")])
def test_names_are_drawn_with_all_their_letters(name, other):
    one, two = (drawn(GREY, None, answer(0, 1, {text: 0.6, "else": 0.4})) for text in (name, other))
    assert (one[250:, :20 * 13] != two[250:, :20 * 13]).sum() > 5
