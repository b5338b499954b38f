"""Trials: clean trainings give no finding and stay as they are, and each fault is named."""

import copy
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import models.prompts
import models.simclr
import models.temporal
import models.text_encoder
import models.video_encoder
import utils.mixup
import utils.objective.simclr
import utils.objective.text
import utils.objective.video
import utils.tasks.clips
import utils.tasks.pretraining
from commands.build import build_trainer
from models.adapter import Adapter
from models.aspects import AspectAttention, PerAspectLinear, ReviewReader
from models.fusion import Fusion
from models.prompts import PromptLearner
from models.recogniser import VideoRecogniser
from models.simclr import SimCLR
from models.temporal import TemporalTransformer
from models.text_tower import TextTower
from models.video_encoder import VideoEncoder
from tests import small_reviews, small_simclr
from tests.faults.line import replace_line
from trainer import Trainer
from utils.health.trials import trials
from utils.losses import MoCoLoss
from utils.objective import Objective
from utils.objective.video import MoCo, over_labels
from utils.tasks.reviews import Reviews


@pytest.fixture
def trainer(configure, simclr_recipe, tmp_path) -> Callable[[str, str], Trainer]:
    """A training before its first step: of "video", "simclr" or "text", with flags."""
    def build(kind: str, flags: str = "") -> Trainer:
        if kind == "text":
            return build_trainer(small_reviews.configure(tmp_path, flags), Path(tmp_path, "run"))
        config = configure(flags) if kind == "video" else small_simclr.configure(simclr_recipe, flags)
        return build_trainer(config, tmp_path)

    return build


def found(trainer: Trainer, batch=None) -> list:
    batch = next(trainer.loaders["train"].epoch(0)) if batch is None else batch
    return trials(trainer.config, trainer.task, trainer.model, trainer.objective, batch, trainer.device)


def state(trainer: Trainer) -> list:
    model = trainer.model.train()
    tensors = [*model.state_dict().values(), *trainer.objective.state_dict().values(), torch.get_rng_state()]
    return [[value.tolist() for value in tensors], [part.training for part in model.modules()],
            [(p.grad, p.requires_grad) for p in model.parameters()], random.getstate(),
            np.random.get_state()[1].tolist()]


CLEAN = [
    ("video", ""), ("video", "--moco-keys video --mirror --temporal-pool attention --num-segments 3"),
    ("video", "--text-type prompt_ensemble --class-token-position middle --streams face --lr-image-encoder 0"),
    ("video", "--no-class-specific-contexts --ldl-features learned --ldl-warmup 0 --mi-ramp 0 --dc-rows 9 --moco-k 2"),
    ("video", "--no-use-ldl --lambda-mi 0 --lambda-dc 0 --no-use-moco --mixup-alpha 0 --class-token-position front"),
    ("video", "--clip-model micro_bn --batch-size 1 --contexts-init emotion --ldl-temperature 0.2"),
    ("simclr", "--chunk-size 2"), ("simclr", "--ssl moco --moco-k 4 --clip-model micro_bn"),
    ("simclr", "--load-size 40 --num-segments 1 --streams face --crop-scale 1 --colour 0 --flip 0"),
    ("text", "--pooling aspect --token-dropout 0.3"), ("text", "--pooling mean --loss-type ce --unmentioned class"),
    ("text", "--loss-type ghm --unmentioned neutral --batch-size 1"), ("text", "--loss-type unified --lr-encoder 0"),
    ("video", "--contexts-init photo --temporal-layers 2 --dropout 0 --adapter-ratio 64 --lr-prompt-learner 0"),
    ("text", "--freeze-embeddings --dropout 0 --pooling cls"),
    ("text", "--contrastive-weight 0 --focal-alpha 1 2 3"), ("text", "--classification-weight 0"),
]


@pytest.mark.parametrize("kind, flags", CLEAN)
def test_a_clean_training_has_no_finding_and_stays_as_it_is(trainer, kind, flags):
    built = trainer(kind, flags)
    batch = next(built.loaders["train"].epoch(0))  # a DataLoader draws a seed
    before = state(built)
    assert found(built, batch) == []
    assert state(built) == before


