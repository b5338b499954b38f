import torch

from benchmarks.memory import Held


def test_what_is_held_at_the_worst_moment():
    """A vector of 4 KB, two more made of it, and a fourth when the second is gone."""
    start = torch.zeros(1024)
    with Held() as held:
        held.note([start, start.view(32, 32)])  # one storage
        second = start + 1
        third = second * 2
        del second
        assert (held.bytes, held.most) == (8192, 12_288)
        third.add_(1)
        fourth = third.exp()
    assert (held.bytes, held.most) == (12_288, 12_288) and len(fourth) == 1024
