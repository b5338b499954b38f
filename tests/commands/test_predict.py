"""Which `predict` a run gets. What each does has tests of its own."""

import pickle
import shutil

import pytest

from main import main
from tests import small_reviews
from tests.inference.runs import Bomb, save_run
from utils.config import ClipPredictSettings, ReviewPredictSettings
from utils.recipe import load_config, save_config


@pytest.fixture(scope="module")
def runs(configure, tmp_path_factory):
    """A run on clips; and one on reviews, as far as the command itself looks into it."""
    root = tmp_path_factory.mktemp("runs")
    save_run(configure(), root / "clips")
    (root / "reviews").mkdir()
    save_config(small_reviews.configure(root), root / "reviews" / "config.yaml")
    shutil.copy(root / "clips" / "model.safetensors", root / "reviews" / "model.safetensors")
    return root


@pytest.mark.parametrize("kind, settings", [("clips", ClipPredictSettings), ("reviews", ReviewPredictSettings)])
@pytest.mark.parametrize("status", [0, 2])
def test_the_kind_of_run_says_what_is_read(runs, monkeypatch, kind, settings, status):
    calls = []
    for name in ("clips", "reviews"):
        monkeypatch.setattr(f"commands.predict_{name}.predict_{name}",
                            lambda *of, name=name: calls.append((name, *of)) or status)
    assert main(["predict", str(runs / kind), "a", "b", "--batch-size", "3"]) == status
    [(name, run, given)] = calls
    assert name == kind and run.folder == runs / kind and isinstance(given, settings)
    assert given.input == ("a", "b") and given.batch_size == 3


@pytest.mark.parametrize("kind, flags, others", [
    ("clips", ["--video", "--explain-at", "--window", "--faces", "--detector-model", "--classes", "--onnx"],
     ["--text-column"]),
    ("reviews", ["--format", "--text-column", "--output-dir", "--batch-size", "--onnx"], ["--video", "--window"])])
def test_help_lists_the_flags_of_that_kind(runs, capsys, kind, flags, others):
    with pytest.raises(SystemExit) as ended:
        main(["predict", str(runs / kind), "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and "INPUT" in said and all(flag in said for flag in flags)
    assert not any(flag in said for flag in others)


def test_help_without_a_run_is_that_of_all_commands(capsys):
    assert main(["predict", "--help"]) == 0 and "main.py predict RUN INPUT..." in capsys.readouterr().out


@pytest.mark.parametrize("kind, words, said", [
    ("clips", [], "predict: give an input: a video, an image"),
    ("reviews", ["--format", "csv"], "predict: give an input"),
    ("clips", ["a.mp4", "--vidoe"], "unknown flag --vidoe; did you mean --video?"),
    ("clips", ["a.mp4", "--text-column", "x"], "unknown flag --text-column"),
    ("reviews", ["a.csv", "--video"], "unknown flag --video"), ("clips", ["a.mp4", "--window", "0"], "--window 0.0"),
    ("clips", ["a.mp4", "--onnx", "--explain"], "--explain: needs gradients"),
    ("clips", ["a.mp4", "--onnx", "--explain-at", "3"], "--explain: needs gradients"),
    ("reviews", ["-", "--onnx", "--explain", "--output-dir", "x"], "--explain: needs gradients")])
def test_a_wrong_command_is_one_line(runs, capsys, kind, words, said):
    assert main(["predict", str(runs / kind), *words]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ") and said in error and "\n" not in error


def no_run(folder, mark):
    (folder / "config.yaml").unlink()


def without_weights(folder, mark):
    (folder / "model.safetensors").unlink()


def a_pickle(folder, mark):
    (folder / "model.safetensors").write_bytes(pickle.dumps(Bomb(mark)))


def pretrained(folder, mark):
    save_config(load_config("simclr_demo"), folder / "config.yaml")


@pytest.mark.parametrize("damage, said", [
    (no_run, "no run; give the folder of a finished one"), (without_weights, "model.safetensors: no such file"),
    (a_pickle, "model.safetensors: not the weights of a run"),
    (pretrained, "was pretrained without labels and knows no classes; train a recogniser from it with --init-from")])
def test_a_folder_that_is_no_finished_run_is_one_line_and_nothing_is_executed(runs, tmp_path, capsys, damage, said):
    folder, mark = shutil.copytree(runs / "clips", tmp_path / "run"), tmp_path / "mark"
    damage(folder, mark)
    assert main(["predict", str(folder), "a.mp4"]) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.startswith(f"error: {folder}") and said in error and error.count("\n") == 1
    assert not mark.exists() and not (folder / "predictions").exists()
