"""Known answers: right code has them all, a changed one is named with its file, and nothing is drawn for them."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

import utils.losses.ghm
import utils.losses.ldl
import utils.losses.moco
import utils.losses.ntxent
import utils.losses.supcon
import utils.optimizer
import utils.precision
import utils.prediction
import utils.seeding
import utils.tasks.clip_metrics
import utils.tasks.review_metrics
from tests.faults.line import replace_line
from utils.cells import sentiment_cells
from utils.known_answers import ANSWERS, known_answers, losses, scores, training
from utils.known_answers.answer import Answer, check
from utils.losses import DecorrelationLoss, FocalLoss, MoCoLoss
from utils.prediction import Predictions
from utils.tasks.clips import Clips
from utils.tasks.pretraining import Pretraining
from utils.tasks.reviews import Reviews


def test_all_are_right_and_nothing_is_drawn():
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    assert known_answers() == []
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states[1:]


def test_names_are_told_apart_and_files_are_there():
    names = [answer.what for answer in ANSWERS]
    assert len(set(names)) == len(names)
    root = Path(__file__).parents[2]
    assert all((root / answer.file).is_file() for answer in ANSWERS)


def said(monkeypatch, target, name, value) -> list[str]:
    monkeypatch.setattr(target, name, value)
    return [finding.text.split(" gives ")[0] for finding in known_answers()]


def not_detached(query, key, labels, queue, queue_labels, count, temperature):
    return original_moco(query, key.clone(), labels, queue, queue_labels, count, temperature) + 0 * key.sum() + (
        key - key.detach()).sum()


original_moco = utils.losses.moco.moco_loss


@pytest.mark.parametrize("target, name, value, wrong", [
    (utils.losses.moco, "moco_loss", not_detached, "MoCoLoss"),
    (utils.losses.ghm, "gradient_norms", lambda log_p: 1 + log_p.exp(), "GHMCLoss"),
    (utils.losses.supcon, "label_agreement", lambda labels: (labels[:, :1] == labels.T[:1]).float(),
     "SupConLoss of aspects"),
    (DecorrelationLoss, "forward", lambda self, x: utils.losses.decorrelation.decorrelation_loss(x.T),
     "DecorrelationLoss"),
    (FocalLoss, "forward", lambda self, logits, target: logits.sum(), "FocalLoss"),
    (MoCoLoss, "enqueue", lambda self, key, labels: None, "MoCoLoss's queue"),
    (training, "ramp", lambda value, warmup, length: lambda epoch: value, "ramp"),
    (training, "before", lambda end: lambda epoch: float(epoch <= end), "before"),
    (training, "mixup", lambda batch, alpha, stream: batch, "mixup"),
    (training, "move_towards", lambda average, module, momentum: None, "move_towards"),
    (training, "sentiment_cells", lambda cells, fill: sentiment_cells(cells.clamp(min=-1), fill), "sentiment_cells"),
    (training, "view_pairs", lambda batch, settings, stream: batch.__class__(
        batch.targets, batch.ids, batch.face.flatten(0, 1).unflatten(0, (2, -1)).transpose(0, 1)), "view_pairs"),
    (scores, "knn", lambda *args: torch.ones(3, 2) / 2, "knn"),
    (utils.tasks.clip_metrics, "confusion", lambda said, truth, classes: torch.ones(4, 4),
     "clip scores"),
    (losses, "inverse_frequency_alpha", lambda counts: torch.ones(3), "inverse_frequency_alpha"),
    (losses, "solve_target_temperature", lambda features, mass: 1.0, "solve_target_temperature"),
])
def test_a_changed_function_is_named(monkeypatch, target, name, value, wrong):
    assert wrong in said(monkeypatch, target, name, value)


@pytest.mark.parametrize("function, old, new, wrong", [
    (utils.prediction.predict, "parts.append(part.float().cpu())", "parts.insert(0, part.float().cpu())", "predict"),
    (utils.prediction.predict, "if not len(batch):", "if len(batch) < 2:", "predict"),
    (utils.prediction.predict, "model.train(was_training)", "pass", "predict"),
    (Predictions.probabilities, "dim=-1", "dim=0", "probabilities of predictions"),
    (Predictions.cross_entropy, "self.logits[known]", "self.probabilities[known]", "cross entropy of predictions"),
    (Clips.score, "self.labels.classes", "self.labels.classes[::-1]", "what is said of clips"),
    (Clips.rows, "row.argmax()", "row.argmin()", "what is said of clips"),
    (Pretraining._voted, "self.neighbours)", "1)", "what neighbours say of a clip"),
    (Pretraining._voted, ", self.neighbours)", ")", "what neighbours say of a clip"),
    (Pretraining.score, "spread, rank = ", "rank, spread = ", "how features lie"),
    (Reviews.__init__, "config.model.mention_threshold", "0.5", "from when an aspect is mentioned"),
    (Reviews.cells, "!= self.fill", "== self.fill", "what is said of reviews by a class"),
    (Reviews.mention_probabilities, "1 - predictions", "predictions", "what is said of reviews by a class"),
    (Reviews.sentiment_probabilities, ": len(self.sentiments)", ":", "what is said of reviews by a class"),
    (Reviews.score, "score_cells(self.cells(predictions)", "score_cells(polarity", "what is said of reviews"),
    (Reviews.rows, "of[i][a]", "of[i][a][::-1]", "what is said of reviews"),
    (utils.tasks.review_metrics.count_pairs, "(truth != NO_POLARITY)", "(truth == truth)", "review scores"),
    (utils.tasks.clip_metrics._from_matrix, '"f1": float(f1[i])', '"f1": float(recall[i])', "clip scores"),
    (utils.optimizer.build_optimizer, "AdamW(parts, lr=config.lr", "AdamW(parts, eps=0.01, lr=config.lr",
     "optimisers"),
    (utils.optimizer.build_optimizer, '"full_lr": rate * factor,', '"full_lr": rate,', "rates by layer"),
    (utils.losses.ntxent.ntxent_loss, ".repeat(2)", ".repeat_interleave(2)", "NTXentLoss of views that agree"),
    (utils.optimizer.build_optimizer, "trust_clip=False", "trust_clip=True", "optimisers"),
    (utils.seeding.generator, "(seed, use, *counters)", "(seed, *counters)", "streams of seeds"),
    (utils.seeding.generator, "(seed, use, *counters)", "(seed, use)", "streams of seeds"),
    (utils.seeding.generator, "(seed, use, *counters)", "(use, *counters)", "streams of seeds"),
    (utils.seeding.generator, "(seed, use, *counters)", "None", "streams of seeds"),
    (utils.seeding.seed_torch, "int(stream.integers(2**63))", "seed", "streams of seeds"),
    (utils.seeding.seed_torch, "torch.manual_seed(int(stream.integers(2**63)))", "pass", "streams of seeds"),
    (utils.precision.choose_precision, "Precision(None, False, \"float32 (--no-use-amp)\")",
     "Precision(torch.bfloat16, False, '')", "choose_precision"),
])
def test_a_changed_line_is_named(monkeypatch, function, old, new, wrong):
    replace_line(function, old, new, monkeypatch)
    assert wrong in [finding.text.split(" gives ")[0] for finding in known_answers()]


def test_a_finding_says_what_where_and_what_to_do():
    wrong = Answer("SemanticLDLLoss", "utils/losses/ldl.py", lambda: torch.tensor(0.123456), 0.456)
    broken = Answer("x", "y.py", lambda: 1 / 0, [1.0])
    found = check([wrong, broken, Answer("z", "z.py", lambda: (1, torch.tensor([2.0])), [1, [2.0001]])])
    assert [finding.level for finding in found] == ["error", "error"]
    assert found[0].name == "known-answer" and found[0].example == "utils/losses/ldl.py"
    assert found[0].text == "SemanticLDLLoss gives 0.123456 on a known input, not 0.456"
    assert found[0].remedy.startswith("utils/losses/ldl.py was changed; undo that, or correct the known answer")
    assert "x gives ZeroDivisionError: division by zero" in found[1].text


@pytest.mark.parametrize("found, expected", [
    (float("nan"), 1.0), ([1.0], [1.0, 1.0]), ({"a": 1.0}, {"b": 1.0}), (1.001, 1.0), (True, 2.0), ("1", 1),
    (None, 0.0),
])
def test_what_differs_is_wrong(found, expected):
    assert check([Answer("x", "y.py", lambda: found, expected)])
