import pytest
import torch
from torch import nn

from utils.averaging import frozen_copy, move_towards


class Small(nn.Module):
    def __init__(self, value: float):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([value]))
        self.register_buffer("running", torch.tensor([value * 10]))
        self.register_buffer("steps", torch.tensor(int(value)))


def test_parameters_and_floating_buffers_move_and_counters_are_copied():
    average, module = Small(2.0), Small(4.0)
    move_towards(average, module, 0.9)
    assert average.weight.item() == pytest.approx(0.9 * 2 + 0.1 * 4)
    assert average.running.item() == pytest.approx(0.9 * 20 + 0.1 * 40)
    assert average.steps.item() == 4
    assert (module.weight.item(), module.running.item()) == (4, 40)


def test_momentum_one_stands_still_and_nought_copies():
    still, copied = Small(2.0), Small(2.0)
    move_towards(still, Small(5.0), 1.0)
    move_towards(copied, Small(5.0), 0.0)
    assert (still.weight.item(), copied.weight.item()) == (2, 5)


def test_a_frozen_copy_is_apart_and_takes_no_gradient():
    module = Small(1.0)
    copy = frozen_copy(module)
    with torch.no_grad():
        module.weight.fill_(7)
    assert copy.weight.item() == 1
    assert not copy.weight.requires_grad and module.weight.requires_grad
