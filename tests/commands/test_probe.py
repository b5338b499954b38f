"""`main.py eval RUN --probe KIND`, and what stands behind it."""

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from commands import probe as probe_module
from commands.build import build_trainer
from commands.evaluate import PROBES
from commands.probe import Pixels, SideBySide, probe, probe_table
from main import main
from models import save_run_model
from tests import small_reviews
from utils.config import SimclrConfig, SimclrDataConfig, SimclrTrainConfig, TextConfig
from utils.errors import UserError
from utils.recipe import save_config
from utils.structures import Batch, Labels, Output

CLASSES = ["calm", "glad", "sad"]


def frames(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, np.uint8))


def batch_of(face: torch.Tensor) -> Batch:
    return Batch(torch.zeros(len(face), dtype=torch.int64), ["clip"] * len(face), face)


# ---------------------------------------------------------------- features

def test_pixels_are_the_means_of_squares_over_the_clip():
    face = frames(2, 3, 3, 32, 32)
    found = Pixels()(batch_of(face)).embedding
    assert found.shape == (2, 3 * 16 * 16)
    for clip, channel, y, x in ((0, 0, 0, 0), (0, 2, 15, 3), (1, 1, 7, 15)):
        square = face[clip, :, channel, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].double()
        expected = float(square.mean()) / 255 - 0.5
        assert float(found[clip, (channel * 16 + y) * 16 + x]) == pytest.approx(expected, abs=1e-5)


class Scaled(nn.Module):
    """The first `width` pixels, times a factor."""

    def __init__(self, width: int, factor: float):
        super().__init__()
        self.width, self.factor = width, factor

    def forward(self, batch: Batch) -> Output:
        return Output(embedding=batch.face.flatten(1)[:, : self.width].bfloat16() * self.factor)


def test_networks_side_by_side_have_unit_features_that_part_again():
    batch = batch_of(frames(5, 1, 3, 4, 4).clamp(min=1))
    both = SideBySide({"one": Scaled(3, 7.0), "other": Scaled(5, 0.25)})
    found = both(batch).embedding
    parts = both.parted(found)
    assert found.shape == (5, 8) and found.dtype == torch.float32 and list(parts) == ["one", "other"]
    for name, width in (("one", 3), ("other", 5)):
        plain = batch.face.flatten(1)[:, :width].bfloat16().float()
        assert torch.allclose(parts[name], plain / plain.norm(dim=1, keepdim=True), atol=1e-2)
        assert torch.allclose(parts[name].norm(dim=1), torch.ones(5), atol=1e-5)


# ---------------------------------------------------------------- rows, on a made-up run

class Clips:
    """A loader of clips whose frames hold their class and their number."""

    unit = "clips"

    def __init__(self, split: str, size: int):
        self.split, self.size = split, size

    def epoch(self, epoch: int):
        for start in range(0, self.size, 7):
            number = torch.arange(start, min(start + 7, self.size))
            face = torch.stack([number % 3, number], dim=1)[:, None, :, None, None].expand(-1, 1, -1, 16, 16)
            face = torch.cat([face, torch.zeros_like(face[:, :, :1])], dim=2).to(torch.uint8)
            yield Batch(number % 3, [f"{self.split} {i}" for i in number.tolist()], face)


class Tells(nn.Module):
    """The features of a clip are its class (channel 0), or its number (channel 1), one of many directions."""

    def __init__(self, channel: int):
        super().__init__()
        self.channel = channel

    def forward(self, batch: Batch) -> Output:
        return Output(embedding=torch.eye(80)[batch.face[:, 0, self.channel, 0, 0].long()])


@pytest.fixture
def made_up(monkeypatch):
    """probe() on 60 training clips and 24 of test, of three classes; before training features tell nothing."""
    asked = []

    def loaders(config, run_dir, labels):
        asked.append(config.data.label_fraction)
        return {"train": Clips("train", 60), "test": Clips("test", 24)}, labels

    monkeypatch.setattr(probe_module, "build_loaders", loaders)
    monkeypatch.setattr(probe_module, "build_model", lambda config, labels: Tells(1))

    def run(kind: str = "knn", fraction: float = 1.0, split: str = "test") -> list[dict]:
        config = SimclrConfig(data=SimclrDataConfig(label_fraction=fraction),
                              train=SimclrTrainConfig(device="cpu", use_amp=False))
        rows = probe(config, Path("RUN"), Tells(0), Labels(CLASSES), split, kind)
        assert asked == [1.0]  # all labels, of which shares are then drawn
        return rows

    return run


