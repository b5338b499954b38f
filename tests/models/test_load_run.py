"""`models.load_run`, the name that users know. What it opens is tested in tests/inference/test_run.py."""

import inspect
from pathlib import Path

import numpy as np
import pytest

import inference
from inference.clips import ClipPredictor
from inference.reviews import ReviewPredictor
from models import load_run
from tests.inference.random_reviews import save_review_run
from tests.inference.runs import footage, save_run, write_folder
from tests.small_reviews import ASPECTS, ROWS
from utils.config import FaceSettings, WindowSettings
from utils.errors import UserError

REVIEWS = [text for text, _ in ROWS[:3]]


@pytest.fixture(scope="module")
def clips(configure, tmp_path_factory) -> Path:
    return save_run(configure("--temperature 0.05"), tmp_path_factory.mktemp("clips") / "run")


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    return write_folder(tmp_path_factory.mktemp("film") / "film", footage(50))


def test_it_takes_what_inference_s_takes():
    assert list(inspect.signature(load_run).parameters) == list(inspect.signature(inference.load_run).parameters)
    assert inspect.signature(load_run).parameters["device"].default == "auto"


@pytest.mark.parametrize("kind", [str, Path])
def test_clips(clips, film, kind):
    settings = dict(windows=WindowSettings(window=1.0), faces=FaceSettings(every=2))
    model = load_run(kind(clips), "cpu", **settings)
    assert isinstance(model, ClipPredictor) and (model.windows, model.faces) == tuple(settings.values())
    answers = model.predict(kind(film))
    assert answers == inference.load_run(clips, "cpu", **settings).predict(film) and len(answers) == 3
    for answer in answers:
        chances = list(answer.probabilities.values())
        assert list(answer.probabilities) == model.classes and sum(chances) == pytest.approx(1, abs=1e-5)
        assert answer.label == model.classes[np.argmax(chances)] and answer.probability == max(chances)
    assert model.explain(film).label == max(answers, key=lambda answer: answer.probability).label


def test_other_classes(clips, film):
    guess = load_run(clips, "cpu", classes=["bored student", "focused student"])
    assert list(guess.predict(film)[0].probabilities) == ["bored student", "focused student"]
    with pytest.raises(UserError, match="give two classes or more"):
        load_run(clips, "cpu", classes=["bored student"])


def test_reviews(tmp_path):
    run = save_review_run(tmp_path)
    model = load_run(run, "cpu")
    assert isinstance(model, ReviewPredictor)
    found = model.predict(REVIEWS)
    assert found == inference.load_run(run, "cpu").predict(REVIEWS) and len(found) == 3
    assert model.predict(REVIEWS[1]) == found[1]
    assert {said["aspect"] for said in sum(found, [])} <= set(ASPECTS)


def test_the_detector_s_file_may_be_a_string(clips, film):
    model = load_run(clips, "cpu", windows=WindowSettings(faces="find"), faces=FaceSettings(detector_model="gone.onnx"))
    with pytest.raises(UserError, match="^--detector-model gone.onnx: no such file"):
        model.predict(film)


def test_what_is_no_run(tmp_path):
    with pytest.raises(UserError, match="no run"):
        load_run(tmp_path)
    with pytest.raises(UserError, match="--device abacus"):
        load_run(save_review_run(tmp_path), "abacus")
