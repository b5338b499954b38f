import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.utils.health.parts import clips, close, names, parts, reborn, step, video
from utils.averaging import frozen_copy, move_towards
from utils.health import Watched
from utils.health.gradients import Gradients
from utils.health.movement import Movement
from utils.health.rates import Rates
from utils.structures import Output


class Net(nn.Module):
    """Two layers; behind a switch the first gets no gradient."""

    def __init__(self, cut: bool = False):
        super().__init__()
        self.cut, self.low, self.high = cut, nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        x = self.low(x).tanh()
        return self.high(x.detach() if self.cut else x)


class Loop:
    """Steps as the Trainer makes them, with a watch."""

    def __init__(self, kind: type, watched: Watched):
        self.watched, self.watch, self.steps = watched, kind(watched), 0

    def step(self, batches: int = 1, sign: float = 1.0, scale: float = 1.0, clip: float = 1.0, clear: bool = True,
             skip: bool = False, look: bool = True, take: bool = True, average: bool = True, term: float = 1.0) -> None:
        model, optimizer = self.watched.model, self.watched.optimizer
        self.watch.before(self.steps, self.steps, look)
        for number in range(batches):
            stream = torch.Generator().manual_seed(7 * self.steps + number)
            output = Output(logits=model(torch.randn(6, 4, generator=stream)))
            loss = F.cross_entropy(output.logits, torch.arange(6) % 3)
            self.watch.forward(step(clips([0] * 6), output, {"cls": loss.detach(), "other": term}, total=loss))
            (sign * scale * loss).backward()
        if skip:
            next(model.parameters()).grad.fill_(math.inf)
        else:
            for parameter in model.parameters():
                parameter.grad = parameter.grad if parameter.grad is None else parameter.grad / scale
        norm = nn.utils.clip_grad_norm_(model.parameters(), clip)
        self.watch.gradients(norm)
        if take and not skip:
            optimizer.step()
        if clear:
            optimizer.zero_grad()
        self.steps += 1
        if self.watched.averaged is not None and average:
            share = min(self.watched.config.train.ema, (1 + self.steps) / (10 + self.steps))
            move_towards(self.watched.averaged, model, share)
        self.watch.after()

    def close(self, epoch: int = 1) -> list[str]:
        self.row = {}
        return names(close(self.watch, epoch, self.row))


def loop(kind: type, cut: bool = False, ema: float = 0.0, **settings) -> Loop:
    torch.manual_seed(0)
    optimizer = {key: settings.pop(key) for key in ("lr", "momentum", "weight_decay") if key in settings}
    model = Net(cut)
    config = video(ema=ema, **settings)
    return Loop(kind, parts(config, model, averaged=frozen_copy(model) if ema else None, **optimizer))


# ---------------------------------------------------------------- gradients

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
        for parameter in watch.parameters:
            parameter.grad = torch.full_like(parameter, 0.01)
        watch.gradients(torch.tensor(norm))
        said = names(close(watch, epoch))
        watch.watched.optimizer.zero_grad()
    assert said == found


# ---------------------------------------------------------------- movement

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


# ---------------------------------------------------------------- rates

def factors(watch: Rates, epochs: list[float]) -> list[float]:
    return [watch._factor(epoch) for epoch in epochs]


def test_the_schedule_by_hand():
    cosine = Rates(parts(video(epochs=6, warmup_epochs=2, milestones=())))
    assert factors(cosine, [0, 0.01, 1, 2, 4, 5]) == pytest.approx([0.01, 0.01, 0.5, 1, 0.5, (1 - math.sqrt(0.5)) / 2])
    steps = Rates(parts(video(epochs=6, warmup_epochs=0, milestones=(1, 3), gamma=0.1)))
    assert factors(steps, [0, 0.99, 1, 2.9, 3]) == pytest.approx([1, 1, 0.1, 0.1, 0.01])


@pytest.mark.parametrize("off, found", [(1.0, []), (1.0005, []), (1.01, ["learning-rate"]), (0.99, ["learning-rate"])])
def test_each_step_has_its_rate(off, found):
    watch = Rates(parts(video(epochs=4, warmup_epochs=0, milestones=(), lr=0.1)))
    for epoch in (0.0, 1.0, 2.0):
        watch.watched.optimizer.param_groups[0]["lr"] = 0.1 * off * (1 + math.cos(math.pi * epoch / 4)) / 2
        watch.forward(step(epoch=epoch))
    assert names(close(watch)) == found and close(watch) == []


def test_the_last_steps_of_a_long_schedule():
    """Rates of a millionth of the full one and less, where a cosine in float32 is off by a tenth."""
    watch = Rates(parts(video(epochs=100, warmup_epochs=0, milestones=(), lr=1e-3)))
    for number in range(1, 400):
        epoch = 100 - number / 1000
        watch.watched.optimizer.param_groups[0]["lr"] = 1e-3 * 0.5 * (1 + math.cos(math.pi * epoch / 100))
        watch.forward(step(epoch=epoch))
    assert close(watch) == []
