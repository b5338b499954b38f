from collections import Counter

import torch

from utils.structures import Batch


def batch() -> Batch:
    return Batch(torch.tensor([1, 0]), ["a", "b"], torch.zeros(2, 1, 3, 4, 4, dtype=torch.uint8), lam=0.3,
                 notes=Counter(box=2), bad=[("c", "empty")])


def test_length_is_the_number_of_clips():
    assert len(batch()) == 2
    assert len(Batch(torch.empty(0, dtype=torch.int64), [])) == 0


def test_to_moves_every_tensor_and_keeps_the_rest():
    first = batch()
    first.other_targets = torch.tensor([0, 1])
    moved = first.to(torch.device("meta"))
    assert {moved.targets.device.type, moved.face.device.type, moved.other_targets.device.type} == {"meta"}
    assert (moved.ids, moved.lam, moved.notes, moved.bad) == (first.ids, 0.3, Counter(box=2), [("c", "empty")])
    assert moved.context is None and moved.face.dtype == torch.uint8
    assert first.targets.device.type == "cpu"
