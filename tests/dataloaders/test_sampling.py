import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataloaders.sampling import tsn_indices

SMALL = st.integers(1, 12)


def stream(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    "frames, segments, duration, indices",
    [
        (40, 4, 1, [5, 15, 25, 35]),  # segments of ten
        (16, 8, 1, [1, 3, 5, 7, 9, 11, 13, 15]),
        (21, 2, 3, [4, 5, 6, 14, 15, 16]),  # starts 0..18 in two halves of 9.5
        (3, 1, 1, [1]),
    ],
)
def test_evaluation_takes_the_middle(frames, segments, duration, indices):
    assert tsn_indices(frames, segments, duration, None) == indices


@pytest.mark.parametrize("frames, indices", [(1, [0, 0, 0, 0]), (3, [0, 1, 2, 2]), (4, [0, 1, 2, 3])])
def test_short_clips_repeat_their_last_frame(frames, indices):
    for draws in (None, stream()):
        assert tsn_indices(frames, 4, 1, draws) == tsn_indices(frames, 2, 2, draws) == indices


@given(st.integers(1, 500), SMALL, st.integers(1, 5), st.one_of(st.none(), st.integers(0, 999)))
def test_indices_are_in_range_ascending_and_in_their_segments(frames, segments, duration, seed):
    indices = tsn_indices(frames, segments, duration, None if seed is None else stream(seed))
    assert len(indices) == segments * duration
    assert min(indices) >= 0 and max(indices) < frames
    assert all(isinstance(index, int) for index in indices)
    if frames <= segments * duration:
        return
    runs = np.reshape(indices, (segments, duration))
    assert (np.diff(runs, axis=1) == 1).all()  # successive frames
    starts, width = runs[:, 0], (frames - duration + 1) / segments
    assert (np.diff(starts) >= 0).all()
    for place, start in enumerate(starts):
        assert np.floor(place * width - 1e-9) <= start <= (place + 1) * width


def test_training_reaches_every_frame_of_a_segment_and_no_other():
    drawn = np.array([tsn_indices(40, 4, 1, stream(seed)) for seed in range(400)])
    for segment in range(4):
        assert set(drawn[:, segment]) == set(range(10 * segment, 10 * segment + 10))


def test_the_last_frame_of_a_clip_can_be_drawn_with_a_duration():
    assert max(tsn_indices(10, 2, 3, stream(seed))[-1] for seed in range(200)) == 9


def test_training_depends_on_the_stream_only():
    assert (
        tsn_indices(300, 8, 2, stream(3))
        == tsn_indices(300, 8, 2, stream(3))
        != tsn_indices(300, 8, 2, stream(4))
    )
