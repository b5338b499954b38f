"""Weights and averages that stand still or move though they should not are named."""


import pytest
import torch
from torch import nn

from tests.utils.health.loop import Loop, Net, loop
from tests.utils.health.parts import close, parts, video
from utils.averaging import frozen_copy
from utils.health.movement import Movement


@pytest.mark.parametrize("how", [{}, {"weight_decay": 0.1}, {"momentum": 0.9}, {"lr": 1e-9}, {"ema": 0.9},
                                 {"ema": 0.9999}])
def test_sound_movement(how):
    run = loop(Movement, **how)
    for group in run.watched.optimizer.param_groups:
        group["full_lr"] = 0.1  # 1e-9 is the end of a schedule
    for _ in range(4):
        run.step(batches=2)
    assert run.close() == []
    for _ in range(3):
        run.step(look=False)
    assert run.close(2) == []


@pytest.mark.parametrize("steps, found", [(2, []), (3, ["nothing-learns"])])
def test_nothing_learns(steps, found):
    run = loop(Movement)
    for _ in range(steps):
        run.step(take=False)
    assert run.close() == found


def test_skipped_steps_move_nothing():
    run = loop(Movement, ema=0.5)
    for skip in (True, True, True, True, True, False, False):
        run.step(skip=skip)
    assert run.close() == []
    for _ in range(9):
        run.step(skip=True)
    assert run.close(2) == []


def test_a_tensor_that_stands_still_though_it_is_pushed():
    run = loop(Movement)
    low = run.watched.model.low.weight
    kept = low.detach().clone()
    for _ in range(3):
        run.step()
        with torch.no_grad():
            low.copy_(kept)
    finding, = close(run.watch)
    assert (finding.name, finding.level, finding.example) == ("weights-stand-still", "warning", "low.weight")


def test_a_step_that_is_left_out_pushes_nothing():
    """What stands still rightly is not taken for pushed, though its slope was no number."""
    run = loop(Movement)
    run.step(skip=True)
    run.watched.model.cut = True
    for _ in range(3):
        run.step()
    assert run.close() == []


def test_a_tensor_without_a_push_may_stand_still():
    run = loop(Movement, cut=True)
    for _ in range(3):
        run.step()
    assert run.close() == []  # Gradients says what there is to say


def test_frozen_weights_that_move():
    model = Net()
    model.low.weight.requires_grad_(False)
    run = Loop(Movement, parts(video(), model))
    for _ in range(3):
        run.step()
    assert run.close() == []
    for _ in range(3):
        run.step()
        with torch.no_grad():
            model.low.weight += 1
    finding, = close(run.watch)
    assert (finding.name, finding.level, finding.example) == ("frozen-weights-moved", "error", "low.weight")


def test_uphill_is_said_of_the_first_step_only():
    run = loop(Movement)
    run.watched.optimizer.param_groups[0]["lr"] = -0.1
    run.step()
    run.step()
    finding, = close(run.watch)
    assert (finding.name, finding.count) == ("uphill", 1)
    run.step()
    assert run.close(2) == []


@pytest.mark.parametrize("average, found", [(True, []), (False, ["average-does-not-follow"])])
def test_the_average_follows(average, found):
    run = loop(Movement, ema=0.9)
    for _ in range(3):
        run.step(average=average)
    assert run.close() == found


class Momentum(nn.Module):
    def __init__(self, tail: str):
        super().__init__()
        self.video, self.key_side = nn.Linear(4, 3), nn.ModuleDict({tail: nn.Linear(4, 3)} if tail else {})
        self.key_side.requires_grad_(False)
        if not tail:
            self.key_side = frozen_copy(self.video)

    def forward(self, x):
        return self.video(x)


@pytest.mark.parametrize("tail", ["", "0"])
@pytest.mark.parametrize("momentum, frozen, follows, found", [
    (0.9, False, True, []), (0.9, False, False, ["momentum-side-stands-still"]), (1.0, False, False, []),
    (0.9, True, False, []),
])
def test_the_momentum_side_follows_what_moves(tail, momentum, frozen, follows, found):
    model = Momentum(tail)
    if frozen:  # other parts learn on
        model.video.requires_grad_(False)
        model.rest = nn.Parameter(torch.zeros(3))
        model.forward = lambda x: x[:, :3] * model.rest
    run = Loop(Movement, parts(video(moco_m=momentum), model))
    for _ in range(3):
        run.step()
        if follows:
            with torch.no_grad():
                for parameter in model.key_side.parameters():
                    parameter += 0.01
    assert run.close() == found
