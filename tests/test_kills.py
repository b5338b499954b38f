"""Real trainings that are killed, or cannot write, at any moment and at chosen ones; all of them go on."""

import csv
import math
import os
import random
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests import forked
from tests.over import assert_over
from tests.test_trainer import leaves, same
from utils import checkpoint

pytestmark = pytest.mark.slow

EVERY, KILLS = 2, 30
FREE = ("/output_dir", "/resume", "/num_workers", "/seconds")
FLAGS = ("--clip-model", "micro_bn", "--moco-k", "16", "--mixup-alpha", "0.4", "--ldl-warmup", "1",
         "--milestones", "99", "--save-every", EVERY)


def words(recipe: Path, folder: Path, epochs: int) -> list[str]:
    return ["train", recipe, *FLAGS, "--epochs", epochs, "--output-dir", folder, "--resume", "auto"]


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    """The folder of an unbroken run by its number of epochs, and the seconds of the processor's time that it took."""
    made = {}

    def whole(epochs: int) -> tuple[Path, float]:
        if epochs not in made:
            folder = tmp_path_factory.mktemp("whole") / "run"
            took = folder.with_name("took")
            assert forked.run(words(recipe, folder, epochs), folder.with_name("said"),
                              partial(forked.tell_time, took)) == 0
            made[epochs] = folder, float(took.read_text())
        return made[epochs]

    return whole


def assert_equal(one: Path, other: Path) -> None:
    """The checkpoints whole, and the results, byte for byte."""
    first, second = (leaves(checkpoint.load(run / "checkpoints" / "last.pt")) for run in (one, other))
    assert first.keys() == second.keys()
    assert [place for place in first if not same(first[place], second[place]) and not place.endswith(FREE)] == []
    for name in ("metrics.json", "predictions.csv", "model.safetensors", "check.json", "health.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    first, second = ([row | {"seconds": ""} for row in csv.DictReader((run / "history.csv").open())]
                     for run in (one, other))
    assert first == second
    assert not list(other.rglob("*.tmp"))


def steps_known(path: Path) -> int:
    """The most that were done."""
    return max(map(int, path.read_text().split()), default=0) if path.exists() else 0


def step_kept(folder: Path) -> int:
    """Of the checkpoint that would be gone on from."""
    kept = folder / "checkpoints"
    return checkpoint.load_last(kept, ours=False)["steps"] if checkpoint.has_last(kept) else 0


def test_killed_at_random_moments(recipe, whole, tmp_path):
    """Most of them before its end; when a run comes to it, another begins."""
    seed, epochs, kills, runs = random.SystemRandom().randrange(2**32), 16, 0, 0
    chance, (unbroken, seconds) = random.Random(seed), whole(epochs)
    told, ended = [], False
    while kills < KILLS or not ended:
        folder, steps = tmp_path / f"run{runs}", tmp_path / f"steps{runs}"
        process = forked.begin([*words(recipe, folder, epochs), "--num-workers", chance.randrange(2)],
                               tmp_path / f"said{runs}", partial(forked.tell_steps, steps, folder))
        delay = chance.uniform(0, seconds / 2) if kills < KILLS else math.inf
        below = forked.killed_after(process, delay)
        ended = below is None
        assert_over(below or ())
        known, kept = steps_known(steps), step_kept(folder)
        told.append((delay, known, kept))
        assert known - EVERY <= kept <= known + 1, (seed, told)
        if ended:
            assert process.exitcode == 0, (seed, told, (tmp_path / f"said{runs}").read_text()[-2000:])
            assert_equal(unbroken, folder)
            shutil.rmtree(folder)
        kills, runs = kills + (not ended), runs + ended
    print(f"seed {seed}: {kills} kills, {runs} runs; delay, steps done, steps kept: {told}")
    assert kills == KILLS and any(0 < kept for _, _, kept in told)


def test_killed_while_it_writes(recipe, whole, tmp_path):
    """Each attempt is killed some calls later than the one before, until one comes to the run's end."""
    folder, steps, status, attempts = tmp_path / "run", tmp_path / "steps", None, 0
    while status != 0:
        attempts += 1
        status = forked.run(words(recipe, folder, 2), tmp_path / "said", partial(forked.tell_steps, steps, folder),
                            partial(forked.die_while_writing, 5 * attempts))
        known, kept = steps_known(steps), step_kept(folder)
        assert status in (0, -9), (tmp_path / "said").read_text()[-2000:]
        assert known - EVERY <= kept <= known + 1, (attempts, known, kept)
    assert attempts > 6
    assert_equal(whole(2)[0], folder)


