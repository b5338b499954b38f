"""`main.py faces`, and a training on the file that it writes."""

import gc
import json
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from commands import search_faces as command
from commands.search_faces import clips_of, place_of
from dataloaders.boxes import Boxes
from dataloaders.datasets import CAER
from dataloaders.faces import DETECTORS, clip_faces
from main import main
from tests.conftest import RECIPE
from tests.dataloaders.faces.squares import Squares, frame, square, write_clip
from tests.small_reviews import write_recipe
from utils.recipe import load_config

EACH = ["--pick", "largest", "--every", "1", "--gap", "0", "--smooth", "0"]
FRAMES = 4


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Two clips of each class to train on, a video and a folder; a video to validate, a folder to test."""
    root = tmp_path_factory.mktemp("data")
    for split, names in (("train", ("a.avi", "b")), ("validation", ("a.avi",)), ("test", ("b",))):
        for label, name in ((label, name) for label in CAER for name in names):
            start, ground = CAER.index(label) + len(split), (5 * CAER.index(label), 5 * len(split), 9 * len(name))
            frames = [frame(start + step, ground=ground) for step in range(FRAMES)]
            write_clip(root / "CAER" / split / label / name, frames, 10, 2)
    return root


@pytest.fixture
def small(data, micro, tmp_path) -> Path:
    """A recipe on a data set of its own."""
    shutil.copytree(data, tmp_path / "data")
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE.format(root=tmp_path / "data"))
    return path


@pytest.fixture(autouse=True)
def squares(monkeypatch):
    """What stands in for faces in clips of noise."""
    monkeypatch.setitem(DETECTORS, "yunet", Squares)


def expected(split: str, label: str, name: str) -> dict[int, tuple]:
    start = CAER.index(label) + len(split)
    return {step if name == "a.avi" else 10 + 2 * step: tuple(square(start + step)) for step in range(FRAMES)}


def written(small: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in small.parent.glob("data/faces.*")}


def test_the_box_file_is_what_training_needs(small, tmp_path, capsys):
    assert main(["faces", str(small), *EACH]) == 0
    said, path = capsys.readouterr(), tmp_path / "data" / "faces.json"
    assert said.out.splitlines() == [
        "28 clips, 28 of them searched now: one face 28; a box in 100.0% of 112 frames",
        f"--bounding-box-face {path}", f"to look at: {path.with_suffix('.html')}"]
    boxes = Boxes(path)
    assert len(boxes.table) == 28
    for name, of_clip in boxes.table.items():
        _, split, label, clip = name.split("/")
        assert of_clip == expected(split, label, clip)
    run = tmp_path / "run"
    assert main(["train", str(small), "--bounding-box-face", "faces.json", "--missing-box", "error", "--epochs", "1",
                 "--output-dir", str(run)]) == 0
    for scores in json.loads((run / "metrics.json").read_text()).values():
        assert scores["clips"] == 7 and scores["shares"] == {"context: whole frame": 1, "face: face box": 1}


@pytest.mark.parametrize("jobs, at", [("0", 0), ("0", 9), ("2", 9), ("2", 27)])
def test_broken_off_by_ctrl_c_it_goes_on_and_comes_to_the_same(small, monkeypatch, capsys, jobs, at):
    assert main(["faces", str(small), *EACH, "--jobs", "0"]) == 0
    whole = written(small)
    assert set(whole) == {"faces.json", "faces.jsonl", "faces.html"}
    for name in whole:
        (small.parent / "data" / name).unlink()
    chosen, search, main_process = list(json.loads(whole["faces.json"]))[at], clip_faces.faces_of_clip, os.getpid()
    mark = small.parent / "interrupted"

    def interrupted(clip, *rest):
        if clip.id == chosen and not mark.exists():
            mark.touch()
            os.kill(main_process, signal.SIGINT)
        return search(clip, *rest)

    monkeypatch.setattr(clip_faces, "faces_of_clip", interrupted)
    former = signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background may ignore it
    gc.collect()
    gc.disable()  # in whose calls Python would drop the interrupt
    try:
        assert main(["faces", str(small), *EACH, "--jobs", jobs]) == 130
    finally:
        gc.enable()
        signal.signal(signal.SIGINT, former)
    kept = written(small).get("faces.jsonl", b"")
    begun = max(kept.count(b"\n") - 1, 0)
    assert "faces.json" not in written(small) and whole["faces.jsonl"].startswith(kept)
    assert begun == at if jobs == "0" else at - 5 <= begun <= at  # two processes are up to two clips ahead each
    capsys.readouterr()
    assert main(["faces", str(small), *EACH, "--jobs", jobs]) == 0
    assert written(small) == whole and f"28 clips, {28 - begun} of them searched now" in capsys.readouterr().out


def test_a_line_half_written_is_searched_again_and_nothing_else(small, monkeypatch, capsys):
    assert main(["faces", str(small), *EACH]) == 0
    whole, lines = written(small), small.parent / "data" / "faces.jsonl"
    lines.write_bytes(whole["faces.jsonl"][:-7])
    searched, search = [], clip_faces.faces_of_clip
    monkeypatch.setattr(clip_faces, "faces_of_clip",
                        lambda clip, *rest: searched.append(clip.id) or search(clip, *rest))
    assert main(["faces", str(small), *EACH]) == 0
    assert written(small) == whole and searched == [list(json.loads(whole["faces.json"]))[-1]]
    monkeypatch.setattr(command, "DETECTORS", {})  # when all is searched, no detector is needed
    capsys.readouterr()
    assert main(["faces", str(small), *EACH]) == 0 and len(searched) == 1
    assert capsys.readouterr().out.startswith("28 clips, 0 of them searched now: one face 28;")


def without_lines(folder: Path) -> None:
    (folder / "faces.json").write_text("{}")


def with_foreign_lines(folder: Path) -> None:
    (folder / "faces.jsonl").write_text('{"my": 1}\n{"own": 2}')


def begun_otherwise(folder: Path) -> None:
    (folder / "faces.jsonl").write_text('{"faces": {"every": "3", "gap": "0"}}\n{"id": "half')


@pytest.mark.parametrize("make, flags, said", [
    (without_lines, [], "{data}/faces.json: there already, and not begun by `faces` (faces.jsonl is not beside it)"),
    (with_foreign_lines, [], "{data}/faces.jsonl: not a file of `faces`; give another --output"),
    (begun_otherwise, [], "{data}/faces.jsonl: begun with other settings (--every 3); give these, or another --output"),
    (None, ["--output", "faces.html"], "faces.html: the name of a box file must end in .json"),
    (None, ["--every", "0"], "--every 0: must be at least 1"),
    (None, ["--min-score", "2"], "--min-score 2.0: must be in (0, 1]"),
    (None, ["--detector", "mine"], "mine"), (None, ["--colour", "red"], "unknown flag --colour"),
    (None, ["--root-dir", "nowhere"], "--root-dir nowhere: no such folder")])
def test_a_mistake_is_one_line_and_nothing_is_written_over(small, capsys, make, flags, said):
    folder = small.parent / "data"
    if make:
        make(folder)
    before = written(small)
    assert main(["faces", str(small), *EACH, *flags]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and said.format(data=folder) in error
    assert written(small) == before


def test_a_missing_detector_is_said_before_any_process_begins(small, monkeypatch, capsys):
    monkeypatch.undo()
    monkeypatch.setattr(command, "find_in_clips", lambda *_: pytest.fail("begun"))
    assert main(["faces", str(small), "--detector-model", "gone.onnx"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "error: --detector-model gone.onnx: no such file"
    assert written(small) == {}


def test_a_recipe_for_reviews_has_no_faces(tmp_path, capsys):
    assert main(["faces", str(write_recipe(tmp_path))]) == 2
    assert capsys.readouterr().err.endswith("is a recipe for reviews; clips have faces\n")


BAD = "<b>x<b>.avi"  # a file's name may hold no slash


@pytest.mark.parametrize("allowed, status", [("0", 2), ("0.06", 2), ("0.08", 0)])
def test_clips_that_cannot_be_read_are_named_counted_and_left_out(small, capsys, allowed, status):
    folder = small.parent / "data" / "CAER" / "train"
    (folder / "Anger" / "a.avi").rename(folder / "Anger" / BAD)
    (folder / "Anger" / BAD).write_bytes(b"")
    shutil.rmtree(folder / "Sad" / "b")
    (folder / "Sad" / "b").mkdir()
    assert main(["faces", str(small), *EACH, "--max-bad-clips", allowed]) == status
    said, files = capsys.readouterr(), written(small)
    reasons = {f"CAER/train/Anger/{BAD}": "the file is empty", "CAER/train/Sad/b": "the folder holds no image"}
    lines = [line for line in said.err.splitlines() if line.startswith(("left out", "error"))]
    assert lines[:2] == [f"left out {name}: {reason}" for name, reason in reasons.items()]
    assert lines[2:] == [f"error: faces: 2 of 28 clips cannot be read, more than --max-bad-clips {allowed}; the box "
                         "file holds the others"] * (status == 2)
    assert "28 clips, 28 of them searched now: one face 26; a box in 100.0% of 104 frames" in said.out
    assert len(json.loads(files["faces.json"])) == 26 and not reasons.keys() & json.loads(files["faces.json"]).keys()
    html = files["faces.html"].decode().replace("<wbr>", "")
    assert "2 clips cannot be read" in html and "&lt;b&gt;x&lt;b&gt;.avi" in html and "<b>x" not in html
    assert len(re.findall("<img", html)) == 7 * 3  # every fourth of 26 clips


def test_other_places_and_names(small, capsys):
    assert main(["faces", str(small), *EACH, "--output", str(small.parent / "new" / "mine.json")]) == 0
    assert len(Boxes(small.parent / "new" / "mine.json").table) == 28 and written(small) == {}
    root = small.parent / "data"
    for named, expected_place in ((None, "faces.json"), ("boxes.json", "boxes.json")):
        config = load_config(str(small), ["--bounding-box-face", named] if named else [])
        assert place_of(config) == root / expected_place
    (root / "boxes.json").write_text("{}")
    assert place_of(config) == root / "faces.json"  # what is there is not written over


def test_the_box_file_that_a_recipe_names_is_made(small):
    assert main(["faces", str(small), *EACH, "--bounding-box-face", "boxes.json"]) == 0
    assert len(Boxes(small.parent / "data" / "boxes.json").table) == 28


def test_a_pretraining_recipe_s_unlabelled_clips_are_searched_too(simclr_recipe, tmp_path):
    write_clip(tmp_path / "more" / "deep" / "x.avi", [frame(1)])
    write_clip(tmp_path / "more" / "y.png", [frame(2)])
    own = clips_of(load_config(str(simclr_recipe)))
    both = clips_of(load_config(str(simclr_recipe), ["--unlabelled", str(tmp_path / "more")]))
    assert len(own) == 28 and own.keys() | {"deep/x.avi", "y.png"} == both.keys()
    assert both["y.png"].path == tmp_path / "more" / "y.png"


def test_help_lists_the_flags(small, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["faces", str(small), "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and set(re.findall(r"--[a-z-]+", said)) >= {
        "--output", "--jobs", "--detector", "--detector-model", "--min-score", "--pick", "--every", "--gap", "--smooth"}
    assert main(["faces", "--help"]) == 0 and "main.py faces RECIPE [flags]" in capsys.readouterr().out


def test_real_faces(shared, yunet, caer, micro, tmp_path, monkeypatch, capsys):
    """Beside 28 images of noise."""
    monkeypatch.undo()
    films = shared("face-videos")
    root = shutil.copytree(caer, tmp_path / "data")
    numbers = {"CAER/train/Happy/single_face.mp4": 72, "CAER/validation/Sad/no_face.mp4": 0,
               "CAER/test/Fear/multi_face.jpg": 1}
    for name in numbers:
        (root / name).symlink_to(films / Path(name).name)
    (tmp_path / "real.yaml").write_text(RECIPE.format(root=root))
    assert main(["faces", str(tmp_path / "real.yaml"), "--detector-model", str(yunet)]) == 0
    assert capsys.readouterr().out.startswith(
        "31 clips, 31 of them searched now: no face 29, one face 1, several faces 1; a box in 37.2% of 196 frames\n")
    found = {name: len(boxes) for name, boxes in Boxes(root / "faces.json").table.items()}
    assert {name: number for name, number in found.items() if number or name in numbers} == numbers and len(found) == 31
