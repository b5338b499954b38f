"""Gradients that are missing, turned, left over, exploded or not clipped are named."""

import math

import pytest
import torch

from tests.utils.health.loop import loop
from tests.utils.health.parts import close, names, parts, reborn, step
from utils.health.gradients import Gradients
from utils.structures import Output


@pytest.mark.parametrize("how", [{}, {"batches": 3}, {"scale": 65536.0}])
def test_sound_steps(how):
    run = loop(Gradients)
    for _ in range(3):
        run.step(**how)
    assert run.close() == [] and 0 < run.row["health_grad_rest"] <= 1.01


@pytest.mark.parametrize("how, found", [
    ({"clear": False}, "gradients-not-cleared"), ({"sign": -1.0}, "another-loss"), ({"clip": 50.0}, None),
])
def test_faults_of_a_step(how, found):
    run = loop(Gradients)
    for _ in range(2):
        run.step(**how)
    assert found is None or found in run.close()


@pytest.mark.parametrize("bound, found", [(0.05, ["gradients-not-clipped"]), (0.0, [])])
def test_gradients_are_clipped_where_it_is_asked_for(bound, found):
    run = loop(Gradients, grad_clip=bound)
    run.step(clip=math.inf)
    run.step(clip=math.inf)
    assert run.close() == found
    assert run.row["health_grad_rest"] > 0.05


def test_the_norm_is_that_of_the_group():
    run = loop(Gradients)
    run.step(clear=False)
    norm = torch.cat([p.grad.flatten() for p in run.watched.model.parameters()]).norm()
    assert run.close() == [] and run.row["health_grad_rest"] == pytest.approx(float(norm))


def test_parts_without_a_gradient():
    run = loop(Gradients, cut=True)
    run.step()
    assert run.close() == []  # what begins at 0 holds a first gradient back
    run.step()
    finding, = close(run.watch)
    assert (finding.name, finding.level, finding.count) == ("parameters-without-gradient", "warning", 2)
    assert finding.example == "low.weight, low.bias"


def test_a_group_without_a_gradient():
    run = loop(Gradients, cut=True)
    low = {"params": run.watched.optimizer.param_groups[0]["params"][:2], "name": "adapter", "full_lr": 0.1}
    run.watched.optimizer.param_groups[0]["params"] = run.watched.optimizer.param_groups[0]["params"][2:]
    run.watched.optimizer.add_param_group(low)
    run.watch = Gradients(run.watched)
    run.step()
    run.step()
    finding, = close(run.watch)
    assert (finding.name, finding.level, finding.example) == ("no-gradient", "error", "low.weight, low.bias")


def test_while_a_term_is_0_it_says_nothing_of_who_gets_no_gradient():
    run = loop(Gradients, cut=True)
    for _ in range(3):
        run.step(term=0.0)
    assert run.close() == []
    for term in (0.0, 1.0, 0.0, 1.0):
        run.step(term=term)
    assert run.close() == ["parameters-without-gradient"]


def test_skipped_steps_are_not_counted():
    """Their gradient is not finite: of no parameter it says that there is none, nor that it explodes."""
    run = loop(Gradients)
    for skip in (True, True, False, False):
        run.step(skip=skip)
    assert run.close() == [] and 0 < run.row["health_grad_rest"] <= 1.01
    run.step(skip=True)
    assert run.close(2) == [] and run.row == {}
    run.step()
    run.step(skip=True)
    assert run.close(3) == [] and math.isfinite(run.row["health_grad_rest"])


def test_a_loss_without_a_gradient_is_not_another_loss():
    """As over an empty queue, or a batch of which no label is known."""
    watch, logits = Gradients(parts()), torch.zeros(2, 3, requires_grad=True)
    watch.before(0, 0, True)
    total = (logits * 0).sum()
    watch.forward(step(output=Output(logits=logits), parts={"moco": 0.0}, total=total))
    total.backward()
    watch.gradients(torch.tensor(0.0))
    assert close(watch) == []


@pytest.mark.parametrize("factor, found", [(900, []), (1100, ["exploding-gradient"])])
def test_a_gradient_explodes_beyond_a_thousand_times_the_first(factor, found):
    watch = Gradients(parts())
    for epoch, norm in ((1, 2.0), (2, 2.0 * factor)):
        watch = reborn(watch)
        watch.before(0, 5, True)
        watch.forward(step(parts={"cls": 1.0}))
        for parameter in watch.watched.model.parameters():
            parameter.grad = torch.full_like(parameter, 0.01)
        watch.gradients(torch.tensor(norm))
        said = names(close(watch, epoch))
        watch.watched.optimizer.zero_grad()
    assert said == found
