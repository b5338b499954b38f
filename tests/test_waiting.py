"""A training step tells the device what to do, and does not wait for it; nor does the watch, where it does not look."""

import pytest

from commands.build import build_trainer
from tests import small_reviews, small_simclr
from tests.waiting import Waiting
from trainer import Trainer

CLIPS = "--clip-model micro_bn --ema 0.9 --moco-k 16 --dc-rows 8 --ldl-warmup 0 --mixup-alpha 0.4 "


def waits(trainer: Trainer) -> list[str]:
    """In a step behind the first ones of an epoch, of which the watch looks at each."""
    waiting = Waiting()
    trainer.model.train()
    trainer.objective.train()
    first, second = list(trainer.loaders["train"].epoch(0))[:2]
    trainer.step([first])
    trainer.batch = trainer.steps = 10
    with waiting:
        trainer.step([second])
    assert not trainer.health.failed and trainer.health.watches
    return waiting.places


@pytest.mark.parametrize("flags", [CLIPS, CLIPS + "--moco-keys video", CLIPS + "--optimizer sgd",
                                   CLIPS + "--use-amp --amp-dtype fp16", CLIPS + "--lr-prompt-learner 0"])
def test_of_clips(configure, tmp_path, flags):
    assert waits(build_trainer(configure(flags), tmp_path)) == []


@pytest.mark.parametrize("flags", ["--ssl simclr", "--ssl moco --moco-k 16", "--chunk-size 2"])
def test_of_views(simclr_recipe, tmp_path, flags):
    assert waits(build_trainer(small_simclr.configure(simclr_recipe, flags), tmp_path)) == []


@pytest.mark.parametrize("loss", ["focal", "ghm", "unified", "ce"])
def test_of_reviews(tmp_path, loss):
    trainer = build_trainer(small_reviews.configure(tmp_path, f"--loss-type {loss} --token-dropout 0.2"), tmp_path)
    assert waits(trainer) == []


def test_a_step_that_waits_is_found(configure, tmp_path, monkeypatch):
    trainer = build_trainer(configure(CLIPS), tmp_path)
    monkeypatch.setattr(trainer.task, "accuracy", lambda output, batch: float(output.logits.max()))
    assert waits(trainer) == ["aten._local_scalar_dense.default"]
