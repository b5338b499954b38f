import pytest

from benchmarks import timing
from benchmarks.timing import by_turns, ratios


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes only when it is told to."""
    class Clock:
        now = 0.0

        def takes(self, seconds: float):
            def call():
                called.append(seconds)
                self.now += seconds
            return call

    clock, called = Clock(), []
    clock.called = called
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock.now)
    return clock


def test_cases_run_by_turns_and_none_always_follows_the_same(clock):
    seconds = by_turns({"a": clock.takes(3), "b": clock.takes(1)}, rounds=3)
    assert seconds == {"a": [3, 3, 3], "b": [1, 1, 1]}
    assert clock.called == [3, 1, 1, 3, 3, 1, 1, 3]  # once each to warm up, then three rounds


def test_ratios_are_of_each_round():
    """Not of the medians: a round in which the machine was slow is slow for both."""
    assert ratios({"slow": [4, 40, 9], "fast": [2, 10, 3]}, "slow", "fast") == (3, 2, 4)
