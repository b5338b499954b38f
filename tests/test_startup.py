"""What is imported when: help and mistakes wait for no library, and a run only for those that it reads with."""

import os
import subprocess
import sys
from pathlib import Path
from pkgutil import resolve_name

import pytest

from main import COMMANDS
from tests.inference.random_reviews import save_review_run
from tests.inference.runs import footage, save_run, write_folder
from tests.small_reviews import ROWS

ROOT = Path(__file__).parent.parent
NUMBERS = {"numpy", "torch"}
OF_CLIPS = {"open_clip", "timm", "decord", "av"}
OF_REVIEWS = {"transformers", "tokenizers"}
SELDOM = {"sklearn", "scipy", "pandas", "captum", "gradio", "onnx", "onnxruntime", "tensorboard", "torchmetrics"}
SLOW = NUMBERS | OF_CLIPS | OF_REVIEWS | SELDOM | {"torchvision", "cv2", "matplotlib", "jinja2", "huggingface_hub"}


def run(words: list[str], *options: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *options, "main.py", *words], cwd=ROOT, text=True, capture_output=True,
                          env=os.environ | {"OMP_NUM_THREADS": "1"} | environment)


def imported(words: list[str], status: int) -> set[str]:
    """The packages that a fresh process imports, until it ends with this status."""
    ended = run(words, "-X", "importtime")
    assert ended.returncode == status, ended.stderr[-2000:]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in ended.stderr.splitlines()
            if line.startswith("import time:")}


@pytest.fixture(scope="module")
def clips(configure, tmp_path_factory) -> Path:
    return save_run(configure("--clip-model tiny --image-size 48"), tmp_path_factory.mktemp("clips") / "run")


@pytest.fixture(scope="module")
def reviews(tmp_path_factory) -> Path:
    return save_review_run(tmp_path_factory.mktemp("reviews"))


@pytest.mark.parametrize("words, status", [
    ("", 2), ("--help", 0), ("fly demo", 2), ("trian demo", 2), ("train", 2),
    ("train demo --help", 0), ("train nosuch", 2), ("train demo --epoch 3", 2), ("train absa_demo --epochs 0", 2),
    ("check demo --colour", 2), ("faces demo --help", 0), ("faces absa_demo", 2), ("eval nowhere", 2),
    ("eval {clips} --probe forest", 2), ("eval {clips} --seed 9", 2), ("predict nowhere a.mp4", 2),
    ("predict {clips} --help", 0), ("predict {reviews} --help", 0), ("predict {clips} a.mp4 --vidoe", 2),
    ("serve --port 0", 2), ("serve {clips} nowhere", 2), ("serve {clips} --port -1", 2), ("export nowhere", 2),
    ("export {clips} --format onnx --push-to-hub a/b", 2), ("ablate losses --jobs 0", 2),
    ("bench nosuch", 2), ("bench step --help", 0), ("bench step --rounds 0", 2)])
def test_help_and_mistakes_wait_for_no_library(clips, reviews, words, status):
    assert not imported(words.format(clips=clips, reviews=reviews).split(), status) & SLOW


@pytest.mark.slow
def test_a_run_on_clips_waits_for_what_reads_clips(clips, tmp_path):
    film = write_folder(tmp_path / "film", footage(3))
    packages = imported(["predict", str(clips), str(film), "--output-dir", str(tmp_path / "out")], 0)
    assert packages >= NUMBERS | OF_CLIPS and not packages & SELDOM  # open_clip brings transformers


@pytest.mark.slow
def test_a_run_on_reviews_waits_for_what_reads_reviews(reviews):
    packages = imported(["predict", str(reviews), ROWS[0][0]], 0)
    assert packages >= NUMBERS | OF_REVIEWS
    assert not packages & (OF_CLIPS | SELDOM - {"scipy"} | {"matplotlib"})  # transformers brings scipy


LIBRARY = """
import pathlib, signal
if (mark := pathlib.Path(__file__).with_name("begun")).exists():
    raise ImportError("a second time: the first one's Ctrl-C was swallowed")
mark.touch()
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.raise_signal(signal.SIGINT)
"""


@pytest.mark.parametrize("library, words", [("torch", "train demo")] + [("numpy", words) for words in (
    "train demo", "check demo", "faces demo", "eval {clips}", "predict {clips} a.mp4", "predict {reviews} x",
    "serve {clips}", "export {clips}", "ablate losses", "bench losses")])
def test_ctrl_c_while_libraries_are_imported_is_one_word(clips, reviews, tmp_path, library, words):
    (tmp_path / f"{library}.py").write_text(LIBRARY)  # in place of the real one
    ended = run(words.format(clips=clips, reviews=reviews).split(), PYTHONPATH=str(tmp_path))
    assert (ended.returncode, ended.stderr) == (130, "interrupted\n")


@pytest.mark.parametrize("place", COMMANDS.values(), ids=COMMANDS)
def test_each_command_is_where_the_table_says(place):
    assert resolve_name(place).__module__ == place.partition(":")[0]
