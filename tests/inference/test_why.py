import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from inference.clips import Explanation
from inference.why import HEAT, columns, draw, middle_face, overlaid, save
from models.explain.clips import Reasons
from tests.inference.runs import answer
from utils.structures import Batch


def explanation(frames: int = 5, two: bool = True, label: str = "sad") -> Explanation:
    """Frame t of the face is of level 10 t, that of the context 100 + 10 t; heat at one place of each."""
    levels = 10 * torch.arange(frames)[None, :, None, None, None].expand(1, frames, 3, 28, 28)
    heat = torch.zeros(2, frames, 28, 28)
    for number in range(frames):
        heat[0, number, 4 * (number % 7) : 4 * (number % 7) + 4, :4] = 1
        heat[1, number, :4, 8:10] = 0.5
    batch = Batch(torch.zeros(1), ["x"], levels.byte(), (levels + 100).byte() if two else None)
    shares = torch.arange(1, frames + 1) / sum(range(1, frames + 1))
    said = answer(62, 66, {"happy": 0.75, "sad": 0.2, "$a_b$": 0.05}, batch=batch)
    return Explanation(said, label, Reasons(shares, heat[0], heat[1] if two else None))


def test_heat_lies_over_a_grey_frame():
    """Where there is none the frame's mean of its colours; at 1 a quarter of it and three of the hottest colour."""
    frame = np.zeros((2, 2, 3), np.uint8)
    frame[:] = (30, 60, 90)
    found = overlaid(frame, np.array([[0, 1], [0.5, 7]]))
    hottest, middle = (255 * np.array(HEAT(value)[:3]) for value in (1.0, 0.5))
    assert found.dtype == np.uint8 and found[0, 0].tolist() == pytest.approx([60] * 3, abs=1)
    assert found[0, 1] == pytest.approx(15 + 0.75 * hottest, abs=1) and (found[1, 1] == found[0, 1]).all()
    assert found[1, 0] == pytest.approx(60 * 0.625 + 0.375 * middle, abs=1)


@pytest.mark.parametrize("frames, most, numbers", [
    (5, 8, [0, 1, 2, 3, 4]), (9, 3, [0, 4, 8]), (1, 8, [0]), (4, 1, [0])])
@pytest.mark.parametrize("two", [True, False])
def test_columns_are_frames_at_even_distances_with_what_speaks_in_each(frames, most, numbers, two):
    found = explanation(frames, two)
    shown = columns(found, most)
    assert [share for share, _ in shown] == pytest.approx([float(found.reasons.frames[number]) for number in numbers])
    for number, (_, pictures) in zip(numbers, shown):
        assert len(pictures) == 2 + 2 * two and all(picture.shape == (28, 28, 3) for picture in pictures)
        levels = [10 * number, 100 + 10 * number][: 1 + two]
        heats = found.reasons.face, found.reasons.context
        for level, plain, hot, heat in zip(levels, pictures[::2], pictures[1::2], heats):
            assert (plain == level).all() and (hot == overlaid(plain, heat[number].numpy())).all()
            assert ((hot != level).any(axis=2) == (heat[number] > 0).numpy()).all() or level < 2
    assert (middle_face(found.answer) == 10 * (frames // 2)).all()


def test_the_picture_says_what_it_shows():
    figure = draw(explanation())
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert [text for text in texts if text.endswith("%")] == ["7%", "13%", "20%", "27%", "33%"]
    assert [text for text in texts if not text.endswith("%")] == ["attention", "face", "for sad", "context", "for sad"]
    assert figure.get_suptitle() == "sad 0.20, 1:02 to 1:06"
    shown = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(shown) == 20 and [int(picture[-1, -1, 0]) for picture in shown[:5]] == [0, 10, 20, 30, 40]
    lengths = [axes.patches[0].get_width() / axes.get_xlim()[1] for axes in figure.axes if axes.patches]
    assert [length / lengths[-1] for length in lengths] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1]) and lengths[-1] > 0.9
    assert len([axes for axes in draw(explanation(20, False)).axes if axes.images]) == 16  # eight at most, one stream


@pytest.mark.parametrize("frames, two, label", [(5, True, "sad"), (1, False, "$a_b$")])
def test_files_hold_the_picture_and_the_numbers(tmp_path, frames, two, label):
    found = explanation(frames, two, label)
    paths = save(found, tmp_path, "phim số 1.b")
    assert paths == [tmp_path / "phim số 1.b.why.png", tmp_path / "phim số 1.b.why.json"]
    pixels = cv2.imdecode(np.fromfile(paths[0], np.uint8), cv2.IMREAD_COLOR)
    assert pixels.shape[0] > 300 and pixels.shape[1] > 500 and pixels.std() > 5
    told = json.loads(paths[1].read_text(encoding="utf-8"))
    assert told.keys() == {"explained", "answer", "attention", "heat"}
    assert told["explained"] == label and told["answer"] == found.answer.as_dict()
    assert told["attention"] == pytest.approx(found.reasons.frames.tolist(), abs=5e-5)
    assert told["heat"].keys() == ({"face", "context"} if two else {"face"})
    for number, coarse in enumerate(told["heat"]["face"]):  # the place of 4 x 4 pixels is one of 7 x 7
        expected = np.zeros((7, 7))
        expected[number % 7, 0] = 1
        assert np.array(coarse) == pytest.approx(expected)
    assert not two or np.array(told["heat"]["context"])[:, 0, 2] == pytest.approx([0.25] * frames)


def test_a_class_that_was_not_said_may_be_explained():
    found = explanation(label="happy")
    assert draw(found).get_suptitle() == "happy 0.75, 1:02 to 1:06"
    assert draw(replace(found, label="$a_b$")).get_suptitle().startswith("$a_b$ 0.05")
