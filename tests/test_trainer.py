import math
import os
import signal

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from commands.build import build_trainer
from trainer import Trainer
from utils import checkpoint
from utils.config import VideoConfig, VideoDataConfig, VideoLossConfig, VideoTrainConfig
from utils.errors import UserError
from utils.objective import LossReport
from utils.structures import Batch, Labels, Output
from utils.tasks.clips import Clips

# ---------------------------------------------------------------- the real model and files: resumption

EVERY_TERM = "--clip-model micro_bn --ema 0.9 --moco-k 16 --dc-rows 8 --ldl-warmup 1 --mixup-alpha 0.4 "


@pytest.fixture
def train(configure, tmp_path_factory):
    """Train with flags from stop to stop, each time in a new Trainer from the checkpoint that the last one left."""

    def train(flags: str, stops: tuple = (), workers: int = 0) -> Trainer:
        folder, state = tmp_path_factory.mktemp("run"), None
        for stop in (*stops, None):
            trainer = build_trainer(configure(f"{flags} --num-workers {workers}"), folder)
            if state:
                trainer.load_state_dict(state)
            trainer.fit(until_step=stop)
            state = checkpoint.load(folder / "checkpoints" / "last.pt")
        return trainer

    return train


def leaves(value, place: str = "") -> dict:
    """Everything in a state by its place."""
    if isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for key, part in items for k, v in leaves(part, f"{place}/{key}").items()} or {place: len(value)}
    return {place: value}


def differences(first: Trainer, second: Trainer) -> list[str]:
    one, other = leaves(first.state_dict()), leaves(second.state_dict())
    assert one.keys() == other.keys()
    return [place for place in one if not same(one[place], other[place])
            and not place.endswith(("/seconds", "num_workers"))]


