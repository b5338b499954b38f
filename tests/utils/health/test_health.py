"""All watches together: in sound trainings they are silent, and one that fails ends none."""

import json
from pathlib import Path

import pytest
import torch

from commands.build import build_trainer
from models import save_run_model
from tests import small_reviews, small_simclr
from tests.utils.health.parts import names, parts, video
from trainer import Trainer
from utils import checkpoint
from utils.errors import UserError
from utils.findings import Finding
from utils.health import EVERY, LOOKS, WATCHES, Health, Watch

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


class Quiet(Watch):
    pass


class Fails(Watch):
    def forward(self, step) -> None:
        raise IndexError("out of\nrange")


class FailsAtOnce(Watch):
    def __init__(self, watched):
        raise KeyError("x")


class FailsAtTheEnd(Watch):
    def close(self, epoch, row):
        yield Finding("note", "seen", "this much was seen")
        raise RuntimeError("no more")


class Mistake(Watch):
    def after(self) -> None:
        raise UserError("your mistake")


class Wrong(Watch):
    def close(self, epoch, row):
        row["health_x"] = 1.5
        yield Finding("error", "wrong", "đều sai")

    def of_evaluation(self):
        yield Finding("warning", "scored", "scored oddly")


@pytest.fixture
def health(tmp_path):
    return lambda *kinds, **settings: Health(parts(video(**settings)), tmp_path, kinds)


# ---------------------------------------------------------------- what fails

@pytest.mark.parametrize("kind, why", [(Fails, "IndexError: out of"), (FailsAtOnce, "KeyError: 'x'")])
def test_a_watch_that_fails_is_dropped_with_a_warning(health, kind, why):
    all_of_them = health(Quiet, kind)
    all_of_them.forward(None, None, None, None, 0.0)
    finding, = all_of_them.close(1, {})
    assert (finding.level, finding.name, finding.example) == ("warning", "watch-failed", kind.__name__)
    assert finding.text.endswith(why)
    assert list(all_of_them.watches) == ["Quiet"]
    assert all_of_them.close(2, {}) == []  # it is said once


def test_at_the_end_of_an_epoch_too(health):
    all_of_them = health(FailsAtTheEnd, Wrong)
    assert names(all_of_them.close(1, row := {})) == ["wrong", "watch-failed"] and row == {"health_x": 1.5}
    assert names(all_of_them.close(2, {})) == ["wrong"]


def test_a_person_s_mistake_passes(health):
    with pytest.raises(UserError, match="your mistake"):
        health(Mistake).after()


def test_one_that_was_dropped_stays_out_of_a_resumed_training(health):
    first, second = health(Fails, Quiet), health(Fails, Quiet)
    first.forward(None, None, None, None, 0.0)
    second.load_state_dict(first.state_dict())
    assert list(second.watches) == ["Quiet"] and names(second.close(1, {})) == ["watch-failed"]


# ---------------------------------------------------------------- what is found

def test_findings_are_kept_with_their_epochs(health, tmp_path):
    all_of_them = health(Wrong)
    for epoch in (1, 2):
        all_of_them.close(epoch, {})
    found = json.loads((tmp_path / "health.json").read_text(encoding="utf-8"))
    assert [(each["epoch"], each["name"], each["text"]) for each in found] == [(1, "wrong", "đều "
                                                                                "sai"), (2, "wrong", "đều sai")]
    again = health(Wrong)
    again.load_state_dict(all_of_them.state_dict())
    again.close(3, {})
    assert [each["epoch"] for each in again.found] == [1, 2, 3] and len(all_of_them.found) == 2


@pytest.mark.parametrize("force", [False, True])
def test_errors_stop_unless_forced(health, force):
    all_of_them = health(Wrong, force=force)
    found = all_of_them.close(1, {})
    all_of_them.stop_on_errors([Finding("warning", "x", "y")])
    if force:
        return all_of_them.stop_on_errors(found)
    with pytest.raises(UserError, match="stopped: đều sai .wrong.*--force"):
        all_of_them.stop_on_errors(found)


@pytest.mark.parametrize("score, found", [(0.5, False), (0.509, False), (0.52, True), (0.48, True)])
def test_the_kept_weights_must_score_as_they_did(health, score, found):
    all_of_them = health(Quiet)
    if not found:
        return all_of_them.conclude({"score": 0.5, "epoch": 3}, score, {}, Path())
    with pytest.raises(UserError, match="not-the-best-weights"):
        all_of_them.conclude({"score": 0.5, "epoch": 3}, score, {}, Path())


def test_what_is_wrong_with_the_last_evaluations_is_said(health):
    all_of_them = health(Wrong)
    all_of_them.conclude({"score": 0.5, "epoch": 3}, 0.5, {}, Path())
    assert [(each["epoch"], each["name"]) for each in all_of_them.found] == [(3, "scored")]


def test_slow_hooks_look_at_few_steps(health):
    all_of_them, looks = health(Quiet), []
    for number in range(2 * EVERY + 1):
        all_of_them.before(number, number)
        looks.append(all_of_them.watches["Quiet"].looking)
    assert [number for number, look in enumerate(looks) if look] == [*range(LOOKS), EVERY, 2 * EVERY]
    assert all_of_them.seconds > 0


