import copy

import pytest
import torch
from torch import nn

from tests.utils.health.parts import close, names, parts, reborn, step
from utils.health.modes import Modes
from utils.precision import Precision
from utils.prediction import Predictions

NOTHING = Predictions([], torch.zeros(0))


def watch(precision: Precision = Precision(None, False, ""), averaged: nn.Module | None = None) -> Modes:
    return Modes(parts(model=nn.Sequential(nn.Linear(2, 3)), precision=precision, averaged=averaged))


def train(modes: Modes, low: bool = False, batches: int = 1) -> None:
    modes.before(0, 0, True)
    for _ in range(batches):
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            modes.watched.model(torch.zeros(1, 2))
        modes.forward(step())


@pytest.mark.parametrize("network, losses, found", [
    (True, True, []), (False, True, ["trained-in-evaluation-mode"]), (True, False, ["losses-in-evaluation-mode"])])
def test_modes_of_training(network, losses, found):
    modes = watch()
    modes.watched.model.train(network)
    modes.watched.objective.train(losses)
    train(modes, batches=2)
    assert names(close(reborn(modes))) == found


@pytest.mark.parametrize("training, found", [(False, []), (True, ["evaluated-in-training-mode"])])
def test_modes_of_evaluation(training, found):
    averaged = nn.Linear(2, 3)
    modes = watch(averaged=averaged)
    train(modes)
    averaged.train(training)(torch.zeros(1, 2))
    modes.evaluated("val", NOTHING)
    assert names(modes.of_evaluation()) == found and list(modes.of_evaluation()) == []


@pytest.mark.parametrize("low, found", [(True, []), (False, ["configured-but-idle"])])
def test_layers_run_in_the_low_precision_that_is_configured(low, found):
    modes = watch(Precision(torch.bfloat16, False, ""))
    train(modes, low)
    assert names(close(modes)) == found


def test_a_copy_of_the_network_holds_no_watch_and_can_be_used():
    modes = watch()
    copy.deepcopy(modes.watched.model).eval()(torch.zeros(1, 2))
    train(modes)
    assert close(modes) == []


def test_the_averaged_weights_are_those_evaluated():
    modes = watch(averaged=nn.Linear(2, 3))
    train(modes)
    modes.watched.model.eval()(torch.zeros(1, 2))
    modes.evaluated("val", NOTHING)
    assert names(modes.of_evaluation()) == ["average-not-evaluated"]


@pytest.mark.parametrize("flags, dtype, averaged, found", [
    ("--ema 0.9", None, True, 0), ("--ema 0.9", None, False, 1), ("--use-amp --amp-dtype bf16", None, False, 1),
    ("--use-amp --amp-dtype bf16", torch.bfloat16, False, 0), ("--use-amp", None, False, 0)])
def test_what_the_trainer_sets_up_is_there(configure, flags, dtype, averaged, found):
    average = nn.Linear(2, 3) if averaged else None
    modes = Modes(parts(configure(flags), precision=Precision(dtype, False, ""), averaged=average))
    assert names(close(modes)) == ["configured-but-idle"] * found