def same(one, other) -> bool:
    """Bit for bit."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    return one == other


@pytest.fixture(scope="module")
def unbroken():
    return {}


@pytest.mark.parametrize("accumulate, stops, workers", [
    (1, (2,), 0), (2, (3, 5), 2),
    *(pytest.param(*rest, marks=pytest.mark.slow) for rest in ((1, (5,), 0), (1, (1, 3), 2), (2, (1,), 0))),
])
def test_a_resumed_run_equals_an_unbroken_one(train, unbroken, accumulate, stops, workers):
    flags = f"{EVERY_TERM} --accumulate {accumulate}"
    if accumulate not in unbroken:
        unbroken[accumulate] = train(flags)
    whole, broken = unbroken[accumulate], train(flags, stops, workers)
    assert whole.steps == {1: 10, 2: 6}[accumulate] and len(whole.history) == 2
    assert {"objective", "averaged", "optimizer", "scaler", "meter", "tally"} <= set(whole.state_dict())
    assert int(whole.objective.terms["moco"].loss.count) == 16
    assert differences(whole, broken) == []


@pytest.fixture(scope="module")
def packed(recipe, tmp_path_factory):
    from scripts.pack import main as pack

    folder = tmp_path_factory.mktemp("packs") / "pack"
    assert pack([str(recipe), "--output", str(folder), "--workers", "0"]) == 0
    return folder


def test_a_resumed_stream_equals_an_unbroken_one(train, packed):
    """With another number of workers each time, from within the first epoch and the second; two clips wait in a lane.
    """
    flags = f"{EVERY_TERM} --packed {packed} --stream {packed} --shuffle-buffer 6"
    whole = train(flags)
    assert whole.loaders["train"].streamed and whole.steps == 10
    for stops, workers in (((2,), 0), ((3, 7), 2)):
        assert differences(whole, train(flags, stops, workers)) == []
    assert differences(whole, train(f"{flags} --stream-lanes 1")) != []


def test_another_seed_is_another_run(train):
    assert differences(train("--epochs 1"), train("--epochs 1 --seed 1")) != []


def test_checkpoints_every_so_many_steps(configure, tmp_path, monkeypatch):
    saved = []
    trainer = build_trainer(configure("--epochs 1 --save-every 2"), tmp_path)
    monkeypatch.setattr(trainer, "save", lambda: saved.append(trainer.steps))
    trainer.fit()
    assert saved == [2, 4, 5]


# ---------------------------------------------------------------- the real model: optimisation

def gradients(trainer: Trainer) -> list[dict[str, torch.Tensor]]:
    """Filled during `fit` with the gradients of every step, as the optimiser sees them."""
    seen = []
    names = {p: name for name, p in trainer.model.named_parameters()}

    def note(optimizer, *_):
        seen.append({names[p]: p.grad.clone() for group in optimizer.param_groups for p in group["params"]})

    trainer.optimizer.register_step_pre_hook(note)
    return seen


def test_accumulated_batches_equal_one_large_batch(configure, tmp_path):
    """14 clips: 4+4, 4+2 against 8, 6. No batch statistics, no draws over the batch, no pairs within it."""
    flags = "--epochs 1 --mixup-alpha 0 --no-use-moco --lambda-dc 0 --dropout 0 --grad-clip 0"
    seen = []
    for size, accumulate in ((4, 2), (8, 1)):
        config = configure(f"{flags} --batch-size {size} --accumulate {accumulate}")
        trainer = build_trainer(config, tmp_path / str(size))
        seen.append(gradients(trainer))
        trainer.fit()
    assert [len(steps) for steps in seen] == [2, 2]
    for small, large in zip(*seen):
        for name in large:
            largest = float(large[name].abs().max())
            assert torch.allclose(small[name], large[name], rtol=1e-3, atol=2e-4 * (largest + 1e-3)), name


def test_the_gradient_norm_is_bounded(configure, tmp_path):
    norms = {}
    for bound in (0.05, 0):
        trainer = build_trainer(configure(f"--epochs 1 --grad-clip {bound}"), tmp_path / str(bound))
        seen = gradients(trainer)
        trainer.fit()
        norms[bound] = [float(torch.cat([g.flatten() for g in step.values()]).norm()) for step in seen]
        assert trainer.history[0]["grad_norm"] > 0.5  # what is logged is the norm before
    assert max(norms[0.05]) <= 0.05 * 1.001 and max(norms[0]) > 0.5


def test_fp16_hands_the_optimiser_the_gradient_of_float32(configure, tmp_path):
    """One step over all clips; clipped, and with the norm before logged."""
    runs = {}
    for flags in ("--no-use-amp", "--use-amp --amp-dtype fp16"):
        common = "--epochs 1 --batch-size 14 --dropout 0 --grad-clip 0.05"
        trainer = build_trainer(configure(f"{common} {flags}"), tmp_path / flags.split()[0])
        trainer.scaler.load_state_dict(trainer.scaler.state_dict() | {"scale": 256.0})  # at which nothing overflows
        seen = gradients(trainer)
        trainer.fit()
        runs[flags] = trainer.history[0]["grad_norm"], seen[0]
    (plain, one), (scaled, other) = runs.values()
    assert plain > 0.5 and scaled == pytest.approx(plain, rel=0.02)
    for gradient in (one, other):
        assert torch.cat([g.flatten() for g in gradient.values()]).norm() == pytest.approx(0.05, rel=1e-3)
    for name, gradient in one.items():
        assert (other[name] - gradient).norm() <= 0.05 * (gradient.norm() + 1e-3), name


def test_each_group_follows_its_own_rate(configure, tmp_path):
    rates = "--lr 0.01 --lr-image-encoder 0.02 --lr-prompt-learner 0.03 --lr-adapter 0.04"
    trainer = build_trainer(configure(f"{rates} --milestones 1 --gamma 0.5 --warmup-epochs 0.4"), tmp_path)
    seen = []
    trainer.optimizer.register_step_pre_hook(lambda optimizer, *_: seen.append(optimizer.param_groups[-1]["lr"]))
    trainer.fit()
    full = {"lr_rest": 0.01, "lr_image_encoder": 0.02, "lr_prompt_learner": 0.03, "lr_adapter": 0.04}
    for row, factor in zip(trainer.history, (1, 0.5)):
        assert {name: row[name] for name in full} == pytest.approx({name: rate * factor for name, rate in full.items()})
    assert [rate / seen[4] for rate in seen[:3]] == pytest.approx([0.05, 0.5, 1])  # epochs 0, 0.2, 0.4


def test_rate_nought_freezes_a_part(configure, tmp_path):
    trainer = build_trainer(configure("--clip-model micro_bn --epochs 1 --lr-image-encoder 0 --lr-adapter 0"), tmp_path)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    trainer.fit()
    moved = {name for name, value in trainer.model.state_dict().items() if not torch.equal(value, before[name])}
    assert "prompts.context" in moved and "video.fusion.correction.weight" in moved
    assert not [name for name in moved if name.startswith(("video.visual.", "video.adapter.", "text_tower."))]


# ---------------------------------------------------------------- a model that counts its steps: the loop

class Counting(nn.Module):
    """`steps` grows by the learning rate a step; every clip is said to be of class round(steps)."""

    def __init__(self):
        super().__init__()
        self.steps, self.after = nn.Parameter(torch.zeros(())), 0

    def parameter_groups(self) -> dict:
        return {"": [("steps", self.steps)]}

    def forward(self, batch: Batch) -> Output:
        logits = F.one_hot(self.steps.detach().round().long().expand(len(batch)), 32).float() * 9
        return Output(logits=logits, embedding=self.steps.expand(len(batch)))

    def after_step(self) -> None:
        self.after += 1


class Descent(nn.Module):
    """A loss whose gradient is `-slope`."""

    def __init__(self, slope: float = 1.0):
        super().__init__()
        self.slope = slope

    def forward(self, output: Output, batch: Batch, epoch: float) -> LossReport:
        total = -self.slope * output.embedding.mean()
        return LossReport(total, {"descent": total.detach()}, {"descent": 1.0}, {"depth": total.detach() * 2})


class Listed:
    """A loader of the batches it is given: lists of labels, or [] for a batch of unreadable clips."""

    def __init__(self, *labels: list[int]):
        self.labels, self.size, self.unit = labels, sum(map(len, labels)), "clips"

    def __len__(self) -> int:
        return len(self.labels)

    def epoch(self, epoch: int, start: int = 0):
        for number, labels in list(enumerate(self.labels))[start:]:
            bad = [] if labels else [("lost.avi", "empty")]
            yield Batch(torch.tensor(labels, dtype=torch.int64), [f"{number}-{i}" for i in range(len(labels))],
                        torch.zeros(len(labels), 1, 3, 2, 2), bad=bad)


@pytest.fixture
def counting(tmp_path):
    def make(train: Listed, val: Listed, slope: float = 1.0, mixup: float = 0.0, bad: float = 0.5,
             task: type | None = None, **settings) -> Trainer:
        settings = VideoTrainConfig(**dict(lr=1.0, warmup_epochs=0, milestones=(10**6,), use_amp=False, device="cpu",
                                           epochs=5) | settings)
        config = VideoConfig(data=VideoDataConfig(max_bad_clips=bad), loss=VideoLossConfig(mixup_alpha=mixup),
                             train=settings)
        task = (task or Clips)(config, Labels([f"c{i}" for i in range(32)]))
        return Trainer(config, task, Counting(), Descent(slope), {"train": train, "val": val}, tmp_path, watches=())

    return make


def test_the_best_epoch_has_the_highest_uar_and_of_equal_ones_the_lowest_cross_entropy(counting):
    """A step an epoch, so epoch e says class e; validation holds classes 2, 3 and 5."""
    trainer = counting(Listed([0, 0]), Listed([2, 3], [5]))
    trainer.fit()
    assert [row["val_uar"] for row in trainer.history] == pytest.approx([0, 1 / 3, 1 / 3, 0, 1 / 3])
    entropies = {row["epoch"]: row["val_cross_entropy"] for row in trainer.history}
    best = min((2, 3, 5), key=entropies.get)
    assert len(set(entropies.values())) > 1
    assert trainer.best == {"score": pytest.approx(1 / 3), "cross_entropy": entropies[best], "epoch": best}
    assert trainer.model.steps.item() == pytest.approx(5, abs=1e-4)
    trainer.load_best()
    assert trainer.model.steps.item() == pytest.approx(best, abs=1e-4)
    predictions, _ = trainer.evaluate("val")
    assert trainer.task.score(predictions)["uar"] == trainer.best["score"]


class FewSteps(Clips):
    """A task whose best epoch is the one of class 3, and that has no prepared batch, accuracy or score of clips."""

    best_by = "nearness"
    columns = ("nearness", "class")

    def prepare(self, batch: Batch, stream) -> Batch:
        return Batch(batch.targets + 10, batch.ids, batch.face)

    def accuracy(self, output: Output, batch: Batch) -> torch.Tensor:
        return batch.targets.float().mean()

    def score(self, predictions) -> dict:
        said = float(predictions.logits.argmax(-1).float().mean())
        return {"class": said, "nearness": -abs(said - 3) + 1, "unseen": 1.0}


def test_the_task_prepares_scores_and_chooses(counting):
    trainer = counting(Listed([0, 2]), Listed([2]), task=FewSteps)
    trainer.fit()
    assert trainer.best == {"score": 1.0, "cross_entropy": 0.0, "epoch": 3}
    assert [(row["val_nearness"], row["val_class"], row["accuracy"]) for row in trainer.history] == [
        (-1, 1, 11), (0, 2, 11), (1, 3, 11), (0, 4, 11), (-1, 5, 11)]
    assert {name for name in trainer.history[0] if name.startswith("val_")} == {"val_nearness", "val_class"}


def test_figures_of_the_terms_stand_last_of_what_is_metered(counting):
    trainer = counting(Listed([0], [0]), Listed([2]), epochs=1)
    trainer.fit()
    names = list(trainer.history[0])
    assert names[1:8] == ["loss", "loss_descent", "accuracy", "grad_norm", "skipped", "weight_descent", "depth"]
    assert trainer.history[0]["depth"] == pytest.approx(-1, abs=1e-4)  # twice the mean of 0 and -1


@pytest.mark.parametrize("patience, epochs", [(0, 9), (1, 3), (2, 4), (4, 6), (8, 9)])
def test_early_stop_counts_epochs_since_the_best(counting, patience, epochs):
    trainer = counting(Listed([0]), Listed([2, 3]), epochs=9, early_stop=patience)
    trainer.fit()
    assert len(trainer.history) == epochs


def test_a_stopped_run_stays_stopped(counting):
    trainer = counting(Listed([0]), Listed([2]), epochs=9, early_stop=1)
    trainer.fit()
    trainer.fit()
    assert len(trainer.history) == 3


def test_history_is_written_every_epoch(counting, tmp_path):
    trainer = counting(Listed([0, 0], [0]), Listed([2]), epochs=2)
    trainer.fit()
    lines = (tmp_path / "history.csv").read_text().splitlines()
    first = "epoch,loss,loss_descent,accuracy,grad_norm,skipped,weight_descent,depth,val_cross_entropy,"
    assert len(lines) == 3 and lines[0].startswith(first)
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "2"]
    # Mean over clips: two at 0 steps, one at 1 step; then two at 2, one at 3.
    assert [row["loss"] for row in trainer.history] == pytest.approx([-1 / 3, -7 / 3], abs=1e-4)


def test_one_step_takes_its_batches_and_the_last_group_may_be_short(counting):
    trainer = counting(Listed([0], [0], [0], [0], [0]), Listed([2]), epochs=2, accumulate=2)
    trainer.fit()
    assert trainer.steps == trainer.model.after == 6


def test_the_average_follows_by_its_decay(counting):
    """decay = min(ema, (1 + step) / (10 + step)): 2/11, 3/12, 0.26."""
    trainer = counting(Listed([0], [0], [0]), Listed([2]), epochs=1, ema=0.26)
    trainer.fit()
    average = 0.0
    for step, decay in ((1, 2 / 11), (2, 3 / 12), (3, 0.26)):
        average = decay * average + (1 - decay) * step
    assert trainer.averaged.steps.item() == pytest.approx(average, abs=1e-4)
    assert trainer.evaluated is trainer.averaged
    saved = checkpoint.load(trainer.folder / "best.pt")["model"]
    assert torch.equal(saved["steps"], trainer.averaged.steps)


def test_the_best_weights_tell_of_which_epoch_they_are(counting):
    """One that was lost, where a run was killed after it kept them and before its checkpoint."""
    trainer = counting(Listed([0]), Listed([2]), epochs=2)
    trainer.fit()
    kept = checkpoint.load(trainer.folder / "best.pt")
    assert {name: kept[name] for name in trainer.best} == trainer.best
    lost = {"score": 0.75, "cross_entropy": 0.5, "epoch": 7}
    checkpoint.save(kept | lost, trainer.folder / "best.pt")
    trainer.load_best()
    assert trainer.best == lost


@pytest.mark.parametrize("at", ["training", "evaluation"])
def test_a_signal_saves_what_is_done_and_the_rest_follows(counting, at, caplog):
    """The second of two epochs is cut short, before its first step or in the second batch that it evaluates."""
    def make() -> Trainer:
        return counting(Listed([0], [0]), Listed([2], [3]), epochs=2)

    whole, broken = make(), make()
    whole.fit()
    loader = broken.loaders["train" if at == "training" else "val"]
    read, passes = loader.epoch, []

    def epoch(number: int, start: int = 0):
        passes.append(number)
        for batch in read(number, start):
            if len(passes) == 2:  # of the second epoch
                os.kill(os.getpid(), signal.SIGTERM)
                passes.append(None)
            yield batch

    loader.epoch = epoch
    with pytest.raises(SystemExit) as end, caplog.at_level("INFO", "camxuc"):
        broken.fit()
    assert end.value.code == 128 + signal.SIGTERM
    assert (broken.epoch, broken.batch, broken.steps) == {"training": (1, 0, 2), "evaluation": (1, 2, 4)}[at]
    assert f"stopped in epoch 2, after step {broken.steps}; --resume auto goes on" in caplog.text
    resumed = make()
    resumed.load_state_dict(checkpoint.load(broken.folder / "last.pt"))
    resumed.fit()
    assert differences(whole, resumed) == []


def test_a_checkpoint_that_lacks_a_part(counting):
    trainer = counting(Listed([0]), Listed([2]))
    state = trainer.state_dict()
    del state["meter"]
    with pytest.raises(UserError, match="the checkpoint lacks meter"):
        trainer.load_state_dict(state)


def test_terms_are_listed_in_one_order_whenever_they_set_in(train):
    trainer = train("--clip-model micro_bn --epochs 2 --mi-warmup 1 --mi-ramp 0 --ldl-warmup 1 --moco-k 16")
    first, second = (list(row) for row in trainer.history)
    terms = ["loss", "loss_cls", "loss_dc", "loss_ldl", "loss_mi", "loss_moco", "accuracy"]
    assert first[1:5] == ["loss", "loss_cls", "loss_dc", "loss_moco"]
    assert [name for name in terms if name in second] == second[1:7] == ["loss", *terms[2:]]


def test_weights_of_terms_are_in_the_history(train):
    """DC's ramp over two epochs of five steps, of 3, 3, 3, 3 and 2 clips; at weight 0 it is not at work."""
    trainer = train("--clip-model micro_bn --epochs 2 --lambda-dc 0.5 --dc-ramp 2 --moco-k 16")
    assert trainer.history[0]["weight_dc"] == pytest.approx(0.25 * (3 * 0.2 + 3 * 0.4 + 3 * 0.6 + 2 * 0.8) / 11)
    assert trainer.history[1]["weight_dc"] == pytest.approx(0.25 * (3 * (1 + 1.2 + 1.4 + 1.6) + 2 * 1.8) / 14)


