"""Whole trainings by several real processes: results, signals, errors, and what is left when one of them is gone."""

import csv
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

import commands.training
from dataloaders import video
from dataloaders.loader import BadSample
from models.recogniser import VideoRecogniser
from tests.conftest import RECIPE
from tests.forked import at_step
from tests.several import begin_together, on, train_together
from tests.test_trainer import leaves, same
from trainer import Trainer
from utils import checkpoint

ROOT = Path(__file__).parent.parent
SLOW = pytest.mark.slow  # most of these: each takes several starts of several processes
# 14 clips in batches of 3: 5 steps an epoch, the last with 2 clips. SGD, so that rounding does not grow; no dropout,
# which each process draws for its own rows.
FLAGS = ("--optimizer sgd --lr 1e-4 --lr-image-encoder 1e-4 --lr-prompt-learner 1e-4 --lr-adapter 1e-4 --dropout 0 "
         "--moco-k 16 --mixup-alpha 0.4 --ema 0.9 --force").split()
FREE = ("seconds", "num_workers", "output_dir", "resume")


@pytest.fixture
def train(recipe, tmp_path):
    """Train with so many processes into a folder; the exit status of each, and what each has said."""

    def train(world: int, name: str, *hooks, flags: tuple = (), audit: bool = False) -> tuple[list[int], list[str]]:
        words = ["train", recipe, *FLAGS, *flags, "--output-dir", tmp_path / name, "--resume", "auto"]
        hooks = (() if audit else (unaudited,)) + hooks
        status = train_together(world, words, tmp_path / f"{name}-said", *hooks)
        return status, [(tmp_path / f"{name}-said" / str(rank)).read_text() for rank in range(world)]

    return train


def last(folder: Path) -> dict:
    return leaves(checkpoint.load(folder / "checkpoints" / "last.pt"))


def unlike(one: Path, other: Path, within: float = 0.0) -> list[str]:
    """What differs between two runs' last checkpoints by more than `within`."""
    first, second = last(one), last(other)
    assert first.keys() == second.keys()

    def near(a, b) -> bool:
        if not within or isinstance(a, str | bool | None):
            return same(a, b)
        return torch.allclose(torch.as_tensor(a).double(), torch.as_tensor(b).double(), rtol=within, atol=within)

    return [place for place in first if not near(first[place], second[place]) and not place.endswith(FREE)]


def rows(folder: Path) -> list[dict]:
    with (folder / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("world", [2, pytest.param(3, marks=SLOW)])
def test_a_run_is_that_of_one_process_and_each_clip_is_scored_once(train, tmp_path, world):
    assert train(1, "alone")[0] == [0]
    status, said = train(world, "beside", audit=world == 2)  # which the first of them makes while the others wait
    assert status == [0] * world, said
    assert unlike(tmp_path / "alone", tmp_path / "beside", within=1e-5) == []
    alone, beside = rows(tmp_path / "alone"), rows(tmp_path / "beside")
    assert [(row["split"], row["clip"]) for row in beside] == [(row["split"], row["clip"]) for row in alone]
    assert len({(row["split"], row["clip"]) for row in beside}) == len(beside) == 14
    for one, other in zip(alone, beside):
        for name in one.keys() - {"split", "clip", "true", "predicted"}:
            assert float(other[name]) == pytest.approx(float(one[name]), abs=1e-5)
    one, other = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("alone", "beside"))
    assert other["test"]["clips"] == one["test"]["clips"] == 7 and other["val"]["shares"] == one["val"]["shares"]
    assert (tmp_path / "beside" / "report.html").is_file()
    log = (tmp_path / "beside" / "train.log").read_text()
    assert log.count("val: WAR") == log.count("report: ") == 1
    assert all("WAR" not in text for text in said[1:])


@pytest.mark.parametrize("rank, number, step", [
    pytest.param(0, signal.SIGTERM, 3, marks=SLOW), (1, signal.SIGINT, 7)])
def test_a_signal_to_any_process_ends_all_with_one_checkpoint_and_they_go_on(train, tmp_path, rank, number, step):
    """Bit for bit as if it had not come; also with another number of workers."""
    hook = partial(on, rank, partial(at_step, tmp_path / "broken", step, partial(send, number)))
    status, said = train(2, "broken", hook)
    assert status == [128 + number] * 2, said
    assert last(tmp_path / "broken")["/steps"] == step
    assert f"after step {step}; --resume auto goes on" in said[0]
    assert train(2, "broken", flags=("--num-workers", 1))[0] == [0, 0]
    assert train(2, "whole")[0] == [0, 0]
    assert unlike(tmp_path / "whole", tmp_path / "broken") == []


