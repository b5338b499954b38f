"""A training step tells the device what to do, and does not wait for it; nor does the watch, where it does not look."""

import pytest
import torch

from commands.build import build_trainer
from tests import small_reviews, small_simclr
from tests.waiting import Waiting
from trainer import Trainer

CLIPS = "--clip-model micro_bn --ema 0.9 --moco-k 16 --dc-rows 8 --ldl-warmup 0 --mixup-alpha 0.4 "


@pytest.mark.parametrize("wait", [
    lambda values: values[0].item(), lambda values: values[values > 0], lambda values: bool(values[0] > 0),
    lambda values: values.nonzero(), lambda values: values.new_zeros(3).index_put((values > 0,), values[0]),
    lambda values: values.equal(values), lambda values: values.masked_select(values > 0),
    lambda values: torch.bincount(values.long().abs()), lambda values: torch.unique(values),
    lambda values: values.repeat_interleave(values.long().abs())])
def test_what_waits_is_found(wait):
    values = torch.tensor([1.0, -2.0, 3.0])
    with Waiting() as waiting:
        values.where(values > 0, 0).sum() + values[torch.tensor([0, 2])].mean()
        assert waiting.places == []
        wait(values)
    assert waiting.places


def waits(trainer: Trainer) -> list[str]:
    """In a step behind the first ones of an epoch, of which the watch looks at each."""
    trainer.model.train()
    trainer.objective.train()
    first, second = list(trainer.loaders["train"].epoch(0))[:2]
    trainer.step([first])
    trainer.batch = trainer.steps = 10
    with Waiting() as waiting:
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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("flags", ["", "--use-amp --amp-dtype fp16"])
def test_by_torchs_own_look_on_a_gpu(configure, tmp_path, flags):
    trainer = build_trainer(configure(f"{CLIPS} --device cuda {flags}"), tmp_path)
    trainer.model.train()
    first, second = (batch.pin_memory() for batch in list(trainer.loaders["train"].epoch(0))[:2])
    trainer.step([first])
    trainer.batch = trainer.steps = 10
    torch.cuda.set_sync_debug_mode("error")
    try:
        trainer.step([second])
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_step_that_waits_is_found(configure, tmp_path, monkeypatch):
    trainer = build_trainer(configure(CLIPS), tmp_path)
    monkeypatch.setattr(trainer.task, "accuracy", lambda output, batch: float(output.logits.max()))
    assert waits(trainer) == ["aten._local_scalar_dense.default"]
