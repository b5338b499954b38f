import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataloaders.sampling import tsn_indices, window_indices

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


# Windows


class Fixed:
    """A stream that draws a place known beforehand, and the least or the middle of every range of starts."""

    def __init__(self, place: int, along: float):
        self.place, self.along, self.ends = place, along, []

    def integers(self, end: int) -> int:
        self.ends.append(end)
        return self.place

    def uniform(self, low, high):
        return low + self.along * (high - low)


@pytest.mark.parametrize("frames, share, segments, duration, places, place, along, indices", [
    (40, 0.5, 4, 1, 21, 0, 0, [0, 5, 10, 15]),  # twenty frames in segments of five, at 0 to 20
    (40, 0.5, 4, 1, 21, 20, 0, [20, 25, 30, 35]),
    (40, 0.5, 4, 1, 21, 7, 0.5, [9, 14, 19, 24]),  # 2.5, 7.5, 12.5, 17.5
    (40, 1.0, 4, 1, 1, 0, 0.5, [5, 15, 25, 35]),
    (42, 0.5, 2, 3, 22, 10, 0.5, [14, 15, 16, 24, 25, 26]),  # 21 frames: see the middle of 21 above
    (40, 0.1, 2, 4, 33, 30, 0, [30, 31, 32, 33, 34, 35, 36, 37]),  # of the four frames, the eight that are wanted
    (10, 0.25, 2, 1, 9, 3, 0, [3, 4]),  # 2.5 is 2
    (10, 0.29, 2, 1, 8, 3, 0, [3, 4]),  # and 2.9 is 3: segments of 1.5
    (3, 0.5, 4, 1, 1, 0, 0, [0, 1, 2, 2]),  # the clip is shorter than what is wanted
    (1, 0.5, 2, 2, 1, 0, 0, [0, 0, 0, 0]),
])
def test_windows_by_hand(frames, share, segments, duration, places, place, along, indices):
    fixed = Fixed(place, along)
    assert window_indices(frames, share, segments, duration, fixed) == indices
    assert fixed.ends == [places]


@given(st.integers(1, 500), st.floats(0.001, 1), SMALL, st.integers(1, 5), st.integers(0, 999))
def test_windows_are_in_range_ascending_and_no_longer_than_their_share(frames, share, segments, duration, seed):
    indices = window_indices(frames, share, segments, duration, stream(seed))
    assert len(indices) == segments * duration and all(isinstance(index, int) for index in indices)
    assert min(indices) >= 0 and max(indices) < frames
    runs = np.reshape(indices, (segments, duration))  # those of two segments may overlap
    assert (np.diff(runs, axis=0) >= 0).all() and (np.diff(runs, axis=1) >= 0).all()
    assert indices[-1] - indices[0] < max(share * frames + 0.5, segments * duration)


@given(st.integers(40, 300), st.floats(0.1, 0.6), st.integers(1, 6), st.integers(0, 999))
def test_two_windows_of_one_stream_differ_over_draws(frames, share, segments, seed):
    draws = stream(seed)
    pairs = [[window_indices(frames, share, segments, 1, draws) for _ in range(2)] for _ in range(10)]
    assert any(first != second for first, second in pairs)
    assert len({tuple(window) for pair in pairs for window in pair}) > 1


def test_all_places_of_a_window_are_as_likely():
    """A window of one frame, of ten: each is drawn about 1000 times of 10,000, standard deviation 30."""
    draws = stream()
    counts = np.bincount([window_indices(10, 0.1, 1, 1, draws)[0] for _ in range(10_000)], minlength=10)
    assert len(counts) == 10 and (np.abs(counts - 1000) < 150).all()


def test_windows_depend_on_the_stream_only():
    def drawn(seed):
        return window_indices(300, 0.4, 8, 2, stream(seed))

    assert drawn(3) == drawn(3) != drawn(4)