def test_an_empty_batch_is_not_looked_at(trainer):
    built = trainer("video")
    batch = next(built.loaders["train"].epoch(0))
    empty = batch.__class__(batch.targets[:0], [])
    assert trials(built.config, built.task, built.model, built.objective, empty, built.device) == []


def test_a_network_of_another_make_is_told_and_not_refused(trainer):
    built = trainer("video")
    del built.model.momentum
    assert {(f.level, f.name) for f in found(built)} == {("note", "trial-not-done")}


def test_what_does_not_run_is_an_error(trainer, monkeypatch):
    monkeypatch.setattr(MoCoLoss, "contrast", lambda self, *args: 1 / 0)
    assert "trial-raised" in {f.name for f in found(trainer("video"))}


def encoder(self, face, context=None, mean=None, order="s b t", scale=True, streams=None, unit=True):
    """VideoEncoder.forward, with a place for each fault."""
    chosen = [face] if self.fusion is None else [face, context]
    b = len(face)
    x = torch.cat([frames.flatten(0, 1) for frames in (streams or (lambda s: s))(chosen)])
    x = (x.float() - (self.mean if mean is None else mean)) / self.std
    x = self.visual(x)
    x = self.adapter(F.normalize(x, dim=-1) * (x.shape[-1] ** 0.5 if scale else 1))
    x = x.view(len(chosen), b, -1, x.shape[-1]) if order == "s b t" else x.view(
        len(chosen), -1, b, x.shape[-1]).transpose(1, 2)
    x = x[0] if self.fusion is None else self.fusion(*x)
    x = self.temporal(x).float()
    return F.normalize(x, dim=-1) if unit else x


FORWARD = {owner: owner.forward for owner in (VideoRecogniser, ReviewReader, SimCLR, PromptLearner, TextTower)}


def wrapped(owner, change):
    """The owner's forward, with its Output changed."""
    def forward(self, *args):
        output = FORWARD[owner](self, *args)
        change(output)
        return output

    return owner, "forward", forward


def leaking(self, hidden, mask):
    hidden = self.old(hidden, mask)
    return hidden - hidden.mean(dim=0, keepdim=True)


def weights_of(name: str, value: float):
    """An objective in which a term weighs another number."""
    def forward(self, output, batch, epoch):
        self.terms[name].weight = lambda epoch: value
        return ORIGINAL(self, output, batch, epoch)

    return Objective, "forward", forward


ORIGINAL = Objective.forward
ENCODER = (VideoEncoder, "forward")

