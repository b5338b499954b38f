"""Learning rates that leave their schedule are named."""

import math

import pytest

from tests.utils.health.parts import close, names, parts, step, video
from utils.health.rates import Rates


def factors(watch: Rates, epochs: list[float]) -> list[float]:
    return [watch._factor(epoch) for epoch in epochs]


def test_the_schedule_by_hand():
    cosine = Rates(parts(video(epochs=6, warmup_epochs=2, milestones=())))
    assert factors(cosine, [0, 0.01, 1, 2, 4, 5]) == pytest.approx([0.01, 0.01, 0.5, 1, 0.5, (1 - math.sqrt(0.5)) / 2])
    steps = Rates(parts(video(epochs=6, warmup_epochs=0, milestones=(1, 3), gamma=0.1)))
    assert factors(steps, [0, 0.99, 1, 2.9, 3]) == pytest.approx([1, 1, 0.1, 0.1, 0.01])


def test_a_short_warm_up_by_hand():
    assert factors(Rates(parts(video(epochs=6, warmup_epochs=0.005))), [0, 0.004]) == [1, 1]


@pytest.mark.parametrize("off, found", [(1.0, []), (1.0005, []), (1.01, ["learning-rate"]), (0.99, ["learning-rate"])])
def test_each_step_has_its_rate(off, found):
    watch = Rates(parts(video(epochs=4, warmup_epochs=0, milestones=(), lr=0.1)))
    for epoch in (0.0, 1.0, 2.0):
        watch.watched.optimizer.param_groups[0]["lr"] = 0.1 * off * (1 + math.cos(math.pi * epoch / 4)) / 2
        watch.forward(step(epoch=epoch))
    assert names(close(watch)) == found and close(watch) == []


def test_the_last_steps_of_a_long_schedule():
    """Rates of a millionth of the full one and less, where a cosine in float32 is off by a tenth."""
    watch = Rates(parts(video(epochs=100, warmup_epochs=0, milestones=(), lr=1e-3)))
    for number in range(1, 400):
        epoch = 100 - number / 1000
        watch.watched.optimizer.param_groups[0]["lr"] = 1e-3 * 0.5 * (1 + math.cos(math.pi * epoch / 100))
        watch.forward(step(epoch=epoch))
    assert close(watch) == []