def test_a_row_for_each_share_and_kind_of_features(made_up):
    rows = made_up()
    assert [(row["fraction"], row["labels"], row["features"]) for row in rows] == [
        (fraction, labels, features) for fraction, labels in ((0.01, 3), (0.1, 6), (1.0, 60))
        for features in ("this run", "before training", "pixels")]
    assert all(len(row["war"]) == len(row["uar"]) == (1 if row["fraction"] == 1 else 3) for row in rows)


def test_a_probe_that_learns_from_what_it_is_scored_on_says_so(made_up, monkeypatch, caplog):
    made_up()
    assert not caplog.records
    same = {"train": Clips("clip", 60), "test": Clips("clip", 24)}
    probe(SimclrConfig(train=SimclrTrainConfig(device="cpu")), Path("RUN"), Tells(0), Labels(CLASSES), "test", "knn",
          same)
    assert "the probe learns from 24 of the clips that it is scored on, e.g. clip 0" in caplog.text


@pytest.mark.parametrize("kind", ["knn", "linear"])
def test_what_can_be_told_apart_scores_1_and_what_says_nothing_chance(made_up, kind):
    rows = made_up(kind, fraction=0.1)
    scores = {row["features"]: row for row in rows}
    assert scores["this run"]["uar"] == scores["this run"]["war"] == [1.0] * 3
    assert all(value == pytest.approx(1 / 3, abs=0.25) for value in scores["before training"]["uar"])
    assert [row["labels"] for row in rows] == [6] * 3


def test_kinds_of_features_see_the_same_labelled_clips(made_up, monkeypatch):
    seen = []

    def note(known, targets, asked, classes):
        seen.append((known.argmax(dim=1), targets, len(asked)))
        return torch.ones(len(asked), classes) / classes

    monkeypatch.setitem(probe_module.PROBES, "knn", note)
    made_up(fraction=0.5)
    assert len(seen) == 9 and all(number == 24 for *_, number in seen)
    draws = []
    for draw in range(3):
        (classes, targets, _), (numbers, same, _), (_, also, _) = (seen[3 * kind + draw] for kind in range(3))
        assert torch.equal(classes, targets) and torch.equal(targets, same) and torch.equal(same, also)
        assert torch.equal(numbers % 3, targets) and len(set(numbers.tolist())) == 30
        assert Counter(targets.tolist()) == {0: 10, 1: 10, 2: 10}
        draws.append(tuple(numbers.tolist()))
    assert len(set(draws)) == 3


def test_what_cannot_be_probed(made_up, tmp_path):
    with pytest.raises(UserError, match="^--probe: its classifier is fitted on the training split"):
        made_up(split="train")
    with pytest.raises(UserError, match="^RUN: its recipe has no val split$"):
        made_up(split="val")
    with pytest.raises(UserError, match="^RUN: --probe takes the run of a network that sees clips$"):
        probe(TextConfig(), Path("RUN"), Tells(0), Labels(CLASSES), "test", "knn")


def test_the_table():
    rows = [{"fraction": 0.0005, "labels": 7, "features": "this run", "war": [0.5, 0.6, 0.7], "uar": [0.25] * 3},
            {"fraction": 0.1, "labels": 70, "features": "before training", "war": [0.1] * 3, "uar": [0.1, 0.2, 0.3]},
            {"fraction": 1.0, "labels": 700, "features": "pixels", "war": [0.5], "uar": [1.0]}]
    assert probe_table(rows, "knn", "val").splitlines() == [
        "knn probe on val, mean ± s.d. of 3 draws of the labelled clips",
        "labels          features          WAR             UAR",
        "0.05 % (7)      this run          0.600 ± 0.100   0.250 ± 0.000",
        "10 % (70)       before training   0.100 ± 0.000   0.200 ± 0.100",
        "100 % (700)     pixels            0.500           1.000"]


# ---------------------------------------------------------------- the command line

@pytest.fixture
def run(simclr_run, tmp_path) -> Path:
    return shutil.copytree(simclr_run, tmp_path / "run")


