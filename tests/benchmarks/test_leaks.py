import numpy as np
import pytest

from benchmarks.leaks import trend

EPOCHS = 100


def noise(size: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, size, EPOCHS)


def test_what_stands_still_does_not_grow():
    found = trend([500.0] * EPOCHS)
    assert (found.first, found.second, found.growth, found.grows) == (0, 0, 0, False)
    assert not trend([7] * EPOCHS).grows


@pytest.mark.parametrize("size", [0.1, 5, 100])
def test_noise_does_not_grow(size):
    assert not trend(list(500 + noise(size))).grows


def test_a_slow_leak_beneath_noise_grows():
    """0.25 MiB an epoch, of 500 with a noise of 2: the second half, 40 epochs, brings 39 steps of some 0.25."""
    found = trend(list(500 + 0.25 * np.arange(EPOCHS) + noise(2)))
    assert found.grows and found.first == pytest.approx(0.25, abs=0.06)
    assert found.second == pytest.approx(0.25, abs=0.06) and 0 < found.low < found.second < found.high
    assert found.growth == pytest.approx(39 * 0.25, rel=0.4) and found.bound == pytest.approx(0.01 * 520, rel=0.01)


def test_a_leak_that_does_not_matter_does_not_grow():
    """0.1 MiB an epoch, for sure; 3.9 in the second half, of 500."""
    found = trend(list(500 + 0.1 * np.arange(EPOCHS)))
    assert found.low == pytest.approx(0.1) and not found.grows


@pytest.mark.parametrize("at", [5, 30, 50, 60, 75, 90])
def test_a_step_does_not_grow(at):
    assert not trend([500.0 + 100 * (epoch >= at) for epoch in range(EPOCHS)]).grows
    assert not trend(list(500 + noise(1) + 100 * (np.arange(EPOCHS) >= at))).grows


def test_what_fills_while_it_is_warm_does_not_grow():
    assert not trend(list(500 * (1 - np.exp(-np.arange(EPOCHS) / 5)))).grows


@pytest.mark.parametrize("every, grows", [(1, True), (3, True), (10, True), (80, False)])
def test_a_file_that_is_left_open_every_so_many_epochs(every, grows):
    assert trend([20 + epoch // every for epoch in range(EPOCHS)]).grows == grows


def test_a_saw_grows_only_as_a_whole():
    saw = [500.0 + 50 * (epoch % 7) for epoch in range(EPOCHS)]
    assert not trend(saw).grows
    assert trend([epoch + value / 50 for epoch, value in enumerate(saw)]).grows


def test_too_few_to_tell():
    assert trend([1.0] * 13) is None and trend([1.0] * 14) is not None
