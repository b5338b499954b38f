"""Known answers of the Trainer: right code has them all, and a changed line is named."""

import pytest
import torch

import trainer
from commands.trainer_answers import known_answers
from tests.faults.line import replace_line
from trainer import Trainer


def test_all_are_right_and_nothing_is_drawn_or_said(capsys):
    state = torch.get_rng_state()
    assert known_answers() == []
    assert torch.equal(torch.get_rng_state(), state)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("function, old, new, wrong", [
    (Trainer.step, "(len(batch) / samples)", "1.0", "a step over two batches"),
    (Trainer.step, "for loaded in batches:", "for loaded in batches[-1:]:", "a step over two batches"),
    (Trainer.step, "self.task.prepare(loaded.to(self.device), stream)", "loaded.to(self.device)", "an epoch"),
    (Trainer.step, "decay = min(", "decay = max(", "a clipped step"),
    (Trainer.step, "self._trainable()", "self._trainable()[:1]", "a clipped step"),
    (Trainer.step, "self.epoch + self.batch / len(self.loaders[\"train\"])", "self.epoch", "an epoch"),
    (Trainer.step, "self.meter.add(values, finite * number)", "self.meter.add(values)", "an epoch"),
    (Trainer._seed, "stream = seed_torch(self.settings.seed, STEP, self.steps)",
     "stream = seed_torch(self.settings.seed, STEP, 0)", "an epoch"),
    (Trainer.step, "self.optimizer.zero_grad()", "pass", "an epoch"),
    (Trainer.step, "self.model.after_step()", "pass", "a step over two batches"),
    (Trainer._close_epoch, "_rank(best) > _rank(self.best)", "True", "the weights that are kept"),
    (Trainer._close_epoch, "self.evaluated.state_dict()", "self.model.state_dict()", "the weights that are kept"),
    (Trainer._close_epoch, "self.meter, self.tally = Meter(), ", "self.tally = ", "the weights that are kept"),
    (Trainer.load_best, "self.evaluated.load", "self.model.load", "the weights that are kept"),
    (trainer._rank, 'best["score"]', '-best["score"]', "the weights that are kept"),
    (trainer._rank, '-best["cross_entropy"]', 'best["cross_entropy"]', "the weights that are kept"),
    (Trainer._seed, "stream = seed_torch(self.settings.seed,", "stream = seed_torch(0,",
     "what is drawn in training"),
    (Trainer._seed, "stream = seed_torch(self.settings.seed, STEP, self.steps)",
     "stream = seed_torch(self.settings.seed, STEP, 0)", "what is drawn in training"),
    (Trainer.finished, "s.early_stop <= ", "s.early_stop < ", "--early-stop"),
    (Trainer.finished, 'or 0 < s.early_stop <= self.epoch - self.best["epoch"]', "or self.epoch > 1",
     "no --early-stop"),
    (Trainer.evaluate, "predict(self.evaluated", "predict(self.model", "an evaluation"),
    (Trainer.evaluate, "self._tally(split)", 'self._tally("train")', "an evaluation"),
    (Trainer._parts, '"optimizer": self.optimizer, ', "", "a resumed training, and what it lost"),
    (Trainer._parts, 'parts | {"averaged": self.averaged}', "parts", "a resumed training, and what it lost"),
    (Trainer._parts, '"meter": self.meter, ', "", "a resumed training, and what it lost"),
    (Trainer.load_state_dict, "self.best, self.history = state", "_, self.history = state",
     "a resumed training, and what it lost"),
    (Trainer.load_state_dict, "self.epoch, self.batch, self.steps = state", "self.epoch, _, self.steps = state",
     "a resumed training, and what it lost"),
])
def test_a_changed_line_is_named(monkeypatch, function, old, new, wrong):
    replace_line(function, old, new, monkeypatch)
    assert wrong in [finding.text.split(" gives ")[0] for finding in known_answers()]
