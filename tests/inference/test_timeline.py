import re
import tracemalloc
import weakref
import xml.etree.ElementTree as ET

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.timeline import Timeline, clock
from tests.inference.runs import answer

NAMES = ["happy", "sad"]


def filled(rows: list[list[float]], names: list[str] = NAMES, window: float = 4.0, stride: float = 2.0) -> Timeline:
    timeline = Timeline(names, stride)
    for number, row in enumerate(rows):
        timeline.add(answer(stride * number, stride * number + window, dict(zip(names, row))))
    return timeline


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 2000), st.integers(2, 5), st.integers(0, 99))
def test_the_mean_is_that_of_all_answers(count, classes, seed):
    rows = np.random.default_rng(seed).dirichlet(np.ones(classes), count)
    names = [f"class {number}" for number in range(classes)]
    timeline = filled(rows.tolist(), names)
    assert timeline.answers == count and list(timeline.mean) == names
    assert list(timeline.mean.values()) == pytest.approx(rows.mean(axis=0).tolist())


def test_memory_does_not_grow():
    """Sixteen pictures are kept, and a stretch for many answers."""
    timeline, pictures, sizes = Timeline(NAMES, 1.0), [], {}
    tracemalloc.start()
    for number in range(8192):
        picture = np.zeros((9, 16, 3), np.uint8)
        pictures.append(weakref.ref(picture))
        timeline.add(answer(number, number + 1, picture=picture))
        if number in (1023, 8191):
            ours = [tracemalloc.Filter(True, name) for name in ("*/inference/timeline.py", "*/utils/thinned.py")]
            taken = tracemalloc.take_snapshot().filter_traces(ours).statistics("filename")
            sizes[number] = sum(statistic.size for statistic in taken)
    del picture
    tracemalloc.stop()
    kept = [number for number, reference in enumerate(pictures) if reference() is not None]
    assert sizes[8191] < 1.2 * sizes[1023] and len(kept) == 16
    assert kept == list(range(0, 8192, 512))  # from all of the video


# ---------------------------------------------------------------- the picture


def rows_of(svg: str) -> list[ET.Element]:
    """The picture's rows: of pictures, and of each class."""
    return [node for node in ET.fromstring(svg).iter("g") if "-axes_" in node.get("id", "")]


def steps(row: ET.Element, colour: str) -> list[tuple[float, float]]:
    """The corners of a filled curve."""
    [path] = [node.get("d") for node in row.iter("path") if f"fill: var({colour})" in node.get("style", "")]
    return [(float(x), float(y)) for x, y in re.findall(r"[ML] ([-\d.]+) ([-\d.]+)", path)]


def heights(row: ET.Element, colour: str) -> list[float]:
    """Of each stretch, as a share of the row."""
    background = next(node.get("d") for node in row.iter("path") if "fill: none" in node.get("style", ""))
    ys = [float(y) for _, y in re.findall(r"[ML] ([-\d.]+) ([-\d.]+)", background)]
    corners = steps(row, colour)[1:-1]
    return [(max(ys) - y) / (max(ys) - min(ys)) for _, y in corners[::2]]


def test_probabilities_and_times_are_drawn_to_scale():
    """Windows of 4 s every 2 s: what is said holds from a second before the middle to a second after."""
    rows = [[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]]
    timeline = filled(rows)
    _, happy, sad = rows_of(timeline.svg())
    assert heights(happy, "--pale") == pytest.approx([0.75, 0.5, 0.25], abs=1e-3)
    assert heights(happy, "--s1") == pytest.approx([0.75, 0.5, 0], abs=1e-3)  # where it is the likeliest
    assert heights(sad, "--pale") == pytest.approx([0.25, 0.5, 0.75], abs=1e-3)
    assert heights(sad, "--s1") == pytest.approx([0, 0, 0.75], abs=1e-3)
    xs = sorted({x for x, _ in steps(happy, "--pale")})
    assert [(x - xs[0]) / (xs[-1] - xs[0]) for x in xs] == pytest.approx([0, 3 / 8, 5 / 8, 1])  # of 8 s


def test_many_answers_become_stretches_of_their_means():
    """Of 1024 answers, two by two: 512 stretches, of which each is a mean."""
    rows = [[0.2, 0.8], [0.6, 0.4]] * 512
    found = heights(rows_of(filled(rows).svg())[1], "--pale")
    assert len(found) == 512 and found == pytest.approx([0.4] * 512, abs=1e-3)