FAULTS = {
    "pixels": [("video", *ENCODER, lambda self, f, c=None: encoder(self, f, c, mean=0.0))],
    "batch-leak": [("video", *ENCODER, lambda self, f, c=None: encoder(self, f, c, order="s t b")),
                   ("text", AspectAttention, "forward", lambda self, hidden, mask: hidden.mean(
                       dim=(0, 1), keepdim=True).expand(len(hidden), len(self.queries), -1) + hidden[:, :1])],
    "feature-scale": [("video", *ENCODER, lambda self, f, c=None: encoder(self, f, c, scale=False))],
    "unit-length": [("video", *ENCODER, lambda self, f, c=None: encoder(self, f, c, unit=False)),
                    ("text", ReviewReader, "_project", lambda self, x: self.projection(x))],
    "context-ignored": [("video", Fusion, "forward", lambda self, face, context: face + self.correction(
        torch.cat([face, face], dim=-1)))],
    "face-ignored": [("simclr", *ENCODER, lambda self, f, c=None: encoder(self, f, c, streams=lambda s: [s[1]] * 2))],
    "frame-ignored": [("video", TemporalTransformer, "forward", lambda self, x: x[:, 0] + self.out(x[:, 0]))],
    "frame-order": [("video", models.temporal, "sinusoids", lambda length, width, device: torch.zeros(length, width))],
    "start": [("video", Adapter, "forward", lambda self, x: x + self.layers(x) + 1)],
    "not-repeatable": [("video", Adapter, "forward", lambda self, x: F.dropout(x, 0.1) + self.layers(x))],
    "eval-changes-state": [("video", Adapter, "forward", lambda self, x: x + self.layers(x) + touch())],
    "logits": [("video", *wrapped(VideoRecogniser, lambda out: setattr(out, "logits", out.logits * 2)))],
    "prompt-contexts": [("video", PromptLearner, "forward", lambda self, tower: FORWARD[PromptLearner](
        self, tower).detach())],
    "prompt-order": [("video --class-token-position middle", models.prompts, "_order",
                      lambda words, context, length, position: [0, *range(length, length + context),
                                                                *range(1, length)][:length])],
    "class-texts": [("video --text-type prompt_ensemble", models.recogniser, "mean_per_class",
                     lambda features, per_class: F.normalize(features.unflatten(0, (per_class, -1)).mean(0), dim=-1))],
    "keys": [("video --moco-keys video", VideoRecogniser, "_keys", lambda self, batch: self.key_side(
        batch.context, batch.face).detach())],
    "momentum": [("video", models.momentum, "move_towards", lambda ours, theirs, momentum: None),
                 ("simclr --ssl moco", models.simclr, "frozen_copy", lambda module: copy.deepcopy(module))],
    "mirror": [("video --mirror", models.recogniser, "_mirror", lambda frames: None if frames is None else
                frames.flip(-2))],
    "views": [("simclr", SimCLR, "_project", lambda self, video, head, streams, batch: models.simclr._projected(
        head, video(*(stream.flatten(0, 1) for stream in streams))))],
    "prepare": [("simclr", utils.tasks.pretraining, "view_pairs", lambda batch, settings, stream: batch.__class__(
        batch.targets, batch.ids, batch.face[:, :1].expand_as(batch.face), batch.context))],
    "mixup": [("video", utils.tasks.clips, "mixup", lambda batch, alpha, stream: batch),
              ("video", utils.tasks.clips, "mixup", lambda batch, alpha, stream: (
                  mixed := utils.mixup.mixup(batch, alpha, stream))
                  and setattr(mixed, "context", batch.context) or mixed)],
    "token-dropout": [("text --token-dropout 0.3", Reviews, "prepare", lambda self, batch, stream: batch)],
    "terms": [("video", *weights_of("mi", 0.0))],
    "weights": [("video", *weights_of("moco", 0.5)), ("text", *weights_of("con", 0.5))],
    "total": [("video", Objective, "forward", lambda self, output, batch, epoch: (
        report := ORIGINAL(self, output, batch, epoch)) and setattr(report, "total", -report.total) or report)],
    "term-gradient": [("video", utils.objective.video.Decorrelation, "forward",
                       lambda self, output, batch: self.loss(output.embedding.detach()) + 0 * output.embedding.sum()),
                      ("video", utils.objective.video.MutualInformation, "forward",
                       lambda self, output, batch: self.loss(output.embedding, output.embedding)),
                      ("text", utils.objective.text.Contrast, "forward",
                       lambda self, output, batch: self.loss(output.logits.flatten(1), batch.targets))],
    "value": [("video", utils.objective.video, "over_labels", lambda value, batch: value(batch.targets)),
              ("video --ldl-warmup 0", utils.objective.video.LDL, "forward", lambda self, output, batch: over_labels(
                  lambda labels: self.loss(output.logits, labels, output.text_features), batch)),
              ("text", utils.objective.text.Mentions, "forward", lambda self, output, batch: self.loss(
                  output.mention, (batch.targets >= 0).float()))],
    "queue": [("video", MoCo, "forward", lambda self, output, batch: self.loss(
        output.embedding, output.key[batch.targets], batch.targets.flip(0)))],
    "settings": [("video", utils.objective.video, "MoCoLoss", lambda dim, size, temperature: MoCoLoss(dim, size, 0.5))],
    "ldl-targets": [("video", utils.objective.video, "solve_target_temperature", lambda features, mass: 1.0)],
    "accuracy": [("video", utils.tasks.clips.Clips, "accuracy", lambda self, output, batch: (
        output.logits.argmax(-1) == batch.targets).float().mean())],
    "padding": [("text --pooling mean", ReviewReader, "_pool", lambda self, hidden, mask: hidden.mean(
        1, keepdim=True))],
    "pooling": [("text --pooling mean", ReviewReader, "_pool", lambda self, hidden, mask: hidden[:, :1])],
    "token-ignored": [("text", ReviewReader, "forward", lambda self, batch: FORWARD[ReviewReader](self, batch.__class__(
        batch.targets, batch.ids, tokens=batch.tokens[:, :1], mask=batch.mask[:, :1])))],
    "cells": [("text", PerAspectLinear, "forward", lambda self, x: self.shared(x.expand(-1, len(self.own), -1)) + (
        torch.einsum("baw,aow->bao", x.expand(-1, len(self.own), -1), self.own) + self.bias).flip(1))],
    "parameter-groups": [("video", VideoRecogniser, "parameter_groups", lambda self: {
        "": [(n, p) for n, p in self.named_parameters() if p.requires_grad and "prompts" not in n]})],
    "no-gradient": [("video", TemporalTransformer, "forward", lambda self, x: x.mean(1) + self.out(
        self.transformer(x).detach().mean(1)))],
    "frozen": [("video --lr-image-encoder 0", VideoRecogniser, "train", nn.Module.train)],
}


