import csv
import json
import weakref
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from dataloaders import stream as stream_module
from dataloaders.boxes import Box
from dataloaders.clips import ClipError
from dataloaders.datasets import CAER
from dataloaders.stream import Moment
from inference import load_run
from inference.clips import Answer, ClipPredictor, worth
from main import main
from models.explain.clips import reasons
from tests.conftest import RECIPE
from tests.inference.runs import answer, footage, save_run, write_folder, write_video
from utils.config import FaceSettings, WindowSettings
from utils.errors import UserError


def predictor(run, **settings) -> ClipPredictor:
    windows = WindowSettings(**{name: settings.pop(name) for name in ("window", "stride", "faces") if name in settings})
    return load_run(run, "cpu", windows=windows, **settings)


def rows(answers: list[Answer]) -> np.ndarray:
    """(N, C)"""
    return np.array([list(each.probabilities.values()) for each in answers])


# ---------------------------------------------------------------- the same as in training


@pytest.fixture(scope="module")
def trained(micro, tmp_path_factory):
    """A run on clips of 1.2 s, videos and folders of frames."""
    root = tmp_path_factory.mktemp("trained")
    for split, number in (("train", 2), ("validation", 1), ("test", 1)):
        for label, name in enumerate(CAER):
            for index in range(number):
                place, seed = root / "CAER" / split / name, 100 * number + 10 * label + index + 50 * (split == "test")
                frames = footage(30, seed, 96, 128)
                write_video(place / f"{index}.mp4", frames) if label % 2 else write_folder(place / f"{index}", frames)
    (root / "small.yaml").write_text(RECIPE.format(root=root) + "temperature: 0.05\nlr_adapter: 0.05\n")
    assert main(["train", str(root / "small.yaml"), "--output-dir", str(root / "run"), "--num-segments", "4"]) == 0
    return root


@pytest.mark.parametrize("settings", [{}, {"faces": "none"}, {"window": 1.2}])
def test_a_clip_shorter_than_a_window_gets_what_the_run_scored(trained, settings):
    with (trained / "run" / "predictions.csv").open(newline="") as file:
        scored = [row for row in csv.DictReader(file) if row["split"] == "test"]
    ready = predictor(trained / "run", **settings)
    assert len(scored) == 7 and ready.classes == CAER
    for row in scored:
        [said] = ready.predict(trained / row["clip"])
        expected = [float(row[f"p_{name}"]) for name in CAER]
        near = 2e-3 if row["clip"].endswith("mp4") else 2e-6  # videos are decoded by two libraries
        assert list(said.probabilities.values()) == pytest.approx(expected, abs=near)
        assert said.label == row["predicted"] and said.probability == pytest.approx(max(expected), abs=near)
        assert said.start == 0 and said.end == pytest.approx(29 / 25)


# ---------------------------------------------------------------- windows


@pytest.mark.parametrize("window, stride, starts", [
    (1.0, None, [0, 0.5, 1, 1.5, 2]), (1.0, 1.0, [0, 1, 2]), (0.8, 0.6, [0, 0.6, 1.2, 1.8, 2.4]), (0.5, 1.5, [0, 1.5])])
def test_a_window_gets_what_a_file_of_its_own_would_get(clip_run, three_seconds, tmp_path, window, stride, starts):
    answers = predictor(clip_run, window=window, stride=stride).predict(three_seconds)
    assert [said.start for said in answers] == pytest.approx(starts)
    alone = predictor(clip_run)
    for said in answers:
        numbers = [number for number in range(75) if said.start - 1e-9 <= number / 25 < said.start + window - 1e-9]
        part = write_folder(tmp_path / f"{said.start:.1f}", [footage(75)[number] for number in numbers])
        [expected] = alone.predict(part)
        assert said.end == pytest.approx(min(said.start + window, 74 / 25))
        assert rows([said])[0] == pytest.approx(rows([expected])[0], abs=1e-5)
    assert rows(answers).std(axis=0).max() > 1e-3


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_answers_come_in_order_whatever_the_batch(clip_run, three_seconds, batch_size):
    ready = predictor(clip_run, window=0.4)
    expected = ready.predict(three_seconds)
    found = [replace(said, seen=None) for said in ready.answers(ready.stream(three_seconds), batch_size=batch_size)]
    assert rows(found) == pytest.approx(rows(expected), abs=1e-5)
    assert [replace(said, probabilities={}) for said in found] == [replace(said, probabilities={}) for said in expected]