def test_colours_are_the_page_s():
    svg = filled([[0.75, 0.25], [0.25, 0.75]]).svg()
    assert set(re.findall(r"var\((--\w+)\)", svg)) == {"--muted", "--rule", "--pale", "--s1"}
    without_pictures = re.sub(r'href="data:image/png;base64,[^"]+"', "", svg)
    styles = set(re.findall(r"(?:fill|stroke): ?([^;\"]+)", without_pictures))
    assert styles <= {"none", *(f"var({name})" for name in ("--muted", "--rule", "--pale", "--s1"))}
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?=[;\"])", re.sub(r'(href="#|url\(#)[^")]+', "", without_pictures))
    assert svg.startswith("<svg") and "http" not in svg and "<style" not in svg


def texts(svg: str) -> list[str]:
    return [node.text for node in ET.fromstring(svg).iter("text")]


def test_names_are_texts_as_they_are():
    names = ["vui <vẻ> & $x$", "buồn_bã \\n"]
    assert set(names) <= set(texts(filled([[0.6, 0.4]], names).svg()))


def test_of_many_classes_the_likeliest_are_drawn_in_label_order():
    names = [f"class {number:02}" for number in range(20)]
    row = np.arange(20)[::-1] ** 2.0
    row[3] = 0
    timeline = filled([(row / row.sum()).tolist()], names)
    shown = [text for text in texts(timeline.svg()) if text.startswith("class")]
    assert sorted(shown) == [f"class {number:02}" for number in range(13) if number != 3] and len(timeline.mean) == 20


def test_pictures_stand_side_by_side_with_their_times():
    """Sixteen answers of a second: eight pictures from the first to the last that is kept."""
    timeline = Timeline(NAMES, 1.0)
    for number in range(16):
        timeline.add(answer(number, number + 1, picture=np.full((9, 16, 3), 10 * number, np.uint8)))
    captions = texts(timeline.svg())[:8]
    numbers = np.linspace(0, 15, 8).round().astype(int)
    assert captions == [f"0:{number + 0.5:04.1f}" for number in numbers]


@pytest.mark.parametrize("rows, shape", [
    ([[1.0, 0.0]], (12, 16)), ([[0.5, 0.5]] * 40, (90, 20)), ([[0.1, 0.9]] * 3, (1, 300))])
def test_the_file_is_a_picture_of_any_number_of_answers_and_any_shape(tmp_path, rows, shape):
    timeline = Timeline(NAMES, 2.0)
    for number, row in enumerate(rows):
        timeline.add(answer(2 * number, 2 * number + 4 * (len(rows) > 1), dict(zip(NAMES, row)),
                            np.full((*shape, 3), (200, 40, 40), np.uint8)))
    timeline.save(tmp_path / "a.png", "clip $1$ của tôi_.mp4")
    pixels = cv2.imread(str(tmp_path / "a.png"))
    said = np.abs(pixels.astype(int) - (178, 114, 0)).max(axis=2) < 3  # #0072b2, in BGR
    assert said.sum() > 500 and (pixels[-1, 0] == 255).all() and pixels.shape[1] == 1260 and pixels.shape[0] < 1500
    assert (np.abs(pixels.astype(int) - (40, 40, 200)).max(axis=2) < 30).sum() > 50  # the pictures


# ---------------------------------------------------------------- times


@pytest.mark.parametrize("seconds, said", [
    (0, "0:00"), (1.5, "0:01.5"), (62, "1:02"), (59.94, "0:59.9"), (59.96, "1:00"), (119.99, "2:00"),
    (3599.96, "1:00:00"), (3602, "1:00:02"), (36_061.25, "10:01:01.2")])
def test_clock(seconds, said):
    assert clock(seconds) == said


@given(st.floats(0, 400_000))
def test_a_clock_shows_the_nearest_tenth_and_never_sixty(seconds):
    *hours, minutes, rest = map(float, clock(seconds).split(":"))
    assert sum(hours) * 3600 + minutes * 60 + rest == pytest.approx(seconds, abs=0.0501)
    assert rest < 60 and (minutes < 60 or not hours) and minutes <= 59