def touch() -> float:
    """Moves the mean of the pixels by a little, as a batch norm in train mode would."""
    COUNTED["encoder"].mean.add_(0.01)
    return 0.0


COUNTED: dict[str, nn.Module] = {}


@pytest.mark.parametrize("name, what, owner, attribute, value", [
    (name, *case) for name, cases in FAULTS.items() for case in cases],
    ids=[f"{name}-{number}" for name, cases in FAULTS.items() for number in range(len(cases))])
def test_a_fault_is_named(trainer, monkeypatch, name, what, owner, attribute, value):
    kind, _, flags = what.partition(" ")
    if kind == "text" and owner is AspectAttention:
        flags = "--pooling aspect"
    monkeypatch.setattr(owner, attribute, value)
    built = trainer(kind, flags)
    COUNTED["encoder"] = getattr(built.model, "video", None)
    findings = {finding.name: finding for finding in found(built)}
    assert f"trial-{name}" in findings
    finding = findings[f"trial-{name}"]
    assert finding.level == ("warning" if name == "no-gradient" else "error")
    assert finding.remedy.startswith("look at ")


# Kind and flags, a function, a piece of its text, and what stands there by mistake.
LINES = {
    "mixup-alpha": [(f"video --mixup-alpha {alpha}", utils.tasks.clips.Clips.prepare, "self.mixup_alpha", wrong)
                    for alpha, wrong in ((0.4, "0.2"), (0.2, "0.1"), (1, "0.2"), (0.2, "1.0"))],
    "learns": [("video", VideoRecogniser.__init__, "requires_grad_(trainable_image)", "requires_grad_(False)"),
               ("video", TextTower.__init__, "text.requires_grad_(False)", "text.requires_grad_(True)"),
               ("text --freeze-embeddings", models.text, "if config.train.freeze_embeddings:", "if False:")],
    "frozen": [("video --clip-model micro_bn", VideoRecogniser.train, "if not self", "if self"),
               ("text", ReviewReader.train, "if not self", "if self"),
               ("simclr", models.simclr._projected, "head.train(len(features) > 1)", "head.eval()")],
    "built": [("video --dropout 0.2", Adapter.__init__, "nn.Dropout(dropout)", "nn.Dropout(0.0)"),
              ("video", TemporalTransformer.__init__, "4 * width, dropout", "4 * width, 0.9"),
              ("simclr --temporal-layers 2", TemporalTransformer.__init__, "(layer, layers,", "(layer, 1,"),
              ("video --temporal-heads 4", TemporalTransformer.__init__, "width, heads, 4", "width, 1, 4"),
              ("video --adapter-ratio 2", VideoEncoder.__init__, "settings.adapter_ratio", "4"),
              ("simclr --head-width 24", SimCLR.__init__, "settings.head_width", "16"),
              ("text --head-width 8", ReviewReader.__init__, "nn.Linear(width, settings.head_width)",
               "nn.Linear(width, 16)"),
              ("text", ReviewReader.__init__, "nn.ReLU(), nn.Dropout(settings.dropout)", "nn.ReLU(), nn.Dropout(0.9)")],
    "prompt-contexts": [("video --contexts-init photo", models.prompts._initial_context, "if not init:", "if True:")],
    "start": [("video", VideoEncoder.forward, "[face, context]", "[context, face]")],
    "keys": [("video", VideoRecogniser._keys, "self.key_side(self.text", "self.prompts(self.text"),
             ("video --moco-keys video", VideoRecogniser._keys, "_encode(self.key_side", "_encode(self.video"),
             ("simclr --ssl moco", SimCLR._keys, "*self.key_side", "self.video, self.head")],
    "mirror": [("video --mirror", VideoRecogniser.features, "self.mirror and not self.training", "self.mirror")],
    "part-without-gradient": [
        ("video", VideoRecogniser.forward, "text_features=text,", "text_features=text.detach(),"),
        ("text", ReviewReader._decide, "self._project(embedding)", "self._project(embedding.detach())"),
        ("text", ReviewReader._decide, "self.mentions(pooled)", "self.mentions(pooled.detach())")],
    "value": [
        ("simclr", utils.objective.simclr.Contrast.forward, "output.key)", "output.key.roll(1, 0))"),
        ("simclr --ssl moco", utils.objective.simclr.Queue.forward, "output.key,", "output.key.roll(1, 0),"),
        ("text", utils.objective.text.Contrast.forward, "batch.targets)", "batch.targets.roll(1, 0))"),
        ("text --contrastive-base-weight 0.2", utils.objective.text.Contrast.forward, "batch.targets)",
         "batch.targets.clamp(min=0))")],
    "settings": [
        ("text --loss-type unified --unified-rare Neutral", utils.objective.text._rare,
         "labels.classes.index(name) for", "config.unified_rare.index(name) for"),
        ("text --loss-type unified --unified-rare Neutral", utils.objective.text._classification_loss,
         "config.unified_gamma, bool(rare), rare)", "config.unified_gamma)")],
    "padding-id": [("text", models.text_encoder.load_encoder, "**TINY)", "**(TINY | {'pad_token_id': 2}))")],
    "streams-apart": [("video", VideoEncoder.forward, "self.fusion(*x)", "self.fusion(x[0], x[1].flip(1))"),
                      ("simclr", VideoEncoder.forward, "self.fusion(*x)", "self.fusion(x[0], x[1].roll(1, 0))")],
}


@pytest.mark.parametrize("name, case", [(name, case) for name, cases in LINES.items() for case in cases],
                         ids=lambda value: value if isinstance(value, str) else "")
def test_a_line_that_is_wrong_is_named(trainer, monkeypatch, name, case):
    (kind, _, flags), *line = case[0].partition(" "), *case[1:]
    replace_line(*line, monkeypatch)
    assert f"trial-{name}" in {finding.name for finding in found(trainer(kind, flags))}


@pytest.mark.parametrize("flags", ["", "--moco-keys video"])
def test_keys_of_a_run_started_from_another_meet_its_encoder(trainer, monkeypatch, simclr_run, flags):
    flags = f"--init-from {simclr_run} {flags}"
    assert found(trainer("video", flags)) == []
    replace_line(models._started, "model.meet_keys()", "pass", monkeypatch)
    met = {finding.name for finding in found(trainer("video", flags))}
    assert met == ({"trial-keys-unmet"} if "video" in flags.split() else set())


def test_sentiments_that_are_enhanced_are_no_fault(trainer):
    assert found(trainer("text", "--loss-type unified --unified-rare Neutral Negative")) == []
