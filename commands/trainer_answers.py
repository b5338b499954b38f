"""Known answers of the Trainer: what a training of two numbers, w and v, must come to.

See utils/known_answers; who changes the loop on purpose changes the one number.
"""

import contextlib
import io
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from trainer import Trainer
from utils import checkpoint
from utils.config import VideoConfig, VideoTrainConfig
from utils.findings import Finding
from utils.known_answers.answer import Answer, check
from utils.objective import LossReport
from utils.structures import Batch, Labels, Output

SETTINGS = dict(lr=1.0, lr_adapter=2.0, optimizer="sgd", weight_decay=0.0, warmup_epochs=0, milestones=(2,), gamma=0.1,
                grad_clip=0.0, accumulate=2, epochs=3, ema=0.5, use_amp=False, device="cpu")
TARGETS = [1, 2, 3], [10], [4, 6]  # of the batches of an epoch: steps of 4 samples and of 2
SCORES = (0.2, 2.0), (0.5, 0.8), (0.5, 0.9)  # on validation, and cross entropy, epoch by epoch


class Numbers(nn.Module):
    """Says w and v of every sample, and draws a number, as dropout does."""

    def __init__(self):
        super().__init__()
        self.w, self.v, self.follows = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1)), 0
        self.drawn: list[float] = []

    def forward(self, batch: Batch) -> Output:
        self.drawn.append(float(torch.rand(())))
        return Output(embedding=torch.cat([self.w, self.v]).expand(len(batch), 2))

    def parameter_groups(self) -> dict:
        return {"": [("w", self.w)], "adapter": [("v", self.v)]}

    def after_step(self) -> None:
        self.follows += 1


class Slope(nn.Module):
    """The mean target times 0.6 w + 0.8 v, so that the gradient's norm is the mean target."""

    def __init__(self):
        super().__init__()
        self.epochs: list[float] = []  # that it was given

    def forward(self, output: Output, batch: Batch, epoch: float) -> LossReport:
        self.epochs.append(epoch)
        total = batch.targets.float().mean() * (output.embedding @ torch.tensor([0.6, 0.8])).mean()
        return LossReport(total, {"cls": total.detach()}, {"cls": 1.0})


