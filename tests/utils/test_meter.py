import pytest
import torch

from utils.meter import Meter


def test_means_are_weighted():
    meter = Meter()
    meter.add({"loss": torch.tensor(1.0), "accuracy": 0.5}, 3)
    meter.add({"loss": torch.tensor(5.0), "accuracy": 1.0}, 1)
    assert meter.means() == {"loss": pytest.approx(2.0), "accuracy": pytest.approx(0.625)}


def test_a_name_is_averaged_over_the_times_it_was_there():
    meter = Meter()
    meter.add({"loss": 1.0}, 8)
    meter.add({"loss": 1.0, "late": 3.0}, 8)
    meter.add({"norm": 4.0})
    meter.add({"norm": 2.0})
    assert meter.means() == pytest.approx({"loss": 1, "late": 3, "norm": 3})


def test_no_gradient_is_kept():
    meter, value = Meter(), torch.tensor(1.0, requires_grad=True)
    meter.add({"loss": value * 2})
    assert not meter.sums["loss"].requires_grad


def test_state_goes_on_in_another_meter():
    first, second = Meter(), Meter()
    first.add({"loss": 1.0}, 3)
    second.load_state_dict(first.state_dict())
    second.add({"loss": 5.0}, 1)
    assert second.means() == pytest.approx({"loss": 2.0})
    assert first.means() == pytest.approx({"loss": 1.0})


def test_a_weight_may_be_a_tensor_and_nothing_has_no_mean():
    meter = Meter()
    for norm, finite in ((2.0, True), (float("nan"), False), (4.0, True)):
        meter.add({"norm": torch.tensor(norm)}, torch.tensor(finite))
    meter.add({"never": torch.tensor(0.0)}, torch.tensor(False))
    assert meter.means() == {"norm": pytest.approx(3)}
