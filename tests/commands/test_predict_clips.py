import json
import shutil
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from commands.predict_clips import expanded, is_camera, stem_of, stems_of
from dataloaders import stream as stream_module
from dataloaders.datasets import CAER
from inference import load_run
from main import main
from tests.dataloaders.footage import frame, number_of
from tests.inference.runs import footage, save_run, write_folder, write_video
from utils.config import WindowSettings
from utils.errors import UserError


@pytest.fixture(scope="module")
def run(configure, tmp_path_factory):
    return save_run(configure("--temperature 0.05"), tmp_path_factory.mktemp("predict") / "run")


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Three seconds, one second, and an image, in a folder with a Vietnamese name and a blank."""
    root = tmp_path_factory.mktemp("phim của tôi")
    write_video(root / "ba giây.mp4", footage(75))
    write_video(root / "một.mp4", footage(25, seed=1))
    assert cv2.imwrite(str(root / "anh.png"), footage(1, seed=2)[0])
    return root


@pytest.fixture
def predict(run, tmp_path, capsys):
    """The status, the output, the errors in lines, and what was written, by its name."""
    def predict(*words, folder: Path = tmp_path / "out"):
        status = main(["predict", str(run), *map(str, words), "--output-dir", str(folder), "--device", "cpu"])
        out, error = capsys.readouterr()
        lines = [line for line in error.replace("\r", "\n").splitlines() if line.strip() and "it/s" not in line]
        written = {path.name: path for path in folder.iterdir()} if folder.is_dir() else {}
        return status, out, [line for line in lines if "s of video" not in line], written

    return predict


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


CUT = "frames are cut at the centre: the run was trained so; --faces find looks for faces"


def test_json_lines_are_what_the_predictor_says(run, films, predict):
    status, out, errors, written = predict(films / "ba giây.mp4", "--window", "1", "--stride", "0.7")
    assert status == 0 and errors == [CUT] and sorted(written) == ["ba giây.jsonl", "ba giây.png"]
    expected = load_run(run, "cpu", windows=WindowSettings(window=1, stride=0.7)).predict(films / "ba giây.mp4")
    lines = read(written["ba giây.jsonl"])
    assert lines == [said.as_dict() for said in expected] and len(lines) == 4
    assert "ba giây.mp4" in out and "4 answers; 4 of 4 rest on a centre crop  -> " in out and out.count("\n") == 1
    mean = np.mean([list(line["probabilities"].values()) for line in lines], axis=0)
    assert f": {CAER[mean.argmax()]} {mean.max():.2f} on the whole" in out
    assert all(str(path) in out for path in written.values())
    assert cv2.imdecode(np.fromfile(written["ba giây.png"], np.uint8), cv2.IMREAD_COLOR).std() > 5


def test_without_a_folder_answers_go_beside_the_run(run, films, tmp_path, capsys):
    own = shutil.copytree(run, tmp_path / "run")
    assert main(["predict", str(own), str(films / "anh.png")]) == 0
    assert sorted(path.name for path in (own / "predictions").iterdir()) == ["anh.jsonl", "anh.png"]
    assert "1 answer;" in capsys.readouterr().out


def test_a_broken_file_does_not_keep_others_from_being_read(films, tmp_path, predict):
    (tmp_path / "broken.mp4").write_bytes(b"no video at all")
    status, out, errors, written = predict(
        films / "một.mp4", tmp_path / "broken.mp4", tmp_path / "gone.mp4", films / "anh.png", "--video")
    assert status == 2 and len(errors) == 3 and errors[0] == CUT
    assert errors[1].startswith(f"error: {tmp_path / 'broken.mp4'}: ")
    assert errors[2] == f"error: {tmp_path / 'gone.mp4'}: no such file"
    assert sorted(written) == sorted(f"{stem}{end}" for stem in ("anh", "một") for end in (".jsonl", ".png", ".mp4"))
    assert out.count("on the whole") == 2


def test_what_was_read_before_a_film_breaks_off_is_kept(predict, tmp_path):
    """A folder whose last image is damaged."""
    film = write_folder(tmp_path / "film", footage(30))
    (film / "00029.png").write_bytes(b"damaged")
    status, _, errors, written = predict(film, "--window", "0.4", "--stride", "0.4", "--video", "--batch-size", "1")
    assert status == 2 and errors[1].startswith(f"error: {film}: 00029.png: ")
    assert [line["start"] for line in read(written["film.jsonl"])] == [0, 0.4]
    assert sorted(written) == ["film.jsonl", "film.mp4", "film.png"]
    with av.open(str(written["film.mp4"])) as container:
        assert 20 <= sum(1 for _ in container.decode(video=0)) <= 29


# ---------------------------------------------------------------- inputs


def test_patterns_are_expanded_in_order_and_names_with_signs_are_names(films, tmp_path):
    (tmp_path / "a[1].mp4").write_bytes(b"")
    for name in ("b/c/d.mp4", "b/e.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert expanded((str(films / "*.mp4"),)) == [str(films / name) for name in ("ba giây.mp4", "một.mp4")]
    assert expanded((f"{tmp_path}/**/*.mp4",)) == [
        f"{tmp_path}/{name}" for name in ("a[1].mp4", "b/c/d.mp4", "b/e.mp4")]
    assert expanded((f"{tmp_path}/a[1].mp4", "gone.mp4", "0")) == [f"{tmp_path}/a[1].mp4", "gone.mp4", "0"]
    with pytest.raises(UserError, match=r"predict: .*/x\*.mp4: matches no file"):
        expanded((f"{tmp_path}/x*.mp4",))


def test_what_files_are_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("clip.v1", "clip.jpg", "7"):
        (tmp_path / name).mkdir()
    assert [stem_of(name) for name in ("a/b.c.mp4", "clip.v1", "clip.jpg/", "7", "8", ".", "..", "x.jpg")] == [
        "b.c", "clip.v1", "clip", "7", "camera-8", tmp_path.name, tmp_path.parent.name, "x"]
    names = ("7", "8", "9999", "20251129183000", "-1", "8.mp4")
    assert [is_camera(name) for name in names] == [False, True, True, False, False, False]


def test_inputs_of_one_name_are_told_apart_by_their_folders():
    assert stems_of(["a/Happy/1.avi", "a/Sad/1.avi", "b/Sad/1.avi", "2.avi"]) == ["Happy-1", "a-Sad-1", "b-Sad-1", "2"]
    assert stems_of(["/1.avi", "/a/1.avi"]) == ["1", "a-1"]  # and never lead out of the folder
    assert stems_of(["a/1.avi", "a/1.avi"])[0] == stems_of(["a/1.avi", "a/1.avi"])[1]  # the same twice stays an error


@pytest.mark.parametrize("words, said", [
    (["{films}/x*.mp4"], "x*.mp4: matches no file"),
    (["{films}/*.mp4", "{films}/một.mp4"], "two inputs would be written to"),
    (["{copy}/anh.png", "--output-dir", "{copy}"], "anh.png is an input, and would be written over"),
    (["{copy}/một.mp4", "--video", "--output-dir", "{copy}"], "một.mp4 is an input, and would be written over"),
    (["{copy}/film", "--output-dir", "{copy}/film"], "film is an input, and would be written into"),
    (["0", "--video"], "--video: camera 0 cannot be read a second time"),
    (["{films}/anh.png", "--onnx"], "model.onnx: no such file; `python main.py export"),
    (["{films}/anh.png", "--classes", "bored"], "--classes bored: give two classes or more"),
    (["{films}/anh.png", "--classes", ","], "give two classes or more"),
    (["{films}/anh.png", "--faces", "find", "--detector-model", "gone.onnx"],
     "--detector-model gone.onnx: no such file"),
    (["{films}/anh.png", "--output-dir", "{films}/anh.png/x"], "--output-dir"),
    (["{films}/anh.png", "--device", "abacus"], "--device abacus"),
])
def test_a_wrong_command_is_one_line_and_writes_nothing(run, films, tmp_path, monkeypatch, capsys, words, said):
    copy = shutil.copytree(films, tmp_path / "copy")
    write_folder(copy / "film", footage(2))
    monkeypatch.chdir(tmp_path)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    words = [word.format(films=films, copy=copy) for word in words]
    assert main(["predict", str(run), "--device", "cpu", "--output-dir", str(tmp_path / "out"), *words]) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.splitlines()[-1].startswith("error: ") and said in error.splitlines()[-1]
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before
    assert not list((tmp_path / "out").glob("*"))


def test_seconds_and_windows(films, predict):
    _, _, _, written = predict(films / "ba giây.mp4", "--seconds", "1.2", "--window", "0.5", "--stride", "0.5")
    assert [(line["start"], line["end"]) for line in read(written["ba giây.jsonl"])] == [(0, 0.5), (0.5, 1), (1, 1.16)]


# ---------------------------------------------------------------- what else is written


def test_the_video_has_all_frames_with_the_answers(predict, tmp_path):
    source = write_video(tmp_path / "a.mp4", [frame(number) for number in range(50)])
    status, out, _, written = predict(source, "--video", "--window", "0.8", "--faces", "none")
    assert status == 0 and sorted(written) == ["a.jsonl", "a.mp4", "a.png"] and str(written["a.mp4"]) in out
    with av.open(str(written["a.mp4"])) as container:
        shown = [(picture.time, picture.to_ndarray(format="rgb24")) for picture in container.decode(video=0)]
    assert [time for time, _ in shown] == pytest.approx([number / 25 for number in range(50)], abs=1e-3)
    assert [number_of(pixels[:16]) for _, pixels in shown] == list(range(50))  # above what is drawn


@pytest.mark.parametrize("at, place", [(None, None), (0.9, 1), (99, 4)])
def test_explanations(run, films, predict, at, place):
    words = ["--explain"] if at is None else ["--explain-at", str(at)]
    status, out, _, written = predict(films / "ba giây.mp4", "--window", "1", *words)
    assert status == 0 and sorted(written) == [f"ba giây{end}" for end in (".jsonl", ".png", ".why.json", ".why.png")]
    lines = read(written["ba giây.jsonl"])
    told = json.loads(written["ba giây.why.json"].read_text(encoding="utf-8"))
    expected = lines[place] if place is not None else max(lines, key=lambda line: line["probability"])
    assert told["answer"] == expected and told["explained"] == expected["class"]
    found = load_run(run, "cpu", windows=WindowSettings(window=1)).explain(films / "ba giây.mp4", at)
    assert told["attention"] == pytest.approx(found.reasons.frames.tolist(), abs=1e-4) and sum(told["attention"]) == (
        pytest.approx(1, abs=1e-3))
    assert np.shape(told["heat"]["face"]) == np.shape(told["heat"]["context"]) == (2, 7, 7)
    assert str(written["ba giây.why.png"]) in out


def test_other_classes_are_said_to_be_a_guess(films, predict):
    status, out, errors, written = predict(films / "anh.png", "--classes", " sinh viên chán ,tired student,,")
    assert status == 0 and errors == [
        CUT, "zero-shot: sinh viên chán, tired student were never trained on; nothing tells how right the answers "
        "are"]
    [line] = read(written["anh.jsonl"])
    assert list(line["probabilities"]) == ["sinh viên chán", "tired student"]
    assert sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-5) and line["class"] in out


@pytest.mark.parametrize("faces, said", [("auto", CUT), ("none", "frames are cut at the centre: --faces none")])
def test_it_is_said_where_no_faces_are_looked_for(films, predict, faces, said):
    assert predict(films / "anh.png", "--faces", faces)[2] == [said]


def test_faces_are_told(films, predict, yunet):
    status, out, errors, written = predict(films / "một.mp4", "--faces", "find", "--detector-model", yunet)
    assert status == 0 and errors == [] and "a face in 0% of 25 frames; 1 of 1 rest on a centre crop" in out
    assert read(written["một.jsonl"])[0]["frames_with_box"] == 0


# ---------------------------------------------------------------- a camera


@pytest.fixture
def camera(monkeypatch):
    """Made to give a frame every 40 ms, and to be interrupted at some frame."""
    def make(interrupted_at: int) -> None:
        numbers, times = iter(range(10**6)), iter(range(10**6))

        class Camera:
            def __init__(self, index):
                assert index == 5

            def isOpened(self):  # OpenCV's name
                return True

            def read(self):
                if (number := next(numbers)) == interrupted_at:
                    raise KeyboardInterrupt
                return True, footage(1, seed=number)[0]

            def release(self):
                pass

        monkeypatch.setattr(stream_module.cv2, "VideoCapture", Camera)
        monkeypatch.setattr(stream_module.time, "monotonic", lambda: next(times) / 25)

    return make


@pytest.mark.parametrize("seconds, ended", [(None, 60), (1.0, 10**6)])
def test_a_camera_goes_on_until_it_is_interrupted_or_the_seconds_are_over(predict, camera, seconds, ended):
    camera(ended)
    words = ["--seconds", str(seconds)] if seconds else []
    status, out, _, written = predict("5", "--window", "0.5", "--stride", "0.5", "--batch-size", "1", *words)
    lines = read(written["camera-5.jsonl"])
    assert status == 0 and sorted(written) == ["camera-5.jsonl", "camera-5.png"]
    assert [line["start"] for line in lines] == [0, 0.5, 1, 1.5][: 2 if seconds else 4]
    assert out.startswith("5: ") and f"{len(lines)} answers" in out


def test_a_camera_that_is_interrupted_at_once(predict, camera):
    camera(1)
    status, out, errors, written = predict("5")
    assert status == 2 and errors[-1] == "error: 5: stopped before the first answer" and written == {}


def test_an_interrupted_film_is_not_taken_for_a_whole_one(films, predict, monkeypatch):
    def interrupted(self):
        yield from iter(())
        raise KeyboardInterrupt

    monkeypatch.setattr(stream_module.Stream, "__iter__", interrupted)
    status, out, errors, written = predict(films / "một.mp4")
    assert status == 130 and out == "" and errors[-1] == "interrupted" and written == {}