def test_unreadable_batches_make_no_step_and_are_counted(counting):
    trainer = counting(Listed([0, 0], [], [0, 0], []), Listed([2]), epochs=1)
    trainer.fit()
    assert (trainer.steps, trainer.history[0]["loss"]) == (2, pytest.approx(-0.5, abs=1e-4))


@pytest.mark.parametrize("share, epochs", [(0.25, 1), (0.2, 0)])
@pytest.mark.parametrize("split", ["train", "val"])
def test_bad_clips_are_bounded_in_training_and_validation(counting, split, share, epochs):
    """One of four."""
    loaders = {"train": Listed([0]), "val": Listed([2]), split: Listed([0, 0], [], [0, 0])}
    trainer = counting(**loaders, bad=share, epochs=1)
    if epochs:
        trainer.fit()
    else:
        with pytest.raises(UserError, match=rf"{split}: 1 of 4 samples cannot be read, over --max-bad-clips {share}"):
            trainer.fit()
    assert len(trainer.history) == epochs


@pytest.mark.parametrize("slope", [math.inf, math.nan])
def test_a_gradient_that_is_not_finite_names_the_clips(counting, slope):
    """Four in a row end a training; it is asked after whenever an epoch ends."""
    trainer = counting(Listed(*[[0]] * 3), Listed([2]), slope=slope)
    with pytest.raises(UserError, match="step 6: the gradient of 6 steps in a row is not finite; samples in the "
                                        "batches: 0-0, 1-0, 2-0, 0-0, 1-0, 2-0$"):
        trainer.fit()
    assert trainer.model.steps.item() == 0 and trainer.history[0]["skipped"] == 1


