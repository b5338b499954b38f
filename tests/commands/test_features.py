"""--cache-features: features of a frozen tower in the place of frames."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from commands.build import build_trainer
from commands.features import with_features
from main import main
from utils.errors import UserError
from utils.interrupt import Interrupted
from utils.results import read_metrics

FROZEN = "--lr-image-encoder 0 --augment 0 --clip-model micro_bn "


@pytest.fixture
def trained(recipe, tmp_path):
    """Trains into a folder, and gives its scores."""
    def train(name: str, flags: str) -> dict:
        words = ["train", str(recipe), *FROZEN.split(), *flags.split(), "--output-dir", str(tmp_path / name), "--force"]
        assert main(words) == 0
        return read_metrics(tmp_path / name / "metrics.json")

    return train


def cached(trainer, folder: Path) -> dict:
    return with_features(trainer, folder / "run")


def test_features_are_those_of_the_frames(configure, tmp_path):
    trainer = build_trainer(configure(FROZEN + "--cache-features"), tmp_path)
    loaders = cached(trainer, tmp_path)
    model = trainer.model.eval()
    for split in ("train", "val"):
        for frames, features in zip(trainer.loaders[split].epoch(1), loaders[split].epoch(1), strict=True):
            assert (features.ids, features.notes) == (frames.ids, frames.notes)
            assert torch.equal(features.targets, frames.targets) and features.face.shape == (len(frames), 2, 32)
            with torch.no_grad():
                assert torch.allclose(features.face, model.video.see(frames.face), atol=1e-5)
                assert torch.allclose(features.context, model.video.see(frames.context), atol=1e-5)
                assert torch.allclose(model(features).logits, model(frames).logits, atol=1e-4)
    assert loaders["test"] is trainer.loaders["test"]  # not looked at before training is over


@pytest.mark.parametrize("flags", ["", *(pytest.param(flags, marks=pytest.mark.slow) for flags in (
    "--streams face", "--use-weighted-sampler --moco-keys video"))])
def test_a_training_on_features_comes_to_what_one_on_frames_does(trained, flags):
    """But for rounding; of images, where no frame is drawn, and without mixup, which blends what the network gets."""
    flags += " --mixup-alpha 0"
    whole, kept = trained("frames", flags), trained("features", flags + " --cache-features")
    for split in ("val", "test"):
        assert kept[split]["cross_entropy"] == pytest.approx(whole[split]["cross_entropy"], abs=1e-3)


def test_they_are_made_once_and_shared_by_runs(configure, tmp_path, monkeypatch):
    def made(flags: str = "") -> int:
        trainer, times = build_trainer(configure(FROZEN + "--cache-features " + flags), tmp_path), []
        trainer.model.video.visual.register_forward_hook(lambda *_: times.append(1))
        cached(trainer, tmp_path)
        return len(times)

    assert made() == 8  # 14 and 7 clips in batches of 3
    assert made() == made("--lr-adapter 0.01 --epochs 7 --temporal-layers 2") == 0
    assert made("--num-segments 3") == made("--clip-model micro") == 8
    assert made("--box-margin 0.3") == made("--seed 1") == 8
    assert len(list((tmp_path / "features").iterdir())) == 5


def test_a_clip_that_was_written_anew_is_looked_at_anew(configure, caer, tmp_path):
    root = shutil.copytree(caer, tmp_path / "data")
    config = configure(FROZEN + f"--cache-features --root-dir {root}")
    cached(build_trainer(config, tmp_path), tmp_path)
    image = root / "CAER" / "train" / "Sad" / "0000.png"
    image.write_bytes((root / "CAER" / "train" / "Fear" / "0001.png").read_bytes())
    loaders = cached(build_trainer(config, tmp_path), tmp_path)
    ids = loaders["train"].dataset.ids
    features = loaders["train"].dataset.features
    pair = [next(i for i, name in enumerate(ids) if name.endswith(end)) for end in ("Sad/0000.png", "Fear/0001.png")]
    assert np.array_equal(*features[pair]) and len(list((tmp_path / "features").iterdir())) == 2


def test_a_bad_clip_stays_bad(configure, caer, tmp_path):
    root = shutil.copytree(caer, tmp_path / "data")
    (root / "CAER" / "train" / "Sad" / "0001.png").write_bytes(b"")
    config = configure(FROZEN + f"--cache-features --root-dir {root} --max-bad-clips 0.2")
    for _ in range(2):
        batches = list(cached(build_trainer(config, tmp_path), tmp_path)["train"].epoch(0))
        assert [bad for batch in batches for bad in batch.bad] == [("CAER/train/Sad/0001.png", "the file is empty")]
        assert sum(map(len, batches)) == 13


def test_a_making_that_is_broken_off_leaves_nothing(configure, tmp_path):
    trainer = build_trainer(configure(FROZEN + "--cache-features"), tmp_path)
    whole, calls = trainer.model.video.see, []

    def breaks(frames):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(frames)

    trainer.model.video.see = breaks
    with pytest.raises(KeyboardInterrupt):
        cached(trainer, tmp_path)
    folder, = (tmp_path / "features").iterdir()
    assert [path.name for path in folder.iterdir()] == [".lock"]
    trainer.model.video.see = whole
    cached(trainer, tmp_path)
    told = json.loads((folder / "train.json").read_text())["clips"]
    assert len(told) == 14 and np.load(folder / "train.npy").any(axis=(1, 2, 3)).all()


def test_what_a_killed_process_has_left_is_taken_away(configure, tmp_path):
    trainer = build_trainer(configure(FROZEN + "--cache-features"), tmp_path)
    cached(trainer, tmp_path)
    folder, = (tmp_path / "features").iterdir()
    (folder / "tmpk1ll3d").mkdir()
    (folder / "tmpk1ll3d" / "npy").write_bytes(b"a part")
    cached(trainer, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "train.json", "train.npy", "val.json", "val.npy"]


def test_a_signal_ends_the_making(configure, tmp_path):
    trainer = build_trainer(configure(FROZEN + "--cache-features"), tmp_path)
    whole = trainer.model.video.see

    def interrupted(frames):
        os.kill(os.getpid(), signal.SIGTERM)
        return whole(frames)

    trainer.model.video.see = interrupted
    with trainer.interrupt, pytest.raises(Interrupted):
        cached(trainer, tmp_path)
    folder, = (tmp_path / "features").iterdir()
    assert [path.name for path in folder.iterdir()] == [".lock"]


@pytest.mark.parametrize("flags, said", [
    ("--cache-features --lr-image-encoder 0", "--augment 1"),
    ("--cache-features --augment 0", "--lr-image-encoder 0.001"),
    ("--cache-features --lr-image-encoder 0 --augment 0 --random-erasing 0.5", "--random-erasing 0.5"),
    (FROZEN + "--cache-features --mirror", "--no-mirror"),
])
def test_settings_under_which_views_differ(recipe, capsys, flags, said):
    assert main(["train", str(recipe), *flags.split()]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --cache-features") and said in error and error.count("\n") == 1


def test_a_folder_that_cannot_be_written(configure, tmp_path):
    (tmp_path / "features").write_text("a file")
    trainer = build_trainer(configure(FROZEN + "--cache-features"), tmp_path)
    with pytest.raises(UserError, match="features cannot be written: "):
        cached(trainer, tmp_path)


@pytest.mark.parametrize("damage", [
    lambda array, about: array.write_bytes(array.read_bytes()[:-500]),
    lambda array, about: array.write_bytes(array.read_bytes()[:-500] + bytes(500)),
    lambda array, about: array.unlink(),
    lambda array, about: about.write_text('[{"no'),
    lambda array, about: about.write_text("[]"),
    lambda array, about: about.write_text(json.dumps(json.loads(about.read_text()) | {"clips": []})),
], ids=["cut", "zeros", "gone", "no json", "another", "fewer"])
def test_damaged_features_are_refused(configure, tmp_path, damage):
    config = configure(FROZEN + "--cache-features")
    cached(build_trainer(config, tmp_path), tmp_path)
    folder, = (tmp_path / "features").iterdir()
    damage(folder / "val.npy", folder / "val.json")
    with pytest.raises(UserError, match=r"val\.npy: these features are damaged; delete .*, and they are made again$"):
        cached(build_trainer(config, tmp_path), tmp_path)


def test_frames_that_were_written_anew_in_their_folder_are_looked_at_anew(configure, caer, tmp_path):
    """The folder's own time does not change."""
    root = shutil.copytree(caer, tmp_path / "data")
    image = root / "CAER" / "train" / "Sad" / "0000.png"
    frame, other = image.read_bytes(), (root / "CAER" / "train" / "Fear" / "0001.png").read_bytes()
    image.unlink()
    (image.with_suffix("")).mkdir()
    file = image.with_suffix("") / "1.png"
    file.write_bytes(frame)
    config = configure(FROZEN + f"--cache-features --root-dir {root}")
    cached(build_trainer(config, tmp_path), tmp_path)
    file.write_bytes(other)
    cached(build_trainer(config, tmp_path), tmp_path)
    assert len(list((tmp_path / "features").iterdir())) == 2
