from multiprocessing import get_context
from threading import Event

import numpy as np
import pytest

from dataloaders.lanes import Lanes
from scripts.stream_million import Told, main, stream
from tests.fresh import in_fresh_process


def test_a_few_samples_are_streamed_and_told_of(tmp_path, capsys):
    assert main(["--samples", "3000", "--folder", str(tmp_path), "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "3,000 samples in 39 batches: each came once" in said
    assert "from sample 2,310 on, with another number of workers, 9 batches were the same again" in said
    assert not list(tmp_path.iterdir())


def test_growth_is_of_the_sums_from_the_first_tenth_to_the_last():
    told = Told(1, 1, 1, 1, np.array([[[10.0, 1], [5, 1]]] * 10 + [[[11.0, 3], [5, 2]]] * 90))
    assert told.growth == [3, 1] and told.tenths().tolist() == [[[10, 1], [5, 1]], *[[[11, 3], [5, 2]]] * 9]


def test_samples_that_come_twice_are_told(tmp_path, monkeypatch):
    real = Lanes.stretches
    monkeypatch.setattr(Lanes, "stretches", lambda self, epoch, lane, start: real(self, epoch, 0, start))
    with pytest.raises(AssertionError, match="came twice"):
        stream(tmp_path, 3000, 0)


@pytest.mark.slow
def test_a_child_that_was_there_before_is_not_counted(tmp_path):
    other = get_context("fork").Process(target=Event().wait, daemon=True)
    other.start()
    try:
        told = stream(tmp_path, 1000, 1)
    finally:
        other.kill()
        other.join()
    assert told.memory.shape[1:] == (2, 2)


@pytest.mark.slow
def test_memory_does_not_grow_over_fifty_thousand(tmp_path):
    told = in_fresh_process(stream, tmp_path, 50_000, 2)
    assert told.memory.shape[1:] == (2, 3) and told.growth[1] < 16