def test_a_training_that_is_asked_for_its_skipped_steps_within_an_epoch(counting):
    trainer = counting(Listed(*[[0]] * 40), Listed([2]), slope=math.nan)
    with pytest.raises(UserError, match="step 16: the gradient of 16 steps"):
        trainer.fit()


def test_one_bad_batch_is_skipped_and_counted(counting, monkeypatch):
    trainer = counting(Listed([0], [0], [0], [0]), Listed([2]), epochs=1)
    spoil = {2: math.nan}
    monkeypatch.setattr(trainer.objective, "forward", lambda output, batch, epoch: Descent(
        spoil.get(trainer.steps, 1.0)).forward(output, batch, epoch))
    trainer.fit()
    assert (trainer.history[0]["skipped"], trainer.history[0]["grad_norm"]) == (0.25, pytest.approx(1))
    assert trainer.model.steps.item() == pytest.approx(3, abs=1e-4)


@pytest.mark.parametrize("amp", [{}, dict(use_amp=True, amp_dtype="fp16")], ids=["float32", "fp16"])
@pytest.mark.parametrize("bound, bounded", [(0, 3), (0.5, 0.5), (5, 3)])
def test_the_gradient_is_bounded_and_logged_as_it_is_without_its_scale(counting, amp, bound, bounded):
    """A gradient of 3; the first step of SGD with Nesterov momentum 0.9 and rate 1 goes 1.9 times the gradient."""
    trainer = counting(Listed([0]), Listed([2]), slope=3, epochs=1, optimizer="sgd", grad_clip=bound, **amp)
    assert trainer.scaler.get_scale() == (65536 if amp else 1)
    trainer.fit()
    assert trainer.history[0]["grad_norm"] == pytest.approx(3)
    assert trainer.model.steps.item() == pytest.approx(1.9 * bounded, rel=1e-4)


