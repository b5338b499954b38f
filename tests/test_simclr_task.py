"""SimCLR through the same trainer and command line as the other tasks, and from its encoder to a recogniser's."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from commands.build import build_trainer
from main import main
from models import save_run_model
from tests import small_reviews
from tests.small_simclr import configure as simclr_configure
from tests.small_simclr import train
from tests.test_trainer import differences
from utils import checkpoint

ROOT = Path(__file__).parent.parent
EVERYTHING = "--ema 0.9 --chunk-size 2 --num-segments 1 --epochs 3 "
MOCO = "--ssl moco --moco-k 16 --moco-m 0.9 "


def same_weights(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


# ---------------------------------------------------------------- training

@pytest.mark.parametrize("flags, stops", [
    ("--accumulate 2", (1, 3, 4)), (f"{MOCO} --chunk-size 0", (1, 6)),
    *(pytest.param(*rest, marks=pytest.mark.slow) for rest in (
        ("--clip-model micro_bn --streams face", (5,)), (f"{MOCO} --clip-model micro_bn --accumulate 2", (2, 5)))),
])
def test_a_resumed_run_equals_an_unbroken_one(simclr_recipe, tmp_path, flags, stops):
    flags = EVERYTHING + flags
    whole = train(simclr_recipe, tmp_path / "whole", flags)
    broken = train(simclr_recipe, tmp_path / "broken", f"{flags} --num-workers 2", stops)
    assert whole.steps == (6 if "accumulate" in flags else 12) and len(whole.history) == 3
    if "moco" in flags:
        assert int(whole.objective.terms["moco"].loss.count) == 16  # the queue is full
    assert differences(whole, broken) == []


def draw_gratings(folder: Path) -> Path:
    """Twelve pictures of stripes, each in a direction of its own: no view's colours tell which it is of."""
    folder.mkdir()
    y, x = np.mgrid[:40, :40]
    for number in range(12):
        angle = np.pi * number / 12
        stripes = np.sin(0.8 * (x * np.cos(angle) + y * np.sin(angle))) > 0
        cv2.imwrite(str(folder / f"{number:02}.png"), (stripes[..., None] * [200, 120, 160]).astype(np.uint8))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("flags, reached", [
    ("--temperature 0.1 --epochs 100", 0.7), (f"{MOCO} --moco-k 24 --epochs 140", 0.45)])
def test_training_finds_the_views_of_a_clip(simclr_recipe, tmp_path, flags, reached):
    flags += (f" --unlabelled {draw_gratings(tmp_path / 'stripes')} --num-segments 1 --batch-size 12"
              " --dropout 0 --crop-scale 0.5 --flip 0 --grey 0 --blur 0")
    history = train(simclr_recipe, tmp_path / "run", flags).history
    start, end = ([row["accuracy"] for row in rows] for rows in (history[:5], history[-10:]))
    assert sum(start) / 5 < 0.25 and sum(end) / 10 > reached  # chance is 1/23
    assert history[-1]["alignment"] < 0.6 * history[0]["alignment"]


