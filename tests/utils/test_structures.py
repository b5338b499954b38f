from collections import Counter

import torch

from utils.structures import NO_POLARITY, NOT_MENTIONED, Batch, Labels, Output


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


def test_tokens_and_their_mask_move_too():
    tokens, mask = torch.tensor([[5, 6]]), torch.tensor([[1, 0]])
    reviews = Batch(torch.tensor([[0, NOT_MENTIONED]]), ["a"], tokens=tokens, mask=mask)
    moved = reviews.to(torch.device("meta"))
    assert {getattr(moved, name).device.type for name in ("targets", "tokens", "mask")} == {"meta"}
    assert moved.face is None and reviews.tokens.device.type == "cpu" and len(moved) == 1


def test_no_sentiment_has_the_number_of_an_aspect_without_one():
    assert NOT_MENTIONED == -1 and NO_POLARITY == -2  # the loss core ignores -1


def test_a_task_leaves_empty_what_it_lacks():
    assert Labels(["a"]) == Labels(["a"], [], [], []) and Labels(["a"]).aspects is not Labels(["a"]).aspects
    assert all(value is None for value in vars(Output()).values())
