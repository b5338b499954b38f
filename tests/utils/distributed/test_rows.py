import numpy as np
import pytest
import torch

from tests.several import together
from utils.distributed import fetched, joined, own_rows, rank, share, world_size
from utils.structures import Batch

SHARES = [[2, 2, 2], [3, 1, 2], [0, 2, 1], [1, 0, 0]]


def _shares_of(counts: list[int]) -> list:
    return [list(range(count))[share(count)] for count in counts]


def test_shares_are_all_rows_in_order_and_differ_by_one_at_most():
    counts = [0, 1, 2, 3, 7, 8, 100]
    parts = together(3, _shares_of, counts)
    for number, count in enumerate(counts):
        of_each = [part[number] for part in parts]
        assert sum(of_each, []) == list(range(count))
        assert max(map(len, of_each)) - min(map(len, of_each)) <= 1


def _rows(shares: list[int]) -> torch.Tensor:
    """Own rows, of which the first number says the place in the whole; or a blank one, of 99."""
    start, own = sum(shares[: rank()]), shares[rank()]
    rows = torch.arange(start, start + own).float()[:, None].repeat(1, 3) if own else torch.full((1, 3), 99.0)
    return rows.requires_grad_()


def _join(shares: list[int]) -> dict:
    rows = _rows(shares)
    all_rows = joined(rows, shares)
    weights = torch.arange(all_rows.numel()).view_as(all_rows).float()
    (all_rows * weights).sum().backward()
    return {"all": all_rows.detach(), "gradient": rows.grad}


@pytest.mark.parametrize("shares", SHARES)
def test_joined_rows_are_the_whole_batch_with_the_gradient_that_an_average_makes_that_of_one_process(shares):
    total = sum(shares)
    for number, found in enumerate(together(3, _join, shares)):
        assert torch.equal(found["all"], torch.arange(total).float()[:, None].repeat(1, 3))
        own = slice(sum(shares[:number]), sum(shares[:number]) + shares[number])
        expected = 3 * torch.arange(3 * total).float().view(total, 3)[own]
        assert torch.equal(found["gradient"], expected if shares[number] else torch.zeros(1, 3))


def _fetch(shares: list[int], wanted: list[int]) -> torch.Tensor:
    return fetched(_rows(shares).detach().to(torch.uint8), np.array(wanted), shares)


@pytest.mark.parametrize("shares", SHARES)
def test_fetched_rows_are_those_that_were_asked_for(shares):
    stream = np.random.default_rng(sum(shares))
    for wanted in (stream.permutation(sum(shares)), stream.integers(0, sum(shares), sum(shares))):
        found = together(3, _fetch, shares, wanted.tolist())
        rows = torch.cat([rows for rows, own in zip(found, shares) if own])
        assert rows[:, 0].tolist() == wanted.tolist() and rows.dtype == torch.uint8
        assert all(rows.tolist() == [[99] * 3] for rows, own in zip(found, shares) if not own)


def _own(shares: list[int]) -> list[int]:
    return list(range(10))[own_rows(Batch(torch.zeros(sum(shares)), [], shares=shares))]


def test_own_rows():
    assert together(3, _own, [3, 0, 2]) == [[0, 1, 2], [0], [3, 4]]


def test_a_single_process_is_the_whole():
    rows = torch.randn(4, 2)
    assert world_size() == 1 and rank() == 0 and share(5) == slice(0, 5)
    assert joined(rows, None) is rows
    assert torch.equal(fetched(rows, np.array([3, 0, 0, 1]), None), rows[[3, 0, 0, 1]])
    assert own_rows(Batch(torch.zeros(4), [])) == slice(None)
