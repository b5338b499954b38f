"""Real trainings in which data is damaged, vanishes, or is not to be had, and loader processes die."""

import csv
import errno
import json
import os
import shutil
import signal
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from benchmarks.resources import descendants
from dataloaders.datasets import CAER
from tests import forked
from tests.dataloaders.footage import frame, write_image, write_video
from tests.over import assert_over
from utils import checkpoint

pytestmark = pytest.mark.slow

PATIENCE = 1500  # seconds, within which a process must have ended that would wait for ever


def train(recipe: Path, root: Path, folder: Path, *flags, hooks: tuple[forked.Hook, ...] = ()) -> BaseProcess:
    """By two loader processes."""
    return forked.begin(["train", recipe, "--root-dir", root, "--output-dir", folder, "--resume", "auto",
                         "--num-workers", 2, *flags], folder.with_name("said"), *hooks)


def ended(process: BaseProcess, folder: Path) -> tuple[int, list[str]]:
    """Its status, and the lines that it has said."""
    in_time = forked.ended(process, PATIENCE)
    said = folder.with_name("said").read_text().replace("\r", "\n").splitlines()
    assert in_time and not any("Traceback" in line for line in said), said[-50:]
    return process.exitcode, said


# ---------------------------------------------------------------- damaged clips

DAMAGE = {
    "cut": (lambda whole: whole[:300], "not a video, or no frame can be decoded"),
    "zeros": (lambda whole: bytes(len(whole)), "not a video, or no frame can be decoded"),
    "other": (lambda whole: b"PK\x03\x04" + b"a table, not a video" * 99, "not a video, or no frame can be decoded"),
    "empty": (lambda whole: b"", "the file is empty"),
}
SIZES = {"train": 400, "validation": 100, "test": 100}
DAMAGED = {"train": list(DAMAGE), "validation": ["zeros"], "test": ["empty"]}  # 1 % of each
LOOSE = ("--batch-size", 20, "--force")  # the check would take the same films under many names for a leak


def place(split: str, number: int) -> str:
    return f"CAER/{split}/{CAER[number % len(CAER)]}/{number:04}.avi"


