import pytest
import torch
from timm.optim import Lars
from torch import nn

from utils.errors import UserError
from utils.losses.decorrelation import DecorrelationLoss
from utils.skips import IN_A_ROW, Skips

OPTIMIZERS = {
    "adamw": lambda weights: torch.optim.AdamW(weights, lr=0.1, fused=True),
    "sgd": lambda weights: torch.optim.SGD(weights, lr=0.1, momentum=0.9, nesterov=True, fused=True),
    "lars": lambda weights: Lars(weights, lr=0.1, momentum=0.9),
}


class Walk:
    """One weight of 2, led by the gradients that it is given."""

    def __init__(self, optimizer: str = "adamw", scaled: bool = False):
        self.weight = nn.Parameter(torch.tensor([2.0]))
        self.optimizer = OPTIMIZERS[optimizer]([self.weight])
        self.scaler = torch.amp.GradScaler("cpu", enabled=scaled)
        self.norms, self.rows = nn.BatchNorm1d(1), DecorrelationLoss(rows=3, dim=1)
        self.skips, self.steps = Skips(self.optimizer, self.scaler, self.norms, self.rows), 0

    def go(self, *gradients: float) -> float:
        """Where the weight is after steps of these gradients."""
        for gradient in gradients:
            self.skips.begin()
            seen = torch.full((2, 1), float(gradient))
            self.rows(self.norms(seen) + seen)
            self.scaler.scale((self.weight * gradient).sum()).backward()
            self.scaler.unscale_(self.optimizer)
            norm = nn.utils.clip_grad_norm_([self.weight], 10.0)
            self.finite = self.skips.step(norm, [f"clip {self.steps}"])
            self.scaler.update()
            self.optimizer.zero_grad()
            self.steps += 1
        return self.weight.item()


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("bad", [float("inf"), float("nan")])
def test_a_step_whose_gradient_is_not_finite_is_as_if_it_had_not_been(name, bad):
    """Its moments too: what follows is the same."""
    whole, broken = Walk(name), Walk(name)
    assert broken.go(1.0, bad) == whole.go(1.0) and not broken.finite and whole.finite
    assert broken.go(0.5, bad, bad, 0.25) == whole.go(0.5, 0.25) != 2.0


def test_what_forward_passes_remember_of_it_is_taken_back():
    """A row that is not a number would make each following loss one that is none, until it has left the memory."""
    whole, broken = Walk(), Walk()
    whole.go(1.0, 2.0)
    broken.go(1.0, float("nan"), 2.0)
    for one, other in ((whole.norms, broken.norms), (whole.rows, broken.rows)):
        assert {n: b.tolist() for n, b in one.named_buffers()} == {n: b.tolist() for n, b in other.named_buffers()}
    assert whole.rows.count == 3 and whole.norms.num_batches_tracked == 2


@pytest.mark.parametrize("first", [True, False])
def test_norms_may_change_their_mode_within_a_step(first):
    """As those of a head that is given a single row."""
    walk = Walk()
    walk.go(1.0)
    walk.norms.train(first)
    walk.skips.begin()
    before = walk.norms.running_mean.clone()
    for mode in (first, not first):
        walk.norms.train(mode)(torch.full((2, 1), torch.nan))
    walk.skips.step(torch.tensor(torch.nan), [])
    assert torch.equal(walk.norms.running_mean, before)


def test_adamw_by_hand():
    """The first step of Adam is the rate; decay takes 1 % of it away."""
    assert Walk().go(3.0) == pytest.approx(2 - 0.1 * 0.01 * 2 - 0.1, abs=1e-6)


@pytest.mark.parametrize("number", [IN_A_ROW - 1, IN_A_ROW, IN_A_ROW + 2])
def test_too_many_in_a_row_end_the_training_and_are_named(number):
    walk = Walk()
    walk.go(1.0, *[float("nan")] * number)
    if number < IN_A_ROW:
        return walk.skips.check(walk.steps)
    names = ", ".join(f"clip {step}" for step in range(1, number + 1))
    with pytest.raises(UserError, match=rf"^step {number + 1}: the gradient of {number} steps in a row is not finite; "
                                        rf"samples in the batches: {names}$"):
        walk.skips.check(walk.steps)


@pytest.mark.parametrize("after", [0, 1, 5])
def test_it_does_not_matter_when_the_device_is_asked(after):
    """Sound steps behind them do not hide them."""
    walk = Walk()
    walk.go(1.0, *[float("nan")] * IN_A_ROW, *[1.0] * after)
    with pytest.raises(UserError, match=f"^step {1 + IN_A_ROW}: .*batches: clip 1, clip 2, clip 3, clip {IN_A_ROW}$"):
        walk.skips.check(walk.steps)
    walk.skips.check(walk.steps)  # each is told of once


def test_one_that_goes_on_from_a_checkpoint_knows_of_those_before_it():
    first, second = Walk(), Walk()
    first.go(1.0, *[float("nan")] * (IN_A_ROW - 1))
    second.skips.load_state_dict(first.skips.state_dict())
    second.steps = first.steps
    second.go(float("nan"), 1.0)
    with pytest.raises(UserError, match=f"^step {1 + IN_A_ROW}: .*batches: clip 1, clip 2, clip 3, clip {IN_A_ROW}$"):
        second.skips.check(second.steps)


def test_one_sound_step_between_them_starts_the_count_anew():
    walk = Walk()
    walk.go(*[float("nan")] * (IN_A_ROW - 1), 1.0, *[float("inf")] * (IN_A_ROW - 1))
    walk.skips.check(walk.steps)
    walk.go(float("nan"))
    with pytest.raises(UserError, match=f"{IN_A_ROW} steps in a row"):
        walk.skips.check(walk.steps)


def test_the_search_for_a_scale_does_not_count_and_its_end_does():
    walk = Walk(scaled=True)
    walk.go(*[float("inf")] * 16)  # 65536 is halved to 1
    walk.skips.check(walk.steps)
    assert walk.scaler.get_scale() == 1 and walk.weight.item() == 2
    walk.go(*[float("inf")] * IN_A_ROW)
    with pytest.raises(UserError, match="step 20"):
        walk.skips.check(walk.steps)


def test_the_count_goes_on_in_another():
    first, second = Walk(), Walk()
    first.go(*[float("nan")] * (IN_A_ROW - 1))
    second.skips.load_state_dict(first.skips.state_dict())
    second.go(float("nan"))
    with pytest.raises(UserError, match=f"of {IN_A_ROW} steps"):
        second.skips.check(1)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_that_weights_were_written_to_is_told(name):
    """Fused kernels do not: what is kept of the weights would never be made anew."""
    walk = Walk(name)
    before = walk.weight._version
    walk.go(1.0)
    assert walk.weight._version > before


def test_no_step_waits_for_the_device():
    from tests.waiting import Waiting

    walk, waiting = Walk(), Waiting()
    walk.go(1.0)
    with waiting:
        walk.skips.begin()
        walk.weight.grad = torch.ones(1)
        norm = nn.utils.clip_grad_norm_([walk.weight], 10.0)
        walk.skips.step(norm, ["a"])
    assert waiting.places == []
    walk.skips.check(2)
    assert walk.skips.counts == []
