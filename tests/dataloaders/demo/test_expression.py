"""Checks the action units over time and what they do to a face."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataloaders.demo.expression import ACTION_UNITS, CLASSES, Shape, apex, envelope, performance, shape_of

SEEDS = st.integers(0, 2**32 - 1)
ACTED = tuple(name for name in CLASSES if name != "Neutral")


def _units(**intensity: float) -> np.ndarray:
    return np.array([intensity.get(f"au{unit}", 0.0) for unit in ACTION_UNITS])


def _mean_shape(emotion: str) -> dict[str, float]:
    shapes = [vars(shape_of(apex(np.random.default_rng([seed]), emotion))) for seed in range(200)]
    return {name: float(np.mean([shape[name] for shape in shapes])) for name in shapes[0]}


def test_no_action_is_a_face_at_rest():
    assert shape_of(_units()) == Shape()


def test_single_units_move_what_they_are_named_for():
    assert shape_of(_units(au12=0.5)).mouth_curve == pytest.approx(0.5)
    assert shape_of(_units(au15=0.5)).mouth_curve == pytest.approx(-0.5)
    assert shape_of(_units(au1=1.0)).brow_inner > 0 > shape_of(_units(au4=1.0)).brow_inner
    assert shape_of(_units(au45=1.0)).lid_upper == 0.0
    assert shape_of(_units(au45=1.0, au7=1.0)).lid_upper == 0.0  # lids cannot be more than closed


@settings(deadline=None)
@given(SEEDS, st.integers(8, 40))
def test_envelope_rises_once_holds_and_falls_once(seed, frames):
    level = envelope(np.random.default_rng(seed), frames)
    assert level.shape == (frames,)
    assert level[0] == level[-1] == 0.0
    assert level.max() > 0.85
    top = int(level.argmax())
    assert (np.diff(level[: top + 1]) >= 0).all() and (np.diff(level[top:]) <= 0).all()


@settings(deadline=None)
@given(SEEDS, st.sampled_from(ACTED))
def test_performance_goes_from_rest_to_apex_and_back(seed, emotion):
    intensity = performance(np.random.default_rng(seed), emotion, 16)[:, :-1]  # without blinks
    assert intensity[0].max() <= 0.12 + 1e-9 and intensity[-1].max() <= 0.12 + 1e-9
    assert intensity[5:11].max() > 0.35


@settings(deadline=None)
@given(SEEDS)
def test_neutral_is_weak_but_not_still(seed):
    intensity = performance(np.random.default_rng(seed), "Neutral", 16)[:, :-1]
    assert 0.0 < np.ptp(intensity, axis=0).max() <= 0.14 + 0.12


def test_apex_shapes_tell_the_classes_apart():
    shape = {emotion: _mean_shape(emotion) for emotion in CLASSES}
    assert shape["Happy"]["mouth_curve"] > 0.4 and shape["Sad"]["mouth_curve"] < -0.4
    assert abs(shape["Neutral"]["mouth_curve"]) < 0.1
    assert shape["Anger"]["brow_inner"] < -0.05 < 0.1 < shape["Sad"]["brow_inner"]
    assert max(CLASSES, key=lambda name: shape[name]["nose_wrinkle"]) == "Disgust"
    assert max(CLASSES, key=lambda name: shape[name]["jaw_drop"]) == "Surprise"
    assert max(set(CLASSES) - {"Happy"}, key=lambda name: shape[name]["mouth_width"]) == "Fear"