# ---------------------------------------------------------------- disks

@pytest.fixture
def disk(tmp_path):
    """A file system of its own, by its options; called again, it has other ones."""
    place, mounted = tmp_path / "disk", []
    place.mkdir()

    def mount(options: str) -> Path:
        options = f"remount,{options}" if mounted else options
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        mounted.append(place)
        return place

    try:
        yield mount
    finally:
        if mounted:
            subprocess.run(["umount", "-l", place], check=True)


def assert_stopped(command: list[str], said: Path, error: str, *hooks: forked.Hook) -> None:
    """With status 2 and one line."""
    assert forked.run(command, said, *hooks) == 2
    text = said.read_text()
    assert "Traceback" not in text and text.count("error: ") == 1
    assert text.splitlines()[-1].startswith(f"error: {error}")
    said.unlink()


def assert_goes_on(recipe: Path, whole, folder: Path, step: int) -> None:
    """From this step, and as if nothing had been."""
    assert step_kept(folder) == step and not list(folder.rglob("*.tmp"))
    said = folder.parent.with_name("said")
    assert forked.run(words(recipe, folder, 2), said) == 0, said.read_text()[-2000:]
    assert f"resumed {folder} after epoch {step // 5}, step {step}" in said.read_text()
    assert_equal(whole(2)[0], folder)


def test_a_disk_with_room_for_one_checkpoint_only(recipe, whole, disk, tmp_path):
    largest = max(path.stat().st_size for path in (whole(2)[0] / "checkpoints").glob("*.pt"))
    folder = disk(f"size={3 * largest // 2}") / "run"
    assert_stopped(words(recipe, folder, 2), tmp_path / "said",
                   f"{folder}/checkpoints/last.pt: cannot be written: No space left on device")
    assert os.listdir(folder / "checkpoints") == ["last.pt"]
    disk("size=100m")
    assert_goes_on(recipe, whole, folder, 2)


@pytest.mark.parametrize("step, kept", [(3, 2), (5, 4)])
def test_a_disk_that_another_program_fills(recipe, whole, disk, tmp_path, step, kept):
    place = disk("size=100m")
    folder, other = place / "run", place / "other"
    assert_stopped(words(recipe, folder, 2), tmp_path / "said", f"{folder}/", partial(
        forked.at_step, folder, step, partial(forked.fill, other)))
    assert_stopped(words(recipe, folder, 2), tmp_path / "said", f"{folder}/")  # still as full
    other.unlink()
    assert_goes_on(recipe, whole, folder, kept)


def test_a_disk_that_can_only_be_read(recipe, whole, disk, tmp_path):
    folder = disk("size=100m") / "run"
    assert_stopped(words(recipe, folder, 2), tmp_path / "said", "no more", partial(
        forked.at_step, folder, 7, partial(forked.give_up, "no more")))
    disk("ro,size=100m")
    assert_stopped(words(recipe, folder, 2), tmp_path / "said",
                   f"{folder}/train.log: cannot be written: Read-only file system")
    assert_stopped(words(recipe, folder.with_name("new"), 2), tmp_path / "said",
                   f"--output-dir {folder.parent}/new: cannot be made: Read-only file system")
    disk("rw,size=100m")
    assert_goes_on(recipe, whole, folder, 6)


def test_a_disk_with_no_room_for_features(recipe, disk, tmp_path):
    """Their file has holes at first; one that is filled when no room is left would kill the process."""
    (tmp_path / "features").symlink_to(disk("size=12k"))  # for the first and the last of its seven pages
    assert_stopped([*words(recipe, tmp_path / "run", 2), "--cache-features", "--lr-image-encoder", 0, "--augment", 0,
                    "--num-segments", 8], tmp_path / "said", f"{tmp_path}/features/")
    assert not list((tmp_path / "features").rglob("npy"))


def test_a_folder_that_may_not_be_written_to_any_more(recipe, whole, tmp_path):
    folder = tmp_path / "disk" / "run"
    kept = folder / "checkpoints"
    assert_stopped(words(recipe, folder, 2), tmp_path / "said",
                   f"{kept}/last.pt: cannot be written: Permission denied", forked.obey_permissions,
                   partial(forked.at_step, folder, 3, partial(os.chmod, kept, 0o500)))
    folder.chmod(0)
    assert_stopped(words(recipe, folder, 2), tmp_path / "said",
                   f"--output-dir {folder}: cannot be made: Permission denied", forked.obey_permissions)
    for place in (folder, kept):
        place.chmod(0o700)
    assert_goes_on(recipe, whole, folder, 2)