def test_a_gradient_beyond_the_scale_is_skipped_and_the_scale_halved(counting):
    trainer = counting(Listed([0]), Listed([2]), slope=math.inf, epochs=1, use_amp=True, amp_dtype="fp16")
    trainer.fit()
    assert (trainer.model.steps.item(), trainer.scaler.get_scale()) == (0, 32768)
    assert trainer.history[0]["skipped"] == 1 and "grad_norm" not in trainer.history[0]


def test_what_was_begun_without_a_scale_goes_on_with_one_and_the_other_way_round(counting):
    """As a run does that `auto` gives another precision on another device."""
    amp = dict(use_amp=True, amp_dtype="fp16")
    for before, after, scale in (({}, amp, 65536), (amp, {}, 1)):
        old, new = (counting(Listed([0]), Listed([2]), epochs=1, **kind) for kind in (before, after))
        old.fit()
        new.load_state_dict(old.state_dict())
        assert (new.steps, new.model.steps.item(), new.scaler.get_scale()) == (1, old.model.steps.item(), scale)


def test_a_gradient_that_no_scale_makes_finite_names_the_clips(counting):
    """The scale falls from 65536 to 1 in 16 skipped steps."""
    trainer = counting(Listed([0, 0]), Listed([2]), slope=math.inf, epochs=30, use_amp=True, amp_dtype="fp16")
    said = "step 20: the gradient of 4 steps in a row is not finite; samples in the batches: 0-0, 0-1, "
    with pytest.raises(UserError, match=said):
        trainer.fit()


