import torch
from torch import nn

from utils.objective.term import Term
from utils.structures import Batch, Output


def test_a_term_keeps_its_losss_state_and_has_nothing_to_watch():
    loss = nn.BatchNorm1d(2)
    term = Term(loss, lambda epoch: 2 * epoch)
    assert term.weight(1.5) == 3 and set(term.state_dict()) == {f"loss.{name}" for name in loss.state_dict()}
    assert term.stats(Output(), Batch(torch.tensor([0]), ["a"])) == {}
