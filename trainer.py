"""The Trainer: one loop for every task. It is given a model, loaders and an objective, and looks into none."""

import logging
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from utils import checkpoint
from utils.averaging import frozen_copy, move_towards
from utils.config import Config
from utils.distributed import (averaged_after, cut, exchanged, first, gathered, rank, spread, unsharded, whole,
                               world_size)
from utils.errors import UserError
from utils.health import WATCHES, Health, Watch, Watched
from utils.interrupt import Interrupt, Interrupted
from utils.meter import Meter
from utils.objective import Objective
from utils.optimizer import build_optimizer
from utils.precision import choose_device, choose_precision
from utils.prediction import Predictions, predict
from utils.records import Records
from utils.results import write_history
from utils.schedules import learning_rate_factor
from utils.seeding import STEP, seed_torch
from utils.skips import Skips
from utils.structures import Batch
from utils.tally import Tally
from utils.tasks import Task

log = logging.getLogger("camxuc")

MEANS = ("loss", "accuracy", "grad", "skipped", "weight")  # come first of what is metered, by first word


class Trainer:
    """Trains `model` on loaders["train"], keeping the weights that the task scores best on loaders["val"].

    All that training depends on is in `state_dict`; a run that goes on from it equals one never stopped.
    """

    def __init__(self, config: Config, task: Task, model: nn.Module, objective: Objective, loaders: dict,
                 run_dir: Path, watches: tuple[type[Watch], ...] = WATCHES):
        self.config, self.settings, self.task, self.run_dir = config, config.train, task, run_dir
        self.device = choose_device(self.settings.device)
        self.precision = choose_precision(self.settings, self.device)
        self.model, self.objective, self.loaders = model.to(self.device), objective.to(self.device), loaders
        self.optimizer = build_optimizer(self.settings, model.parameter_groups())
        self.averaged = frozen_copy(self.model) if self.settings.ema else None
        self.network = self.model
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision.scaled)
        self.skips = Skips(self.optimizer, self.scaler, self.model, self.objective)
        self.epoch = self.batch = self.steps = 0  # batches done in this epoch, steps done in all
        self.meter, self.tally = Meter(), self._tally("train")
        self.health = Health(Watched(config, task.labels, self.model, self.averaged, self.objective, self.optimizer,
                                     self.precision, loaders), run_dir, watches)
        self.history: list[dict] = []
        self.best = {"score": -1.0, "cross_entropy": 0.0, "epoch": 0}
        self.said: dict[str, str] = {}
        self.interrupt = Interrupt(patient=world_size() > 1)

    def fit(self, until_step: int | None = None) -> None:
        """Train to the end of the last epoch, or to a step.

        SIGINT and SIGTERM end it after the step at work or the batch being evaluated, with a checkpoint, by
        SystemExit(128 + signal).
        """
        with self.interrupt, Records(self.run_dir, self.epoch + 1) as records:
            # Only now: audits try the model in one process.
            self.network = spread(self.model, self.device, self.settings.shard, self.averaged, self.optimizer)
            log.info("%s, %s, %d steps an epoch", self.device, self.precision.why, self._steps_per_epoch)
            try:
                while not self.finished:
                    started = time.monotonic()
                    for _ in self._train_epoch():
                        if self.steps == until_step:
                            return self.save()
                        if self.settings.save_every and self.steps % self.settings.save_every == 0:
                            self.save()
                    row = self._close_epoch(time.monotonic() - started)
                    records.add(row)
                    self.check_signals()
            except Interrupted:
                self.save()
                log.info("stopped in epoch %d, after step %d; --resume auto goes on", self.epoch + 1, self.steps)
                raise SystemExit(128 + self.interrupt.ending) from None

    def check_signals(self) -> None:
        """
        Raises:
            Interrupted: a signal has come to one of the processes; in all of them.
        """
        self.interrupt.agree(exchanged(self.interrupt.signal))
        self.interrupt.check()

    def _train_epoch(self) -> Iterator[None]:
        """The steps left in this epoch, yielding after each."""
        self.model.train()
        self.objective.train()
        loader = self.loaders["train"]
        bar = tqdm(total=len(loader), initial=self.batch, desc=f"epoch {self.epoch + 1}/{self.settings.epochs}",
                   leave=False, dynamic_ncols=True, disable=rank() > 0)
        loaded = whole(loader.epoch(self.epoch, start=self.batch), self.interrupt)
        with bar:
            for batches in _in_groups(loaded, self.settings.accumulate):
                for batch in batches:
                    self.tally.add(batch)
                    self.health.loaded(batch)
                readable = [batch for batch in batches if len(batch)]
                if readable:
                    self.step(readable)
                self.batch += len(batches)
                bar.update(len(batches))
                yield

    def step(self, batches: list[Batch]) -> None:
        """One optimiser step over one batch, or over several that are accumulated."""
        stream = self._seed()
        epoch = self.epoch + self.batch / len(self.loaders["train"])
        samples, metered = sum(map(len, batches)), []
        self._set_learning_rates(epoch)
        self.health.before(self.batch // self.settings.accumulate, self.steps)
        self.skips.begin()
        for loaded in batches:
            batch = self.task.prepare(loaded.to(self.device), stream)
            with averaged_after(self.network, loaded is batches[-1]):
                with self._autocast():
                    output = self.network(batch)
                report = self.objective(output, batch, epoch)
                self.health.forward(loaded, batch, output, report, epoch)
                self.scaler.scale(report.total * (len(batch) / samples)).backward()
            metered.append((len(batch), {**report.metered(), "accuracy": self.task.accuracy(output, batch)}))
        self.scaler.unscale_(self.optimizer)
        norm = unsharded(nn.utils.clip_grad_norm_(self._trainable(), self.settings.grad_clip or float("inf")))
        self.health.gradients(norm)
        finite = self.skips.step(norm, [name for batch in batches for name in batch.ids])
        for number, values in metered:
            self.meter.add(values, finite * number)
        self.meter.add({"grad_norm": norm}, finite)
        self.meter.add({"skipped": ~finite})
        self.scaler.update()
        self.optimizer.zero_grad()
        self.model.after_step()
        self.steps += 1
        if self.averaged is not None:
            # The average of a young run would be its random start.
            decay = min(self.settings.ema, (1 + self.steps) / (10 + self.steps))
            move_towards(self.averaged, self.model, decay)
        self.health.after()
        self.skips.after(self.steps)

    def _seed(self) -> np.random.Generator:
        """The step's stream, the same in all processes; their dropout is not, for their rows are others."""
        stream = seed_torch(self.settings.seed, STEP, self.steps)
        if number := rank():
            seed_torch(self.settings.seed, STEP, self.steps, number)
        return stream

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=self.precision.dtype, enabled=self.precision.dtype is not None)

    def _trainable(self) -> list[nn.Parameter]:
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]

    def _set_learning_rates(self, epoch: float) -> None:
        s = self.settings
        factor = learning_rate_factor(epoch, s.epochs, s.warmup_epochs, s.milestones, s.gamma)
        for group in self.optimizer.param_groups:
            group["lr"] = group["full_lr"] * factor

    def _close_epoch(self, seconds: float) -> dict:
        """Evaluate, keep the best weights, write history and checkpoint; the epoch's row of the table."""
        self.skips.check(self.steps)
        self._say(self.tally)
        predictions, _ = self.evaluate("val")
        scores = self.task.score(predictions)
        rates = {f"lr_{group['name']}": group["lr"] for group in self.optimizer.param_groups}
        row = {"epoch": self.epoch + 1, **self._means(),
               **{f"val_{name}": scores[name] for name in self.task.columns}, **rates, "seconds": seconds}
        findings = self.health.close(row["epoch"], row)
        self.history.append(row)
        self.epoch, self.batch = self.epoch + 1, 0
        self.meter, self.tally = Meter(), self._tally("train")
        best = {"score": scores[self.task.best_by], "cross_entropy": scores.get("cross_entropy", 0.0),
                "epoch": self.epoch}
        if _rank(best) > _rank(self.best):
            self.best = best
            weights = gathered(self.evaluated.state_dict())
            first(lambda: checkpoint.save({"model": weights, **best}, self.folder / "best.pt"))
        first(lambda: write_history(self.history, self.run_dir / "history.csv"))
        self.save()
        self.health.stop_on_errors(findings)
        return row

    def _means(self) -> dict[str, float]:
        """The epoch's, in the same order whenever a term sets in."""
        means = self.meter.means()
        place = {word: number for number, word in enumerate(MEANS)}
        return {name: means[name] for name in sorted(means, key=lambda n: (place.get(n.split("_")[0], len(MEANS)), n))}

    def evaluate(self, split: str) -> tuple[Predictions, Tally]:
        """Predictions of the evaluated weights (the averaged ones, where they are kept) on a split."""
        tally, loader = self._tally(split), self.loaders[split]
        bar = tqdm(whole(loader.epoch(0), self.interrupt), total=len(loader), desc=split, leave=False,
                   dynamic_ncols=True, disable=rank() > 0)
        predictions = predict(self.evaluated, bar, self.device, tally, self.precision.dtype)
        self._say(tally)
        self.health.evaluated(split, predictions)
        return predictions, tally

    @property
    def evaluated(self) -> nn.Module:
        return self.model if self.averaged is None else self.averaged

    @property
    def folder(self) -> Path:
        return self.run_dir / "checkpoints"

    @property
    def _steps_per_epoch(self) -> int:
        return -(-len(self.loaders["train"]) // self.settings.accumulate)

    @property
    def finished(self) -> bool:
        """All epochs are done, or --early-stop says so."""
        s = self.settings
        return self.epoch >= s.epochs or 0 < s.early_stop <= self.epoch - self.best["epoch"]

    def _say(self, tally: Tally) -> None:
        """What a pass met, when it is not what the pass before met."""
        if self.said.get(tally.split) != str(tally):
            log.info("%s", tally)
        self.said[tally.split] = str(tally)

    def _tally(self, split: str) -> Tally:
        loader = self.loaders[split]
        return Tally(split, loader.size, self.config.data.max_bad_clips, loader.unit)

    def save(self) -> None:
        state = self.state_dict()
        first(lambda: checkpoint.save_last(state, self.folder))

    def load_best(self) -> None:
        """Take the weights with the best validation score, and what they say of themselves.

        They may be of an epoch that was lost: of a run that was killed just before that epoch's checkpoint.
        """
        kept = first(lambda: checkpoint.load(self.folder / "best.pt"))
        self.evaluated.load_state_dict(cut(kept["model"], self.evaluated))
        self.best = {name: kept.get(name, value) for name, value in self.best.items()}

    def state_dict(self) -> dict:
        """To be asked for in all processes; what lies in shards is then whole in the first."""
        parts = {name: gathered(part.state_dict()) for name, part in self._parts().items()}
        return parts | {"epoch": self.epoch, "batch": self.batch, "steps": self.steps, "best": dict(self.best),
                        "history": [dict(row) for row in self.history], "config": self.config.flat()}

    def load_state_dict(self, state: dict) -> None:
        """
        Raises:
            UserError: a part is missing.
        """
        if lacking := self.state_dict().keys() - state.keys():
            raise UserError(f"the checkpoint lacks {', '.join(sorted(lacking))}: not the state of this training")
        for name, part in self._parts().items():
            if state[name] or name != "scaler":  # begun where none was needed: a scale is sought anew
                part.load_state_dict(state[name])
        self.epoch, self.batch, self.steps = state["epoch"], state["batch"], state["steps"]
        self.best, self.history = state["best"], state["history"]

    def _parts(self) -> dict:
        """Whatever has a state of its own."""
        parts = {"model": self.model, "objective": self.objective, "optimizer": self.optimizer, "scaler": self.scaler,
                 "skips": self.skips, "meter": self.meter, "tally": self.tally, "health": self.health}
        return parts if self.averaged is None else parts | {"averaged": self.averaged}


def _rank(best: dict) -> tuple[float, float]:
    """By score; of equal ones the surer weights, or a score that is 0 at first would keep the first of them."""
    return best["score"], -best["cross_entropy"]


def _in_groups(items: Iterable, size: int) -> Iterator[list]:
    """Lists of `size` items; the last may be shorter."""
    items = iter(items)
    while group := list(islice(items, size)):
        yield group