def send_in(name: str, number: int) -> None:
    """As that function of a training begins."""
    function = getattr(commands.training, name)

    def sent(*args):
        send(number)
        return function(*args)

    setattr(commands.training, name, sent)


@pytest.mark.parametrize("world, rank, name, step", [
    (1, 0, "examine", 0), *(pytest.param(*rest, marks=SLOW) for rest in (
        (2, 1, "finish", 10), (2, 0, "examine", 0), (1, 0, "finish", 10)))])
def test_a_signal_before_training_or_after_it_ends_all_alike(train, tmp_path, world, rank, name, step):
    status, said = train(world, "broken", partial(on, rank, partial(send_in, name, signal.SIGTERM)))
    assert status == [143] * world, said
    log = (tmp_path / "broken" / "train.log").read_text()
    assert log.endswith(f"stopped after step {step}; --resume auto goes on\n")
    assert train(world, "broken")[0] == [0] * world
    assert last(tmp_path / "broken")["/steps"] == 10
    assert len(rows(tmp_path / "broken")) == 14 and (tmp_path / "broken" / "report.html").is_file()


def lose_from(steps: int, clip: str) -> None:
    """From that step on this process cannot read the clip."""
    get, step, done = video.VideoDataset.__getitem__, Trainer.step, []

    def stepped(self, batches):
        step(self, batches)
        done.append(self.steps)

    def lost(self, draw):
        name = self.clips[draw.index].id
        return BadSample(name, "is gone") if name == clip and done and max(done) >= steps else get(self, draw)

    video.VideoDataset.__getitem__, Trainer.step = lost, stepped


@SLOW
@pytest.mark.parametrize("flags", [("--chunk-size", "1"), ("--shard",)])
def test_a_clip_that_one_process_alone_cannot_read_any_more_puts_none_out_of_step(train, tmp_path, flags):
    """A watch sends the last clip of a split, which another process has read, through the network once more."""
    clip = "CAER/validation/Surprise/0000.png"
    status, said = train(2, "beside", partial(on, 0, partial(lose_from, 1, clip)), flags=flags)
    assert status == [0, 0], said
    assert clip in {row["clip"] for row in rows(tmp_path / "beside")}


@SLOW
@pytest.mark.parametrize("before, after", [(2, 1), (1, 3)])
def test_a_run_goes_on_with_another_number_of_processes(train, tmp_path, before, after):
    hook = partial(on, 0, partial(at_step, tmp_path / "broken", 3, partial(send, signal.SIGTERM)))
    assert train(before, "broken", hook)[0] == [143] * before
    assert train(after, "broken")[0] == [0] * after
    assert train(1, "whole")[0] == [0]
    assert unlike(tmp_path / "whole", tmp_path / "broken", within=1e-5) == []


def unaudited() -> None:
    """The audit takes longer than these trainings."""
    commands.training.examine = lambda trainer: []


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def spoil(steps: list[int]) -> None:
    """In these steps the features of this process's clips are not numbers."""
    step, encode, now = Trainer.step, VideoRecogniser._encode, []

    def noted(self, batches):
        now[:] = [self.steps]
        step(self, batches)
        now.clear()

    def spoilt(self, *parts):
        return encode(self, *parts) * (torch.nan if now and now[0] in steps else 1)

    Trainer.step, VideoRecogniser._encode = noted, spoilt


@SLOW
@pytest.mark.parametrize("flags", [(), ("--dc-rows", 8, "--moco-keys", "video")])
def test_a_step_that_is_not_finite_in_one_process_is_left_out_in_all(train, tmp_path, flags):
    """As it is in one process that has all clips; nor is it in what the losses remember."""
    assert train(1, "alone", partial(spoil, [2]), flags=flags)[0] == [0]
    status, said = train(2, "beside", partial(on, 1, partial(spoil, [2])), flags=flags)
    assert status == [0, 0], said
    state = last(tmp_path / "beside")
    assert state["/history/0/skipped"] == pytest.approx(1 / 5) and "nan" not in said[0]
    spoilt = [place for place, value in state.items() if place.startswith(("/model", "/objective", "/history"))
              and not isinstance(value, str | None) and torch.as_tensor(value).isnan().any()]
    assert spoilt == []
    places = [place for place in unlike(tmp_path / "alone", tmp_path / "beside", within=1e-5)
              if place.startswith(("/model", "/averaged", "/optimizer", "/objective"))]
    assert places == []


