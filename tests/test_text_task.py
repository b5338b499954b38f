"""The text task through the same trainer and command line as video."""

import csv
import json

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from commands.build import build_trainer
from main import main
from tests.small_reviews import ASPECTS, ROWS, configure, write_recipe, write_table
from tests.test_trainer import differences
from utils import checkpoint

EVERYTHING = "--loss-type ghm --ghm-bins 4 --oversample 0.5 --ema 0.9 --pooling aspect --contrastive-base-weight 0.1 "


def train(root, flags: str, stops: tuple = (), name: str = "run"):
    """As in test_trainer: from stop to stop, each time in a new Trainer from the checkpoint that the last one left."""
    folder, state = root / name, None
    for stop in (*stops, None):
        trainer = build_trainer(configure(root, flags), folder)
        if state:
            trainer.load_state_dict(state)
        trainer.fit(until_step=stop)
        state = checkpoint.load(folder / "checkpoints" / "last.pt")
    return trainer


@pytest.mark.parametrize("stops, workers", [((1,), 0), ((4,), 0), ((2, 5), 2)])
def test_a_resumed_run_equals_an_unbroken_one(tmp_path, stops, workers):
    whole = train(tmp_path, EVERYTHING, name="whole")
    broken = train(tmp_path, f"{EVERYTHING} --num-workers {workers}", stops, name="broken")
    assert whole.steps == 6 and len(whole.history) == 2
    assert int(whole.objective.terms["cls"].loss.updates.sum()) > 0
    assert differences(whole, broken) == []


@pytest.mark.parametrize("flags, reached", [
    ("--loss-type focal", 0.9), *(pytest.param(*rest, marks=pytest.mark.slow) for rest in (
        ("--loss-type ghm", 0.9), ("--loss-type unified", 0.9), ("--loss-type ce", 0.9),
        ("--unmentioned class", 0.9), ("--unmentioned neutral", 0.7)))])  # where a neutral mention cannot be found
def test_every_loss_learns_the_training_reviews(tmp_path, flags, reached):
    trainer = train(tmp_path, f"{flags} --batch-size 8 --epochs 60 --warmup-epochs 5 --lr 1e-2 --lr-encoder 3e-3 "
                              "--pooling mean")
    last = trainer.history[-1]
    assert last["val_pair_micro_f1"] >= reached  # the reviews of validation are among those of training
    assert {name for name in last if name.startswith("loss_")} == (
        {"loss_cls", "loss_con"} | (set() if "unmentioned" in flags else {"loss_mention"}))


def test_both_loss_parts_and_ghms_norms_go_to_tensorboard(tmp_path):
    train(tmp_path, "--loss-type ghm --ghm-bins 4 --epochs 2")
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    bins = [f"ghm_g_bin_{number:02}" for number in range(4)]
    names = {"loss_cls", "loss_con", "loss_mention", "ghm_g_min", "ghm_g_mean", "ghm_g_max", *bins}
    assert names <= set(events.Tags()["scalars"])
    last = {name: events.Scalars(name)[-1].value for name in names}
    assert 0 <= last["ghm_g_min"] <= last["ghm_g_mean"] <= last["ghm_g_max"] <= 1
    assert sum(last[name] for name in bins) == pytest.approx(1, abs=1e-5)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run, by the command line."""
    root = tmp_path_factory.mktemp("finished")
    folder = root / "run"
    assert main(["train", str(write_recipe(root)), "--output-dir", str(folder), "--epochs", "20", "--pooling",
                 "mean", "--lr-encoder", "3e-3"]) == 0
    return folder


def test_a_run_folder_holds_what_it_should(run):
    assert {"config.yaml", "metrics.json", "history.csv", "predictions.csv", "checkpoints", "model.safetensors",
            "tensorboard", "report.html", "tokenizer", "train.log"} <= {path.name for path in run.iterdir()}
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["val"]["reviews"] == 5 and metrics["test"]["reviews"] == 6
    settings = yaml.safe_load((run / "config.yaml").read_text())
    assert "focal_gamma" in settings and "ghm_bins" not in settings
    with (run / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == (5 + 6) * len(ASPECTS)
    said = [row for row in rows if row["split"] == "test" and row["review"] == "1"]
    assert {row["aspect"]: row["true"] for row in said} == {
        "BATTERY": "Negative", "CAMERA": "Positive", "OTHERS": "", "PRICE": ""}


def test_eval_gives_the_same_scores_again(run, capsys):
    before = (run / "metrics.json").read_text()
    assert main(["eval", str(run)]) == 0
    assert (run / "metrics.json").read_text() == before
    scores = json.loads(before)["test"]
    assert f"aspect F1 {scores['aspect_micro_f1']:.3f}" in capsys.readouterr().out


def test_eval_on_another_table(run, tmp_path, capsys):
    before = (run / "metrics.json").read_text()
    other = write_table(tmp_path / "other.csv", ROWS[:2])
    assert main(["eval", str(run), "--test-annotation", str(other)]) == 0
    said = capsys.readouterr().out
    assert "(2 reviews)" in said and "not written to metrics.json: --test-annotation" in said
    assert (run / "metrics.json").read_text() == before


@pytest.mark.parametrize("flags, said", [
    (["--pooling", "cls"], "--pooling: the run was trained with mean"),
    (["--unmentioned", "class"], "--unmentioned: the run was trained with ignore"),
])
def test_eval_refuses_another_network(run, flags, said, capsys):
    assert main(["eval", str(run), *flags]) == 2
    assert said in capsys.readouterr().err


def test_the_encoder_is_frozen_at_rate_0(tmp_path):
    trainer = build_trainer(configure(tmp_path, "--lr-encoder 0"), tmp_path / "run")
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    trainer.fit()
    after = trainer.model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and not any(name.startswith("encoder.") for name in changed)


def test_the_word_vectors_stay_when_told_to(tmp_path):
    trainer = build_trainer(configure(tmp_path, "--freeze-embeddings"), tmp_path / "run")
    name = "encoder.embeddings.word_embeddings.weight"
    before = {key: value.clone() for key, value in trainer.model.state_dict().items()}
    trainer.fit()
    changed = {key for key, value in trainer.model.state_dict().items() if not torch.equal(before[key], value)}
    assert name not in changed and "encoder.encoder.layer.0.output.dense.weight" in changed