def test_accuracy_in_training_is_that_of_the_mixed_labels(counting):
    """Of two clips each is said to be of its own class: all right if it is its own partner, else a share of lam."""
    trainer, rates = counting(Listed(*[[0, 1]] * 8), Listed([2]), mixup=1.0, epochs=1), []

    def by_id(batch):
        if trainer.model.training:
            rates.append(batch.lam if batch.other_targets.tolist() == [1, 0] else 1)
        said = torch.tensor([int(clip.split("-")[1]) for clip in batch.ids])
        return Output(logits=F.one_hot(said, 32).float(), embedding=trainer.model.steps.expand(len(batch)))

    trainer.model.forward = by_id
    trainer.fit()
    assert len(rates) == 8 and 1 in rates and min(rates) < 0.5
    assert trainer.history[0]["accuracy"] == pytest.approx(sum(rates) / 8)


def test_every_step_draws_anew(counting):
    trainer, lams = counting(Listed([0, 1], [0, 1], [0, 1]), Listed([2]), mixup=1.0, epochs=2), []
    accuracy = trainer.task.accuracy
    trainer.task.accuracy = lambda output, batch: lams.append(batch.lam) or accuracy(output, batch)
    trainer.fit()
    assert len(set(lams)) == len(lams) == 6


def test_the_board_holds_every_epoch_of_a_resumed_run(counting, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    first = counting(Listed([0]), Listed([2]), epochs=2)
    first.fit()
    second = counting(Listed([0]), Listed([2]), epochs=4)
    second.load_state_dict(checkpoint.load(tmp_path / "checkpoints" / "last.pt"))
    second.fit()
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    assert [event.step for event in board.Scalars("loss")] == [1, 2, 3, 4]
