import pytest
import torch

from benchmarks.clips import RandomClips
from scripts.health_cost import measure, of_clips, table


def test_table():
    assert table({"demo": (40, 8.0, 0.04)}).splitlines()[2:] == ["| demo | 40 | 200.0 | 1.00 | 0.50% |"]


def test_noise_is_a_loader_s_batches(configure):
    noise = RandomClips(configure("--batch-size 3"), 2)
    batches = list(noise.epoch(0))
    assert [batch.ids for batch in batches] == [["0", "1", "2"], ["3", "4", "5"]] and len(noise) == 2
    assert batches[1].targets.tolist() == [3, 4, 5] and batches[0].face.dtype == torch.uint8
    assert batches[0].face.shape == batches[0].context.shape == (3, 2, 3, 32, 32)
    assert len(list(noise.epoch(0, start=1))) == 1


@pytest.mark.parametrize("steps", [3])
def test_the_watch_s_share_is_of_the_steps_that_are_counted(recipe, tmp_path, steps):
    trainer = of_clips([], str(recipe), steps + 2, tmp_path)
    seconds, watch = measure(trainer, steps)
    assert trainer.steps == steps + 2 and 0 < watch < seconds
    assert watch < trainer.health.seconds  # without the first two
    assert trainer.health.found == []
