import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.utils.health.parts import clips, close, forward, names, parts, reborn, step, video
from utils.config import TextConfig, TextLossConfig
from utils.health.targets import Phantom, Targets
from utils.structures import Batch, Output


class Objective(nn.Module):
    def __init__(self, temperature: float):
        super().__init__()
        ldl = nn.Module()
        ldl.loss = nn.Module()
        ldl.loss.target_temperature = torch.tensor(temperature)
        self.terms = nn.ModuleDict({"ldl": ldl})


def temperature_of(mass: float, classes: int = 3) -> float:
    """Orthogonal features have a cosine of 1 with themselves and of 0 with others: e^(1/t) / (e^(1/t) + C - 1)."""
    return 1 / math.log(mass * (classes - 1) / (1 - mass))


def watch_at(mass: float, **settings) -> Targets:
    return Targets(parts(video(**settings), objective=Objective(temperature_of(mass))))


def ldl_step(weight: float = 1.0):
    features = torch.eye(3)
    output = Output(handcrafted=features, text_features=features)
    return step(output=output, parts={"ldl": 1.0}, weights={"ldl": weight})


@pytest.mark.parametrize("mass, found", [(0.45, ["flat-targets"]), (0.48, []), (0.9, []), (0.99, []),
                                         (0.998, ["one-hot-targets"])])
def test_mass_of_the_true_class(mass, found):
    """Chance is 1/3; a fifth of the way to 1 is 0.467, and 0.995 of it 0.9967."""
    watch, row = watch_at(mass, ldl_temperature=0.1), {}
    watch.before(0, 0, True)
    forward(watch, ldl_step())
    watch = reborn(watch)
    watch.before(1, 1, True)
    forward(watch, ldl_step())
    assert names(close(watch, row=row)) == found
    others = (1 - mass) / 2
    assert row["health_ldl_mass"] == pytest.approx(mass, abs=1e-5)
    assert row["health_ldl_entropy"] == pytest.approx(-mass * math.log(mass) - 2 * others * math.log(others), abs=1e-5)
    assert close(watch) == []  # a new epoch begins


def test_targets_of_a_step_that_is_left_out_are_none():
    watch, row = watch_at(0.45, ldl_temperature=0.1), {}
    watch.before(0, 0, True)
    forward(watch, ldl_step())
    broken = ldl_step()
    broken.output.text_features = broken.output.handcrafted = torch.full((3, 3), torch.nan)
    forward(watch, broken, norm=torch.inf)
    assert names(close(watch, row=row)) == ["flat-targets"] and row["health_ldl_mass"] == pytest.approx(0.45, abs=1e-5)


@pytest.mark.parametrize("mass, found", [(0.36, ["flat-targets"]), (0.40, [])])
def test_who_asks_for_little_mass_gets_it(mass, found):
    """Asked are 0.4, a tenth of the way; half of that is 0.367."""
    watch = watch_at(mass, ldl_temperature="auto", ldl_target_mass=0.4)
    watch.before(0, 0, True)
    forward(watch, ldl_step())
    assert names(close(watch)) == found


def test_nothing_is_said_before_it_sets_in_or_between_looks():
    watch = watch_at(0.4, ldl_temperature=0.1)
    watch.before(0, 0, True)
    forward(watch, ldl_step(0.0))
    watch.before(3, 3, False)
    forward(watch, ldl_step())
    assert close(watch, row=(row := {})) == [] and row == {}


# ---------------------------------------------------------------- phantom losses

FLAT = torch.zeros(3, 3)  # cross entropy ln 3 = 1.0986 whatever the labels


@pytest.mark.parametrize("value, logits, labels, found", [
    (0.10, FLAT, [0, 1, 2], ["phantom-loss"]),
    (0.12, FLAT, [0, 1, 2], []),  # 0.1 ln 3 is 0.1099
    (0.10, 9 * torch.eye(3), [0, 1, 2], []),  # all are right
    (0.10, FLAT, [0, 0, 0], []),  # and so is always saying x
    (0.10, 0.6 * torch.eye(3), [1, 2, 0], ["phantom-loss"]),
    (0.10, torch.tensor([[2.0, 0, 0]] * 6), [0, 0, 0, 0, 0, 1], []),  # a skewed split: cross entropy is 0.52 ln 3
])
def test_a_low_loss_and_a_high_cross_entropy(value, logits, labels, found):
    watch, row = Phantom(parts()), {}
    for _ in range(2):
        forward(watch, step(clips(labels), Output(logits=logits), {"ldl": value}))
        watch = reborn(watch)
    assert names(close(watch, row=row)) == found
    assert row["health_hard_cross_entropy"] == pytest.approx(float(F.cross_entropy(logits, torch.tensor(labels))))


def test_mixed_answers_count_by_their_shares():
    watch = Phantom(parts())
    batch = Batch(torch.tensor([0, 1, 2]), ["a", "b", "c"], other_targets=torch.tensor([0, 2, 1]), lam=0.75)
    forward(watch, step(batch, Output(logits=torch.eye(3)), {"cls": 1.0}))
    assert float(watch.seen["right"]) == pytest.approx(1 + 0.75 + 0.75)
    assert watch.seen["counts"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("loss_type, found", [("ce", ["phantom-loss"]), ("focal", []), ("unified", [])])
def test_of_reviews_only_known_cells_count_and_focal_losses_are_small(loss_type, found):
    watch, row = Phantom(parts(TextConfig(loss=TextLossConfig(loss_type=loss_type)))), {}
    batch = Batch(torch.tensor([[0, -1], [-2, 2], [1, -1]]), ["a", "b", "c"])
    logits = torch.zeros(3, 2, 3)
    logits[0, 1], logits[1, 0] = 50.0, 50.0  # of cells that are not known
    forward(watch, step(batch, Output(logits=logits), {"cls": 0.05}))
    assert watch.seen["counts"].tolist() == [1, 1, 1]
    assert names(close(watch, row=row)) == found
    assert row["health_hard_cross_entropy"] == pytest.approx(math.log(3))


def test_a_batch_without_a_known_cell_is_survived():
    watch = Phantom(parts(TextConfig()))
    forward(watch, step(Batch(torch.tensor([[-1, -2]]), ["a"]), Output(logits=torch.zeros(1, 2, 3)), {"cls": 0.0}))
    assert close(watch) == []


def test_a_step_that_is_no_number_counts_nothing():
    watch, row = Phantom(parts()), {}
    logits = torch.zeros(2, 3)
    forward(watch, step(clips([0, 1]), Output(logits=logits), {"cls": 1.0}))
    forward(watch, step(clips([2, 2]), Output(logits=logits * torch.nan), {"cls": torch.nan}), norm=torch.nan)
    assert watch.seen["counts"].tolist() == [1, 1, 0]
    assert close(watch, row=row) == [] and row["health_hard_cross_entropy"] == pytest.approx(math.log(3))