def test_an_answer_tells_what_it_rests_on(clip_run, three_seconds):
    """Of the second from 0.5 s the middle one of two frames: 0.5 s is frame 12.5, so it holds 13 to 37."""
    ready = predictor(clip_run, window=1.0)
    said = list(ready.answers(ready.stream(three_seconds)))[1]
    assert (said.start, said.end, said.cut, said.box, said.frames_with_box) == (0.5, 1.5, "centre crop", None, 0)
    assert said.seen.picture.shape == (120, 160, 3) and said.seen.batch.face.shape == (1, 2, 3, 32, 32)
    with torch.no_grad():  # what was seen is what was answered to
        probabilities = ready.network(said.seen.batch).logits.softmax(dim=-1)[0]
    assert probabilities.tolist() == pytest.approx(list(said.probabilities.values()), abs=1e-5)
    assert said.time == pytest.approx(said.frame / 25) and said.frame == 13 + int(25 * 0.75)
    assert said.label == max(said.probabilities, key=said.probabilities.get) and sum(said.probabilities.values()) == (
        pytest.approx(1))
    expected = {"start": 0.5, "end": 1.5, "class": said.label, "probability": round(said.probability, 6),
                "probabilities": {name: round(value, 6) for name, value in said.probabilities.items()},
                "frame": said.frame, "time": round(said.time, 3), "box": None, "cut": "centre crop",
                "frames_with_box": 0.0}
    assert json.loads(json.dumps(said.as_dict())) == expected
    assert replace(said, box=(1.04, 2, 3.26, 4)).as_dict()["box"] == [1.0, 2, 3.3, 4]


def test_predict_keeps_no_pixels(clip_run, three_seconds):
    ready = predictor(clip_run, window=1.0)
    assert all(said.seen is None for said in ready.predict(three_seconds))
    assert all(said.seen is not None for said in ready.answers(ready.stream(three_seconds)))


def test_memory_does_not_grow_with_a_stream_without_an_end(clip_run):
    """Sixty answers: of 1500 frames only those of a batch of windows are held, and of the pictures those, too."""
    frames, pictures, most = [], [], 0

    def endless():
        for number in range(10**9):
            pixels = np.full((48, 64, 3), number % 256, np.uint8)
            frames.append(weakref.ref(pixels))
            yield Moment(pixels, number, number / 25)

    for said in islice(predictor(clip_run, window=1.0, stride=1.0).answers(endless(), batch_size=4), 60):
        pictures.append(weakref.ref(said.seen.picture))
        alive = [sum(reference() is not None for reference in of) for of in (frames, pictures)]
        most = max(most, *alive)
    assert said.start == 59 and most <= 10


def test_seconds_end_it_and_each_frame_is_told_once(clip_run, three_seconds):
    ready, told = predictor(clip_run, window=0.5, stride=0.5), []
    answers = list(ready.answers(ready.stream(three_seconds), seconds=1.2, watch=lambda *of: told.append(of)))
    assert [(moment.number, box) for moment, box in told] == [(number, None) for number in range(30)]
    assert [said.start for said in answers] == [0, 0.5, 1] and answers[-1].end == pytest.approx(29 / 25)


# ---------------------------------------------------------------- faces


@pytest.fixture(scope="module")
def face_run(configure, tmp_path_factory):
    return save_run(configure("--streams face"), tmp_path_factory.mktemp("face") / "run")


@pytest.mark.parametrize("flags, faces, found", [
    ("", "auto", False), ("", "find", True), ("", "none", False),
    ("--streams face", "auto", True), ("--streams face", "none", False),
    ("--bounding-box-face boxes.json", "auto", True), ("--bounding-box-face boxes.json", "none", False)])
def test_faces_are_found_unless_the_run_saw_whole_scenes_and_centre_crops(clip_run, configure, flags, faces, found):
    ready = predictor(clip_run, faces=faces)
    ready.run = replace(ready.run, config=configure(flags))
    assert ready.finds_faces is found


def test_a_detector_that_cannot_be_had(face_run, three_seconds, tmp_path):
    ready = predictor(face_run, faces="find")
    ready.faces = FaceSettings(detector_model=tmp_path / "none.onnx")
    with pytest.raises(UserError, match="--detector-model .*none.onnx: no such file"):
        ready.predict(three_seconds)
    predictor(face_run, faces="none").predict(three_seconds)


def inside(box: Box, width: int, height: int) -> bool:
    return -20 < box[0] < box[2] < width + 20 and -20 < box[1] < box[3] < height + 20


def test_the_face_in_a_real_video(shared, yunet, face_run, clip_run):
    """A face in every frame, near its middle; and in another film none. The network gets the face, or the centre."""
    faces = FaceSettings(detector_model=yunet, every=6)
    films, ready = shared("face-videos"), predictor(face_run, faces="auto")
    ready.faces = faces
    told = []
    answers = list(ready.answers(ready.stream(films / "single_face.mp4"), watch=lambda *of: told.append(of)))
    height, width = told[0][0].pixels.shape[:2]
    assert len(told) == 72 and all(box and inside(box, width, height) for _, box in told)
    assert {said.cut for said in answers} == {"face box"} and {said.frames_with_box for said in answers} == {1.0}
    assert all(inside(said.box, width, height) for said in answers)
    [said] = ready.answers(ready.stream(films / "no_face.mp4"), seconds=1)
    assert said.cut == "centre crop" and said.box is None and said.frames_with_box == 0
    assert predictor(clip_run).predict(films / "single_face.mp4")[0].cut == "centre crop"


# ---------------------------------------------------------------- explanations