def lists(root: Path, folder: Path, mixed: bool) -> str:
    """Flags naming lists of the `caer` fixture's clips; if mixed, no two training clips of a class keep one label."""
    flags = []
    for split, name in (("train", "train"), ("val", "validation"), ("test", "test")):
        paths = sorted((root / "CAER" / name).glob("*/*"))
        labels = [number * 7 // len(paths) for number in range(len(paths))]
        if mixed and split == "train":
            labels = [number % 7 for number in range(len(paths))]
        path = folder / f"{split}{mixed}.txt"
        path.write_text("".join(f"{clip.relative_to(root)} 1 {label}\n" for clip, label in zip(paths, labels)))
        flags.append(f"--{split}-annotation {path}")
    return " ".join(flags)


@pytest.mark.parametrize("flags", ["", MOCO])
def test_no_label_is_learned_from(simclr_recipe, caer, tmp_path, flags):
    one, other = (train(simclr_recipe, tmp_path / str(mixed), f"{flags} {lists(caer, tmp_path, mixed)}")
                  for mixed in (False, True))
    assert same_weights(one.model.state_dict(), other.model.state_dict())
    assert [row["loss"] for row in one.history] == [row["loss"] for row in other.history]


@pytest.mark.parametrize("flags", ["", MOCO])
def test_other_class_folders_change_no_weight(simclr_recipe, caer, tmp_path, flags):
    """The clips' order is that of their folders: it stays, while nearly all are in the folder of another class."""
    root = shutil.copytree(caer, tmp_path / "data")
    folder = root / "CAER" / "train"
    paths, names = sorted(folder.glob("*/*")), sorted(place.name for place in folder.iterdir())
    one = train(simclr_recipe, tmp_path / "as they are", f"{flags} --root-dir {root}")
    for number, path in enumerate(paths):
        path.rename(folder / f"{number:02}.png")
    for number in range(14):  # eight in the first folder, one in each other
        (folder / f"{number:02}.png").rename(folder / names[max(0, number - 7)] / f"{number:02}.png")
    other = train(simclr_recipe, tmp_path / "moved", f"{flags} --root-dir {root}")
    assert same_weights(one.model.state_dict(), other.model.state_dict())


@pytest.mark.parametrize("flags", ["", MOCO])
def test_a_last_batch_of_one_clip(simclr_recipe, tmp_path, flags):
    """14 clips in batches of 13."""
    trainer = train(simclr_recipe, tmp_path, f"{flags} --batch-size 13 --epochs 1")
    assert trainer.steps == 2


# ---------------------------------------------------------------- a whole run

def test_the_run_folder_holds_what_is_promised(simclr_run):
    files = [path.relative_to(simclr_run) for path in simclr_run.rglob("*") if path.is_file()]
    assert sorted(path.as_posix() for path in files if path.parent.name != "tensorboard") == [
        ".lock", "check.json", "checkpoints/best.pt", "checkpoints/last.pt", "checkpoints/previous.pt", "config.yaml",
        "health.json", "history.csv", "metrics.json", "model.safetensors", "predictions.csv", "provenance.json",
        "report.html", "train.log"]
    metrics = json.loads((simclr_run / "metrics.json").read_text())
    assert {split: scores["clips"] for split, scores in metrics.items()} == {"val": 7, "test": 7}
    assert "probes" not in metrics["val"] and list(metrics["test"]["probes"]) == ["linear"]
    assert {"feature_spread", "effective_rank", "war", "uar"} <= metrics["val"].keys()
    with (simclr_run / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["split"] for row in rows] == ["val"] * 7 + ["test"] * 7
    of_test = [row["true"] == row["predicted"] for row in rows[7:]]
    assert sum(of_test) / 7 == pytest.approx(metrics["test"]["war"])
    settings = yaml.safe_load((simclr_run / "config.yaml").read_text())
    assert settings["temperature"] == 0.5 and not {"moco_k", "moco_m", "moco_t"} & settings.keys()
    assert "linear probe on test" in (simclr_run / "train.log").read_text()
    assert "Few labels: linear probe" in (simclr_run / "report.html").read_text()


def test_history_tells_of_views_and_of_features(simclr_run):
    with (simclr_run / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 and {"loss_ntxent", "val_war"} <= rows[0].keys()
    for row in rows:
        assert 0 <= float(row["accuracy"]) <= 1 and 0 <= float(row["alignment"]) <= 4
        assert -8 <= float(row["uniformity"]) <= 0
        assert 0 <= float(row["val_uar"]) <= 1 and 0 < float(row["val_feature_spread"]) <= 1.001
        assert 1 <= float(row["val_effective_rank"]) <= 6.001  # of 7 clips, centred


def test_what_auto_stands_for_is_written(simclr_recipe, tmp_path):
    text = simclr_recipe.read_text().replace("optimizer: adamw\n", "").replace("lr: 1.0e-3\n", "")
    (tmp_path / "auto.yaml").write_text(text)
    folder = tmp_path / "run"
    assert main(["train", str(tmp_path / "auto.yaml"), "--output-dir", str(folder), "--epochs", "1"]) == 0
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    assert settings["optimizer"] == "sgd" and settings["lr"] == pytest.approx(0.3 * 4 / 256)
    assert main(["eval", str(folder)]) == 0


def test_eval_gives_the_same_scores_again(simclr_run, tmp_path, capsys):
    folder = shutil.copytree(simclr_run, tmp_path / "run")
    before = (folder / "metrics.json").read_text()
    assert main(["eval", str(folder)]) == 0
    assert json.loads((folder / "metrics.json").read_text()) == json.loads(before)
    assert "[3 nearest clips vote; feature spread " in capsys.readouterr().out


def test_unlabelled_clips_take_the_training_splits_place(simclr_recipe, caer, tmp_path):
    """Six images without a class; the probes still have the 14 labelled ones."""
    for number, path in enumerate(sorted((caer / "CAER" / "train").rglob("*.png"))[:6]):
        (tmp_path / "any" / f"{number % 2}").mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / "any" / f"{number % 2}" / f"{number}.png")
    folder = tmp_path / "run"
    words = ["--output-dir", str(folder), "--unlabelled", str(tmp_path / "any")]
    assert main(["train", str(simclr_recipe), *words]) == 0
    assert f"--unlabelled {tmp_path / 'any'}: 6 videos and images" in (folder / "train.log").read_text()
    assert checkpoint.load(folder / "checkpoints" / "last.pt")["steps"] == 2 * 2
    rows = json.loads((folder / "metrics.json").read_text())["test"]["probes"]["linear"]
    assert [row["labels"] for row in rows if row["fraction"] == 1] == [14] * 3
    shutil.rmtree(tmp_path / "any")
    assert main(["eval", str(folder)]) == 0


# ---------------------------------------------------------------- from one run to another

def video_weights(run: Path) -> dict[str, torch.Tensor]:
    return {name: value for name, value in load_file(run / "model.safetensors").items() if name.startswith("video.")}


def starts_from(weights: dict, state: dict) -> bool:
    return len(weights) > 20 and all(torch.equal(state[name], value) for name, value in weights.items())


def test_a_recogniser_starts_from_the_encoder(simclr_run, configure, tmp_path):
    def begun(flags: str) -> dict:
        return build_trainer(configure(flags), tmp_path).model.state_dict()

    weights = video_weights(simclr_run)
    state = begun(f"--init-from {simclr_run} --moco-keys video")
    assert starts_from(weights, state) and not starts_from(weights, begun("--moco-keys video"))
    assert starts_from({name.replace("video.", "key_side."): value for name, value in weights.items()}, state)
    assert {name for name in state if name.startswith("video.")} == weights.keys()


def test_pretraining_starts_from_a_recogniser_or_another_pretraining(simclr_recipe, simclr_run, configure, tmp_path):
    (tmp_path / "recogniser").mkdir()
    recogniser = build_trainer(configure(), tmp_path / "recogniser")
    save_run_model(recogniser.model, recogniser.task.labels, tmp_path / "recogniser")
    for run in (tmp_path / "recogniser", simclr_run):
        trainer = build_trainer(simclr_configure(simclr_recipe, f"--init-from {run} {MOCO}"), tmp_path)
        state, weights = trainer.model.state_dict(), video_weights(run)
        assert starts_from(weights, state)
        assert starts_from({name.replace("video.", "key_side.0."): value for name, value in weights.items()}, state)


def test_the_recogniser_outlives_the_run_it_started_from(simclr_run, recipe, tmp_path, capsys):
    start, folder = shutil.copytree(simclr_run, tmp_path / "start"), tmp_path / "recogniser"
    words = ["train", str(recipe), "--output-dir", str(folder), "--init-from", str(start), "--epochs", "1"]
    assert main(words) == 0
    before = json.loads((folder / "metrics.json").read_text())
    assert f"encoder from {start}" in (folder / "train.log").read_text()
    shutil.rmtree(start)
    capsys.readouterr()
    assert main(["eval", str(folder)]) == 0
    assert json.loads((folder / "metrics.json").read_text()) == before
    assert main(["train", str(recipe), "--output-dir", str(tmp_path / "again"), "--init-from", str(start)]) == 2
    assert f"error: {start}/model.safetensors: no such file" in capsys.readouterr().err


@pytest.mark.parametrize("start, flags, said", [
    ("simclr", "--streams face", "its encoder has other settings"),
    ("simclr", "--clip-model micro_bn", "its encoder has other settings"),
    ("simclr", "--image-size 48", "its encoder has other settings"),
    ("simclr", "--temporal-layers 2", "its encoder has other settings"),
    ("text", "", "that run has no encoder of clips"),
    ("nothing", "", "model.safetensors: no such file; give the folder of a finished run"),
    ("rubbish", "", "model.safetensors: not the weights of a run"),
])
@pytest.mark.parametrize("kind", ["recipe", "simclr_recipe"])
def test_a_start_that_does_not_fit_is_one_line_and_status_2(start, flags, said, kind, simclr_run, tmp_path, capsys,
                                                            request):
    run = simclr_run if start == "simclr" else tmp_path / start
    run.mkdir(exist_ok=True)
    if start == "text":
        reader = build_trainer(small_reviews.configure(tmp_path), run)
        save_run_model(reader.model, reader.task.labels, run)
    elif start == "rubbish":
        (run / "model.safetensors").write_bytes(b"rubbish")
    recipe = str(request.getfixturevalue(kind))
    assert main(["train", recipe, "--output-dir", str(tmp_path / "run"), "--init-from", str(run), *flags.split()]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert [line for line in errors if line.startswith("error: ")] == errors[-1:]
    assert said in errors[-1] and str(run) in errors[-1]


# ---------------------------------------------------------------- an accident

@pytest.mark.slow
def test_an_error_ends_the_process_though_workers_live(simclr_recipe, tmp_path):
    """Persistent workers ignore the SIGTERM that Python ends its children with, and waits upon."""
    code = ("import sys; from main import main; from trainer import Trainer\n"
            "def broken(self, split): raise ZeroDivisionError('on purpose')\n"
            "Trainer.evaluate = broken\n"
            "main(sys.argv[1:])\n")
    words = ["train", str(simclr_recipe), "--clip-model", "tiny", "--num-workers", "1", "--output-dir", str(tmp_path),
             "--force"]  # for the check before training finds it broken too
    with subprocess.Popen([sys.executable, "-c", code, *words], cwd=ROOT, text=True, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, env=os.environ | {"OMP_NUM_THREADS": "1"}) as process:
        try:
            _, said = process.communicate(timeout=1200)
        finally:
            process.kill()
    assert process.returncode == 1 and "ZeroDivisionError: on purpose" in said