# ---------------------------------------------------------------- sound trainings

def trained(trainer: Trainer, until: tuple = ()) -> Trainer:
    trainer.fit()
    trainer.load_best()
    predictions = {"val": trainer.evaluate("val")[0]}
    weights = save_run_model(trainer.evaluated, trainer.task.labels, trainer.health.path.parent)
    score = trainer.task.score(predictions["val"])[trainer.task.best_by]
    trainer.health.conclude(trainer.best, score, predictions, weights)
    return trainer


def findings(trainer: Trainer) -> list[str]:
    return [f"{each['epoch']}: {each['name']}: "
            f"{each['text']}" for each in trainer.health.found if each["level"] != "note"]


@pytest.mark.parametrize("flags", [
    "--ema 0.9 --accumulate 2", "--use-amp --amp-dtype fp16 --epochs 3", "--optimizer sgd --lr 1e-5 "
    "--lr-image-encoder 1e-6",
    "--lr-image-encoder 0", "--lr-prompt-learner 0 --lr-adapter 0", "--batch-size 14 --epochs 3", "--batch-size 8 "
    "--moco-k 4",
    "--batch-size 1", "--moco-keys video --moco-m 0.9 --warmup-epochs 2", "--epochs 3 --milestones 1 2 --gamma 1e-4",
    "--use-weighted-sampler --mixup-alpha 0.01", "--ldl-warmup 0 --no-use-moco --lambda-mi 0 --lambda-dc 0",
])
def test_sound_trainings_of_clips(configure, tmp_path, flags):
    trainer = trained(build_trainer(configure(flags), tmp_path))
    assert findings(trainer) == [] and len(trainer.health.watches) == len(WATCHES)
    row = trainer.history[-1]
    assert {"health_spread", "health_gap", "health_text_cosine"} <= row.keys()


@pytest.mark.parametrize("flags", [
    "", "--loss-type ghm --ema 0.9", "--loss-type focal --focal-gamma 5", "--lr-encoder 0", "--freeze-embeddings",
    "--layer-decay 0.5 --accumulate 2", "--unmentioned neutral --epochs 4", "--batch-size 1", "--token-dropout 0.001",
])
def test_sound_trainings_of_reviews(tmp_path, flags):
    trainer = trained(build_trainer(small_reviews.configure(tmp_path, flags), tmp_path / "run"))
    assert findings(trainer) == [] and len(trainer.health.watches) == len(WATCHES)


@pytest.mark.parametrize("flags", ["", "--ssl moco --moco-k 16", "--ssl moco --moco-k 3 --batch-size 14 --epochs 4",
                                   "--optimizer lars --lr 0.3 --ema 0.9"])
def test_sound_trainings_of_views(simclr_recipe, tmp_path, flags):
    trainer = trained(build_trainer(small_simclr.configure(simclr_recipe, flags), tmp_path))
    assert findings(trainer) == [] and len(trainer.health.watches) == len(WATCHES)


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_broken_epoch_is_seen_as_a_whole_one(configure, tmp_path, stop):
    """With a fault in it, so that there is something to find."""
    def start(name: str) -> Trainer:
        trainer = build_trainer(configure("--epochs 2 --ema 0.9 --moco-k 16 --force"), tmp_path / name)
        trainer.model.after_step = lambda: None
        return trainer

    whole, first, second = start("whole"), start("broken"), start("broken")
    whole.fit()
    first.fit(until_step=stop)
    second.load_state_dict(checkpoint.load(first.folder / "last.pt"))
    second.fit()
    assert findings(whole)[0].startswith("1: momentum-side-stands-still")
    assert second.health.found == whole.health.found
    health = [[{name: value for name, value in row.items() if name.startswith("health_")} for row in trainer.history]
              for trainer in (whole, second)]
    assert health[0] == health[1] and len(health[0][0]) > 8


def test_the_watch_changes_nothing(configure, tmp_path):
    trainers = []
    for name in ("watched", "not"):
        trainer = build_trainer(configure("--epochs 1 --clip-model micro_bn --ema 0.9"), tmp_path / name)
        if name == "not":
            trainer = Trainer(trainer.config, trainer.task, trainer.model, trainer.objective, trainer.loaders,
                              tmp_path / name, watches=())
        trainer.fit()
        trainers.append(trainer)
    states = [{**trainer.model.state_dict(), **trainer.objective.state_dict()} for trainer in trainers]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@CUDA
def test_between_looks_no_step_waits_for_the_device(configure, tmp_path, monkeypatch):
    trainer = build_trainer(configure("--epochs 1 --device cuda --ema 0.9"), tmp_path)
    call = trainer.health._call

    def watched(hook, *values):
        strict = hook in ("before", "forward", "gradients", "after") and not trainer.health.looking
        torch.cuda.set_sync_debug_mode("error" if strict else "default")
        try:
            return call(hook, *values)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(trainer.health, "_call", watched)
    trainer.fit()
    assert findings(trainer) == [] and len(trainer.health.watches) == len(WATCHES)