def metrics_of(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def test_a_probe_stands_beside_what_there_was(run, capsys):
    before = metrics_of(run)
    assert main(["eval", str(run), "--probe", "knn"]) == 0
    after = metrics_of(run)
    knn = after["test"]["probes"].pop("knn")
    assert after == before and list(before["test"]["probes"]) == ["linear"]
    assert probe_table(knn, "knn", "test") + "\n" == capsys.readouterr().out
    assert [row["labels"] for row in knn] == [7] * 6 + [14] * 3
    assert main(["eval", str(run)]) == 0
    assert metrics_of(run)["test"]["probes"] == before["test"]["probes"] | {"knn": knn}
    assert main(["eval", str(run), "--probe", "linear"]) == 0  # the same as at the end of training
    assert metrics_of(run)["test"]["probes"] == before["test"]["probes"] | {"knn": knn}


def test_a_probe_of_validation_without_scores_to_stand_by(run):
    (run / "metrics.json").unlink()
    assert main(["eval", str(run), "--probe", "linear", "--split", "val"]) == 0
    assert [*metrics_of(run)] == ["val"] and [*metrics_of(run)["val"]] == ["probes"]


@pytest.mark.parametrize("flags", ["--label-fraction 0.5", "--missing-box full"])
def test_a_probe_of_other_settings_is_not_written(run, capsys, flags):
    before = (run / "metrics.json").read_text()
    assert main(["eval", str(run), "--probe", "knn", *flags.split()]) == 0
    said = capsys.readouterr().out
    assert said.endswith(f"not written to metrics.json: {flags.split()[0]} differ from the run's own\n")
    assert ("50 % (7)" in said) == ("fraction" in flags) and (run / "metrics.json").read_text() == before


@pytest.mark.parametrize("flags, said", [
    ("--probe bogus", "error: eval: argument --probe: invalid choice: 'bogus'"),
    ("--probe knn --label-fraction 0", "--label-fraction 0.0: must be in (0, 1]"),
    ("--probe knn --head-width 7", "error: eval --head-width: the run was trained with 16"),
])
def test_a_mistake_is_one_line_and_status_2(simclr_run, capsys, flags, said):
    assert main(["eval", str(simclr_run), *flags.split()]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert said in errors[-1] and errors[-1].startswith("error: ")


def test_a_split_that_is_not_there(run, caer, tmp_path, capsys):
    root = shutil.copytree(caer, tmp_path / "data")
    shutil.rmtree(root / "CAER" / "test")
    assert main(["eval", str(run), "--probe", "knn", "--root-dir", str(root)]) == 2
    assert f"error: {run}: its recipe has no test split\n" in capsys.readouterr().err


def test_a_run_of_reviews_has_no_probe(tmp_path, capsys):
    config, folder = small_reviews.configure(tmp_path), tmp_path / "run"
    trainer = build_trainer(config, folder)
    folder.mkdir(exist_ok=True)
    save_config(config, folder / "config.yaml")
    save_run_model(trainer.model, trainer.task.labels, folder)
    capsys.readouterr()
    assert main(["eval", str(folder), "--probe", "linear"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"error: {folder}: --probe takes the run of a network that sees clips")


def test_a_recognisers_features_are_probed_too(recipe, tmp_path, capsys):
    """A learning rate of almost nothing: its features are what they were before training."""
    folder = tmp_path / "run"
    rates = ["--lr", "1e-12", "--lr-image-encoder", "1e-12", "--lr-adapter", "1e-12", "--lr-prompt-learner", "1e-12"]
    assert main(["train", str(recipe), "--output-dir", str(folder), "--epochs", "1", *rates]) == 0
    before = metrics_of(folder)
    assert "probes" not in before["test"]
    for kind in ("linear", "knn"):
        assert main(["eval", str(folder), "--probe", kind]) == 0
    after = metrics_of(folder)
    probes = after["test"].pop("probes")
    assert after == before and [*probes] == ["linear", "knn"]
    for rows in probes.values():
        this, earlier, pixels = (row["uar"] for row in rows[-3:])
        assert this == earlier and len(pixels) == 1


def test_the_kinds_that_eval_takes_are_all_there_are():
    assert PROBES == tuple(probe_module.PROBES)