@pytest.fixture(scope="module")
def damaged(tmp_path_factory) -> tuple[Path, dict[str, dict[str, str]]]:
    """A root, and why which clips of each split cannot be read."""
    root, bad = tmp_path_factory.mktemp("damaged"), {}
    films = [write_video(root / "films" / f"{number}.avi", 5 + number) for number in range(11)]
    for split, size in SIZES.items():
        for number in range(size):
            path = root / place(split, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(films[number % len(films)], path)
        bad[split] = {}
        for number, kind in enumerate(DAMAGED[split]):
            path, (spoil, reason) = root / place(split, 17 * number + 5), DAMAGE[kind]
            path.write_bytes(spoil(path.read_bytes()))
            bad[split][place(split, 17 * number + 5)] = reason
    return root, bad


def test_one_percent_of_damaged_clips(recipe, damaged, tmp_path):
    root, bad = damaged
    folder = tmp_path / "run"
    status, said = ended(train(recipe, root, folder, *LOOSE, "--max-bad-clips", 0.01), folder)
    assert status == 0, said[-20:]
    log = [line.split(" ", 3)[-1] for line in (folder / "train.log").read_text().splitlines()]
    for name, split in {"train": "train", "val": "validation", "test": "test"}.items():
        left_out = {f"{name}: left out {clip}: {reason}" for clip, reason in bad[split].items()}
        assert {line for line in log if line.startswith(f"{name}: left out ")} == left_out
        good = SIZES[split] - len(bad[split])
        assert [line for line in log if line.startswith(f"{name}: {good} clips (") and
                line.endswith(f", {len(bad[split])} left out")]
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {name: (scores["clips"], scores["left_out"]) for name, scores in metrics.items()} == {
        "val": (99, bad["validation"]), "test": (99, bad["test"])}
    with (folder / "predictions.csv").open() as file:
        clips = [row["clip"] for row in csv.DictReader(file)]
    assert len(clips) == 198 and not set(clips) & {clip for of_split in bad.values() for clip in of_split}
    assert len((folder / "history.csv").read_text().splitlines()) == 3
    report = (folder / "report.html").read_text()
    assert all(clip in report for of_split in bad.values() for clip in of_split)


def test_one_more_than_is_allowed(recipe, damaged, tmp_path):
    """In the first epoch, as soon as it is met."""
    folder = tmp_path / "run"
    status, said = ended(train(recipe, damaged[0], folder, *LOOSE, "--max-bad-clips", 0.0099), folder)
    assert status == 2 and said[-1].startswith(
        "error: train: 4 of 400 samples cannot be read, over --max-bad-clips 0.0099; e.g. CAER/train/")
    assert not (folder / "checkpoints").exists()


# ---------------------------------------------------------------- clips that are there at first

FOLDER = "CAER/train/Happy/0009"  # of frames; the 15th clip: five steps an epoch, as of 14


@pytest.fixture
def root(caer, tmp_path) -> Path:
    root = shutil.copytree(caer, tmp_path / "data")
    for number in range(3):
        write_image(root / FOLDER / f"{number}.jpg", frame(number))
    return root


def test_a_clip_that_vanishes_is_counted_from_then_on(recipe, root, tmp_path):
    folder, clip = tmp_path / "run", "CAER/train/Sad/0001.png"
    gone = partial(forked.at_step, folder, 5, partial(os.remove, root / clip))  # the last of the first epoch
    status, said = ended(train(recipe, root, folder, "--epochs", 3, "--max-bad-clips", 0.1, hooks=(gone,)), folder)
    assert status == 0
    log = [line.split(" ", 3)[-1] for line in (folder / "train.log").read_text().splitlines()]
    notes = " (context: whole frame 100.0%, face: centre crop 100.0%)"
    left_out = f"train: left out {clip}: no such file"
    assert [line for line in log if line.startswith("train: ")] == [
        f"train: 15 clips{notes}, 0 left out", left_out, f"train: 14 clips{notes}, 1 left out", left_out]
    report = (folder / "report.html").read_text()
    assert clip in report and "no such file" in report


@pytest.fixture
def pipe(root, tmp_path) -> tuple[Path, partial]:
    """A pipe, of which nothing comes, and what puts it in the place of the folder's frames."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    return pipe, partial(put_in_place, pipe, root / FOLDER)


def put_in_place(pipe: Path, folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
        path.symlink_to(pipe)


def opened(pipe: Path, process: BaseProcess) -> tuple[int, int]:
    """The number of the process that has begun to read the pipe, and the pipe's other end."""
    while True:
        assert not wait([process.sentinel], 0.1)
        try:
            end = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError as error:
            assert error.errno == errno.ENXIO  # nobody reads
    while not (readers := [child for child in descendants(process.pid) if is_reading(child, pipe)]):
        assert not wait([process.sentinel], 0.1)
    return readers[0], end


def is_reading(process: int, path: Path) -> bool:
    try:
        return any(file.resolve() == path.resolve() for file in Path(f"/proc/{process}/fd").iterdir())
    except OSError:  # it is gone
        return False


def test_a_reader_that_hangs_in_the_main_process(recipe, root, pipe, tmp_path):
    folder, (pipe, put) = tmp_path / "run", pipe
    process = train(recipe, root, folder, "--num-workers", 0, "--reader-timeout", 15,
                    hooks=(partial(forked.at_step, folder, 5, put),))
    status, said = ended(process, folder)
    assert status == 2 and said[-1] == f"error: reading took over 15 s (--reader-timeout): {FOLDER}"
    assert checkpoint.load_last(folder / "checkpoints")["steps"] == 5


@pytest.mark.parametrize("cause", ["hangs", "is killed"])
def test_a_clip_that_takes_two_loader_processes_along_is_left_out(recipe, root, pipe, tmp_path, cause):
    """From the second epoch on; the others' are counted as ever."""
    folder, (pipe, put) = tmp_path / "run", pipe
    process = train(recipe, root, folder, "--epochs", 3, "--max-bad-clips", 0.1, "--reader-timeout",
                    15 if cause == "hangs" else 0, hooks=(partial(forked.at_step, folder, 5, put),))
    reader, other_end = opened(pipe, process)
    everyone = descendants(process.pid)
    assert len(everyone) >= 2 and reader in everyone
    if cause == "is killed":
        os.kill(reader, signal.SIGKILL)
        assert_over([reader])
        another, end = opened(pipe, process)
        os.kill(another, signal.SIGKILL)
        os.close(end)
    status, said = ended(process, folder)
    os.close(other_end)
    assert status == 0, said[-20:]
    assert_over(everyone)
    how, why = {"hangs": (f"reading took over 15 s (--reader-timeout): {FOLDER}",
                          "reading took over 15 s (--reader-timeout)"),
                "is killed": (f"a loader process died while reading {FOLDER}: DataLoader worker ",
                              "a loader process died while reading it")}[cause]
    log = [line.split(" ", 3)[-1] for line in (folder / "train.log").read_text().splitlines()]
    lost = [line for line in log if line.endswith("; another process reads on")]
    assert len(lost) == 2 and all(line.startswith(how) for line in lost)
    notes, left_out = " (context: whole frame 100.0%, face: centre crop 100.0%)", f"train: left out {FOLDER}: {why}"
    told = [line for line in log if line.startswith("train: ")]
    assert told == [f"train: 15 clips{notes}, 0 left out", left_out, f"train: 14 clips{notes}, 1 left out", left_out]
    assert checkpoint.load_last(folder / "checkpoints")["steps"] == 15