class Scored:
    """A task whose validation scores are SCORES. Half of each loaded target is taught."""

    labels, best_by, columns = Labels(["a"]), "score", ("cross_entropy", "score")

    def __init__(self):
        self.draws: list[float] = []

    def prepare(self, batch: Batch, stream) -> Batch:
        self.draws.append(float(stream.random()))
        return replace(batch, targets=batch.targets // 2)

    def accuracy(self, output: Output, batch: Batch) -> Tensor:
        return batch.targets.float().mean()

    def score(self, predictions) -> dict:
        return dict(zip(("score", "cross_entropy"), SCORES[round(float(predictions.targets[0]))]))


class Batches:
    """A loader. A validation sample's target is the number of epochs that have been evaluated before."""

    unit = "clips"

    def __init__(self, split: str):
        self.split, self.passes = split, 0
        self.size = len(self) if split == "val" else 6

    def __len__(self) -> int:
        return 1 if self.split == "val" else len(TARGETS)

    def epoch(self, epoch: int, start: int = 0):
        if self.split == "val":
            self.passes += 1
            return iter([Batch(torch.tensor([self.passes - 1]), ["val"])])
        return iter([Batch(torch.tensor(row) * 2, [f"{self.split} {number}"] * len(row))
                     for number, row in enumerate(TARGETS)][start:])


@contextlib.contextmanager
def training(**settings):
    """A Trainer that has not begun, in a folder that goes away; torch's random state is as before in the end."""
    config = replace(VideoConfig(), train=VideoTrainConfig(**SETTINGS | settings))
    with tempfile.TemporaryDirectory() as name, torch.random.fork_rng([]), contextlib.redirect_stderr(io.StringIO()):
        yield Trainer(config, Scored(), Numbers(), Slope(), {split: Batches(split) for split in ("train", "val")},
                      Path(name), watches=())


def numbers(module: nn.Module) -> list[float]:
    return [module.w.item(), module.v.item()]


def stepped(**settings) -> list:
    """The numbers after one step, and their averages."""
    with training(**settings) as trainer:
        next(trainer._train_epoch())
        return [numbers(trainer.model), numbers(trainer.averaged), trainer.model.follows]


def epoch() -> dict:
    """Two steps: what the objective was told of progress, and what was metered; sums over samples / 6."""
    with training() as trainer:
        list(trainer._train_epoch())
        means = trainer.meter.means()
        return {"epochs": trainer.objective.epochs, "accuracy": means["accuracy"], "norm": means["grad_norm"],
                "seen": [trainer.tally.seen, trainer.tally.split], "draws": len(set(trainer.task.draws)),
                "weights": numbers(trainer.model)}


def kept(**settings) -> list:
    """After three epochs: the best, the weights that are kept and loaded as it, and when training was finished."""
    with training(**settings) as trainer:
        finished, averages = [], []
        for _ in SCORES:
            list(trainer._train_epoch())
            trainer._close_epoch(0.0)
            averages.append(numbers(trainer.averaged))
            finished.append(trainer.finished)
        trainer.load_best()
        return [trainer.best["score"], trainer.best["epoch"], averages.index(numbers(trainer.averaged)), finished,
                [row["epoch"] for row in trainer.history], trainer.history[1]["accuracy"],
                trainer.meter.means(), trainer.tally.seen]


def drawn() -> list[bool]:
    """Of both kinds of draws: each step has its own; the same again with the same seed, others with another."""
    found = []
    for seed in (0, 0, 1):
        with training(seed=seed) as trainer:
            list(trainer._train_epoch())
            found.append((tuple(trainer.model.drawn), tuple(trainer.task.draws)))
    once, again, other = found
    return [all(len(set(draws)) == len(draws) == 3 for draws in once), once == again,
            all(not set(one) & set(two) for one, two in zip(once, other))]


def evaluated() -> list:
    """It is the averaged weights that are evaluated, on the split that is asked for."""
    with training() as trainer:
        list(trainer._train_epoch())
        predictions, tally = trainer.evaluate("val")
        return [predictions.ids, tally.split, tally.size,
                predictions.embedding[0].tolist() == numbers(trainer.averaged) != numbers(trainer.model)]


def resumed() -> list[str]:
    """What of the state differs where a training was broken off after the first step of its second epoch."""
    ends = []
    for broken in (False, True):
        with training() as trainer:
            list(trainer._train_epoch())
            trainer._close_epoch(0.0)
            next(trainer._train_epoch())
            if broken:
                trainer.save()
                with training() as fresh:
                    fresh.load_state_dict(checkpoint.load(trainer.folder / "last.pt"))
                    ends.append(_ended(fresh))
            else:
                ends.append(_ended(trainer))
    return [name for name in ends[0] if ends[0][name] != ends[1][name]]


def _ended(trainer: Trainer) -> dict:
    list(trainer._train_epoch())
    momenta = [float(state["momentum_buffer"]) for state in trainer.optimizer.state.values()]
    return {"weights": numbers(trainer.model), "average": numbers(trainer.averaged), "momenta": momenta,
            "steps": trainer.steps, "epoch": trainer.epoch, "batch": trainer.batch, "best": trainer.best,
            "history": len(trainer.history), "meter": trainer.meter.means(), "seen": trainer.tally.seen,
            "draw": trainer.task.draws[-1], "progress": trainer.objective.epochs[-1]}


ANSWERS = [
    # Mean target (6 + 10) / 4 = 4, gradients 2.4 and 3.2; SGD's first Nesterov step is 1.9 of it, at rates 1 and 2:
    # -4.56 and -12.16. Averages 1 - 2/11 of it, the less of that and 0.5.
    Answer("a step over two batches", "trainer.py: step", stepped, [[-4.56, -12.16], [-3.730909, -9.949091], 1]),
    # Norm 4 becomes 2; averages 0.9 of it
    Answer("a clipped step", "trainer.py: step", lambda: stepped(grad_clip=2.0, ema=0.1),
           [[-2.28, -6.08], [-2.052, -5.472], 1]),
    # Progress after two of three batches; 26 / 6; (4 + 5) / 2. Second step: gradients 3 and 4, momenta 0.9 x 2.4 + 3 =
    # 5.16 and 6.88: w -4.56 - (3 + 4.644), v -12.16 - 2 (4 + 6.192)
    Answer("an epoch", "trainer.py", epoch, {"epochs": [0.0, 0.0, 0.666667], "accuracy": 4.333333, "norm": 4.5,
                                             "seen": [6, "train"], "draws": 3, "weights": [-12.204, -32.544]}),
    Answer("the weights that are kept", "trainer.py: _close_epoch and load_best", kept,
           [0.5, 2, 1, [False, False, True], [1, 2, 3], 4.333333, {}, 0]),
    # One epoch, the third, without a better score
    Answer("--early-stop", "trainer.py: finished", lambda: kept(early_stop=1, epochs=9)[3], [False, False, True]),
    Answer("no --early-stop", "trainer.py: finished", lambda: kept(early_stop=2, epochs=9)[3], [False] * 3),
    Answer("what is drawn in training", "trainer.py: step, and utils/seeding.py", drawn, [True] * 3),
    Answer("an evaluation", "trainer.py: evaluate", evaluated, [["val"], "val", 1, True]),
    Answer("a resumed training, and what it lost", "trainer.py: state_dict and _parts", resumed, []),
]


def known_answers() -> list[Finding]:
    """An error for each way in which the Trainer does not come to its known answer."""
    return check(ANSWERS)
