"""Settings of `predict`, and of the search for faces, which they hold."""

import re

import pytest
import tyro

from utils.config import ClipPredictSettings, FaceSettings, ReviewPredictSettings, WindowSettings, flag
from utils.errors import UserError

NAN, INFINITE = float("nan"), float("inf")
CLIP, REVIEW = dict(input=("a.mp4",)), dict(input=("a.csv",))
WRONG = [
    (FaceSettings, {}, [dict(every=0), dict(gap=-1), dict(smooth=-1), dict(min_score=0), dict(min_score=-0.1),
                        dict(min_score=1.01), dict(min_score=NAN)]),
    (WindowSettings, {}, [{name: value} for name in ("window", "stride", "frame_rate")
                          for value in (0, -1, NAN, INFINITE, 1e6)]),
    (ClipPredictSettings, CLIP, [dict(batch_size=0), dict(seconds=0), dict(seconds=-1.0), dict(seconds=NAN)]),
    (ReviewPredictSettings, REVIEW, [dict(batch_size=0), dict(explain=True)])]
CASES = [(kind, given, wrong) for kind, given, cases in WRONG for wrong in cases]


@pytest.mark.parametrize("kind, given, wrong", CASES, ids=str)
def test_a_value_out_of_range_is_named_by_its_flag(kind, given, wrong):
    (name,) = wrong
    with pytest.raises(UserError, match=f"^{flag(name)}[ :]"):
        kind(**given, **wrong)


@pytest.mark.parametrize("kind, given", [
    (FaceSettings, dict(every=1, gap=0, smooth=0, min_score=1)), (FaceSettings, dict(min_score=1e-9)),
    (WindowSettings, dict(window=1e-3, stride=999_999.0, frame_rate=0.1)), (WindowSettings, dict(stride=None)),
    (ClipPredictSettings, CLIP | dict(batch_size=1, seconds=1e-3)), (ClipPredictSettings, CLIP | dict(seconds=None)),
    (ReviewPredictSettings, REVIEW | dict(batch_size=1, explain=True, output_dir="d")),
    (ReviewPredictSettings, REVIEW | dict(onnx=True))])
def test_values_on_the_edge_are_taken(kind, given):
    taken = kind(**given)
    assert {name: getattr(taken, name) for name in given} == given


@pytest.mark.parametrize("kind, example", [(ClipPredictSettings, "a video"), (ReviewPredictSettings, "a table")])
def test_there_must_be_an_input(kind, example):
    with pytest.raises(UserError, match=f"^predict: give an input: {example}"):
        kind(input=())


@pytest.mark.parametrize("explain", [dict(explain=True), dict(explain_at=0.0)])
def test_onnxruntime_explains_nothing(explain):
    assert ClipPredictSettings(**CLIP, **explain).explains and not ClipPredictSettings(**CLIP, onnx=True).explains
    with pytest.raises(UserError, match="^--explain: needs gradients"):
        ClipPredictSettings(**CLIP, onnx=True, **explain)
    with pytest.raises(UserError, match="^--explain: needs gradients"):
        ReviewPredictSettings(**REVIEW, onnx=True, explain=True, output_dir="d")


def test_a_step_is_half_a_window_unless_it_is_given():
    assert WindowSettings().step == 2 and WindowSettings(window=3.0).step == 1.5
    assert WindowSettings(window=3.0, stride=7.0).step == 7


def test_flags_have_no_prefix_and_inputs_none_at_all():
    words = "a.mp4 b c.jpg --window 2.5 --stride 1 --every 5 --pick central --faces find --no-video".split()
    settings = tyro.cli(ClipPredictSettings, args=words)
    assert settings.input == ("a.mp4", "b", "c.jpg") and settings.windows == WindowSettings(2.5, 1.0, faces="find")
    assert settings.face == FaceSettings(every=5, pick="central")


@pytest.mark.parametrize("words", ["a --faces some", "a --pick first", "a --detector none", "a --format xml"])
def test_a_choice_that_there_is_not_is_refused(words, capsys):
    with pytest.raises(SystemExit):
        tyro.cli(ReviewPredictSettings if "format" in words else ClipPredictSettings, args=words.split())
    assert re.search(words.split()[1], capsys.readouterr().err)