@SLOW
def test_too_many_such_steps_end_all_with_the_clips_of_all(train, tmp_path):
    status, said = train(2, "beside", partial(on, 1, partial(spoil, list(range(1, 9)))))
    assert status == [2, 2] and "error" not in said[1]
    assert "steps in a row is not finite; samples in the batches: CAER/train/" in said[0]
    assert said[0].count("CAER/train/") > 6  # 4 steps of 3 clips or fewer; half of them were another's


def lose_worker() -> None:
    """Whatever reads one of these clips dies of it."""
    multiprocessing.set_start_method("fork", force=True)  # as main.py has it: workers know of what follows
    read = video.read_clip

    def dying(path, pick):
        if path.parent.name == "Sad":
            os.kill(os.getpid(), signal.SIGKILL)
        return read(path, pick)

    video.read_clip = dying


@SLOW
def test_a_loader_that_dies_in_one_process_is_replaced_and_all_go_on(train, tmp_path):
    flags = ("--num-workers", 1, "--max-bad-clips", 0.5)
    status, said = train(2, "beside", partial(on, 1, lose_worker), flags=flags)
    assert status == [0, 0]
    assert "a loader process died while reading CAER/train/Sad/" in said[1] and "loader process died" in said[0]
    assert "train: left out CAER/train/Sad/" in said[0]  # by the first, for all


def block(folder: Path) -> None:
    """Checkpoints cannot be written any more."""
    for file in (folder / "checkpoints").iterdir():
        file.unlink()
    (folder / "checkpoints").rmdir()
    (folder / "checkpoints").touch()


@SLOW
def test_a_checkpoint_that_cannot_be_written_ends_all(train, tmp_path):
    hook = partial(on, 0, partial(at_step, tmp_path / "beside", 7, partial(block, tmp_path / "beside")))
    status, said = train(2, "beside", hook)
    assert status == [2, 2]
    assert [text.count("error: ") for text in said] == [1, 0] and "cannot be written" in said[0]


@SLOW
def test_when_one_is_killed_the_others_end_and_all_go_on(recipe, train, tmp_path):
    hook = partial(on, 1, partial(at_step, tmp_path / "broken", 7, partial(send, signal.SIGKILL)))
    status, said = train(2, "broken", hook)
    assert status == [2, -signal.SIGKILL]
    assert "error: another process has ended" in said[0] and "Traceback" not in said[0]
    assert last(tmp_path / "broken")["/steps"] == 5
    assert train(2, "broken")[0] == [0, 0]
    assert train(2, "whole")[0] == [0, 0]
    assert unlike(tmp_path / "whole", tmp_path / "broken") == []


def test_a_wrong_flag_is_told_by_one_process_of_a_machine(recipe, tmp_path):
    words = ["train", recipe, "--batch-sise", "3", "--output-dir", tmp_path / "run"]
    assert train_together(2, words, tmp_path / "said") == [2, 2]
    first, second = ((tmp_path / "said" / rank).read_text() for rank in "01")
    assert first.startswith("error: ") and "--batch-size" in first and second == ""


def test_processes_do_not_share_a_gpu(recipe, tmp_path):
    words = ["train", recipe, "--device", "cuda:1", "--output-dir", tmp_path / "run"]
    assert train_together(2, words, tmp_path / "said") == [2, 2]
    said = "error: --device cuda:1: several processes take a GPU each; give `cuda` or `auto`\n"
    assert (tmp_path / "said" / "0").read_text() == said and not (tmp_path / "run").exists()


def test_other_commands_are_done_by_one_process(tmp_path):
    status = [process.join() or process.exitcode for process in
              begin_together(2, ["eval", str(tmp_path)], tmp_path / "said")]
    assert status == [2, 2]
    assert "eval is done by one process" in (tmp_path / "said" / "0").read_text()


@SLOW
def test_torchrun_hands_a_signal_on_and_the_same_command_goes_on(caer, tmp_path):
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(RECIPE.format(root=caer).replace("micro", "tiny").replace("image_size: 32", "image_size: 48"))
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "main.py", "train", str(recipe),
               "--temporal-heads", "4", "--epochs", "20", "--force", "--output-dir", str(tmp_path / "run"), "--resume",
               "auto"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        for line in process.stderr:
            if "steps an epoch" in line:
                process.terminate()
    assert process.returncode != 0
    assert "--resume auto goes on" in (tmp_path / "run" / "train.log").read_text()
    done = last(tmp_path / "run")["/steps"]
    assert done < 100
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0
    log = (tmp_path / "run" / "train.log").read_text()
    assert f", step {done}\n" in log and log.count("report: ") == 1 and last(tmp_path / "run")["/steps"] == 100
