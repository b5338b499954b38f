"""The embedded defaults, trained to the end: what the README promises of them."""

import csv
import json

import pytest

from main import main
from utils.recipe import load_config


def test_the_demo_has_every_term_on():
    config = load_config("demo")
    loss = config.loss
    assert loss.use_ldl and 0 < loss.ldl_warmup < config.train.epochs and loss.label_smoothing > 0
    assert loss.lambda_mi > 0 and loss.lambda_dc > 0 and loss.use_moco and loss.lambda_moco > 0 and loss.moco_k == 4096
    assert loss.mixup_alpha > 0 and config.train.use_amp and config.train.grad_clip > 0
    assert config.data.streams == "both"


@pytest.mark.slow
def test_the_demo_recognises_people_it_has_never_seen(tmp_path, monkeypatch):
    """Seed 0; others' figures are in docs/LOG.md."""
    monkeypatch.chdir(tmp_path)
    assert main(["train", "demo"]) == 0
    test = json.loads((tmp_path / "runs/demo/metrics.json").read_text())["test"]
    assert test["clips"] == 140 and test["left_out"] == {}
    assert test["shares"]["face: centre crop"] == pytest.approx(0.1)
    assert test["uar"] >= 0.80 > 5 * test["baselines"]["majority"]["uar"]
    with open(tmp_path / "runs/demo-data/identities.csv") as file:
        people = {split: set() for split in ("train", "validation", "test")}
        for row in csv.DictReader(file):
            people[row["split"]].add(row["identity"])
    assert not people["test"] & (people["train"] | people["validation"])


@pytest.mark.slow
@pytest.mark.parametrize("loss, reached", [("focal", 0.85), ("ghm", 0.80), ("unified", 0.80), ("ce", 0.80)])
def test_the_demo_reads_reviews_in_frames_it_has_never_seen(tmp_path, monkeypatch, loss, reached):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "absa_demo", "--loss-type", loss]) == 0
    test = json.loads((tmp_path / "runs/absa_demo/metrics.json").read_text())["test"]
    assert test["reviews"] == 600 and test["left_out"] == {} and len(test["per_aspect"]) == 11
    assert test["pair_micro_f1"] >= reached > 3 * test["baselines"]["majority"]["pair_micro_f1"]


@pytest.mark.slow
def test_digits_learned_without_labels_need_one_a_class(tmp_path, monkeypatch):
    """A linear probe of one label a class, mean over its draws, beside the same of pixels and of random weights."""
    monkeypatch.chdir(tmp_path)
    assert main(["train", "simclr_demo"]) == 0
    test = json.loads((tmp_path / "runs/simclr_demo/metrics.json").read_text())["test"]
    rows = {row["features"]: row for row in test["probes"]["linear"] if row["labels"] == 10}
    uar = {name: sum(row["uar"]) / len(row["uar"]) for name, row in rows.items()}
    assert len(rows["this run"]["uar"]) == 3 and test["left_out"] == {}
    assert uar["this run"] >= max(uar["pixels"], uar["before training"]) + 0.10
    assert test["feature_spread"] > 0.3 and test["effective_rank"] > 10
