"""Steps as the Trainer makes them, with one watch, for a network of two layers."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from tests.utils.health.parts import clips, close, names, parts, step, video
from utils.averaging import frozen_copy, move_towards
from utils.health import Watched
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