def test_the_surest_answer_is_explained_or_the_one_at_a_second(clip_run, three_seconds):
    ready = predictor(clip_run, window=1.0)
    answers = list(ready.answers(ready.stream(three_seconds)))
    surest = max(answers, key=lambda said: said.probability)
    assert ready.explain(three_seconds).answer.start == surest.start
    for at, start in ((0, 0), (0.7, 0), (0.8, 0.5), (1.6, 1), (99, 2)):
        found = ready.explain(three_seconds, at=at)
        assert found.answer.start == start and found.label == found.answer.label
    last = answers[-1]
    for label in (None, "Sad"):
        found = ready.explained(last, label)
        expected = reasons(ready.network, last.seen.batch, CAER.index(label or last.label))
        assert found.label == (label or last.label) and found.answer is last
        for name in ("frames", "face", "context"):
            assert torch.equal(getattr(found.reasons, name), getattr(expected, name))
    assert not torch.equal(ready.explained(last, "Sad").reasons.face, ready.explained(last, "Happy").reasons.face)


def test_the_answer_that_is_explained():
    answers = [answer(start, start + 4, {"a": a, "b": 1 - a}) for start, a in ((0, 0.6), (2, 0.1), (4, 0.7))]

    def explained(at):
        return max(answers, key=lambda answer: worth(answer, at))

    assert explained(None) is answers[1]  # b, with 0.9
    assert [explained(at).start for at in (-5, 2, 2.9, 3.1, 5.1, 100)] == [0, 0, 0, 2, 4, 4]


# ---------------------------------------------------------------- sources


def test_a_number_is_a_camera_unless_a_file_has_that_name(clip_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ready = predictor(clip_run)
    assert ready.stream("0").source == ready.stream(0).source == 0
    write_folder(tmp_path / "0", footage(3))
    assert len(ready.predict("0")) == 1 and ready.stream("0").source.name == "0" and ready.stream(0).source == 0
    assert ready.stream("a/0").source.name == "0"


def test_a_camera_is_read_until_it_gives_no_more(clip_run, monkeypatch):
    frames = iter([*footage(4), None])

    class Camera:
        def __init__(self, index):
            assert index == 3

        def isOpened(self):  # OpenCV's name
            return True

        def read(self):
            frame = next(frames)
            return frame is not None, frame

        def release(self):
            pass

    monkeypatch.setattr(stream_module.cv2, "VideoCapture", Camera)
    [said] = predictor(clip_run).predict("3")
    assert said.start == 0 and said.frame in range(4)


def test_what_cannot_be_read(clip_run, tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    for name in ("a.mp4", "gone.mp4"):
        with pytest.raises(ClipError):
            predictor(clip_run).predict(tmp_path / name)


# ---------------------------------------------------------------- other classes, other runtimes


def test_other_classes_are_scored_in_their_order(clip_run, three_seconds):
    one, other = (predictor(clip_run, classes=names).predict(three_seconds)[0].probabilities
                  for names in (["bored student", "happy"], ["happy", "bored student"]))
    assert list(one) == ["bored student", "happy"] and list(other) == ["happy", "bored student"]
    assert one == pytest.approx(other, abs=1e-5) and sum(one.values()) == pytest.approx(1)
    assert abs(one["happy"] - 0.5) > 1e-3


@pytest.mark.parametrize("classes, said", [
    ([], "give two classes or more"), (["bored"], "--classes bored: give two classes or more, each of them once"),
    (["bored", "tired", "bored"], "--classes bored, tired, bored: give two classes or more, each of them once"),
    (["bored", "tired " * 90], "prompt of 90 tokens")])
def test_classes_that_cannot_be_told_apart(clip_run, classes, said):
    with pytest.raises(UserError, match=said):
        predictor(clip_run, classes=classes)


def test_onnx_gives_the_same_answers_and_explains_nothing(clip_onnx, three_seconds):
    onnx = predictor(clip_onnx, window=1.0, onnx=True)
    expected, found = predictor(clip_onnx, window=1.0).predict(three_seconds), onnx.predict(three_seconds)
    assert rows(found) == pytest.approx(rows(expected), abs=1e-4) and onnx.classes == CAER
    with pytest.raises(UserError, match="--explain: needs gradients, which onnxruntime does not have"):
        onnx.explain(three_seconds)
    with pytest.raises(UserError, match="--onnx: model.onnx knows the classes of training only"):
        predictor(clip_onnx, onnx=True, classes=["bored", "tired"])


def test_what_cannot_be_had(clip_run):
    with pytest.raises(UserError, match=f"{clip_run}/model.onnx: no such file; `python main.py export {clip_run}"):
        predictor(clip_run, onnx=True)
    with pytest.raises(UserError, match="--device abacus: "):
        load_run(clip_run, "abacus")


@pytest.mark.parametrize("flags", ["--no-use-amp", "--use-amp --amp-dtype bf16"])
def test_on_a_cpu_all_is_read_in_float32(configure, tmp_path, flags):
    """So that every CPU says the same, and onnxruntime too, whatever the run was trained in."""
    assert predictor(save_run(configure(flags), tmp_path / "run")).dtype is None
